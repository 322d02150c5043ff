package manifests_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/manifests"
)

// Every value has the line that gave it: in the patch that set it, whatever its
// form, or where the object is described.
func TestLinesAreThoseToChange(t *testing.T) {
	set, err := manifests.Render("testdata/overlay")
	require.NoError(t, err)
	trigger := set.Find("eventing.knative.dev", "Trigger", "a")
	require.Equal(t, "money", trigger.Get("spec", "broker"))
	require.Equal(t, "testdata/base/trigger.yaml:3", trigger.Origin().String())
	settings := set.Find("", "ConfigMap", "settings")
	for _, c := range []struct {
		of   *manifests.Object
		path string
		at   string
	}{
		{trigger, "metadata name", "testdata/base/trigger.yaml:6"},
		{trigger, "spec delivery retry", "testdata/base/trigger.yaml:13"},
		{trigger, "spec broker", "testdata/overlay/patch.yaml:5"},                                     // a file with a target
		{trigger, "spec filters 0 exact type", "testdata/overlay/kustomization.yaml:13"},              // one operation
		{trigger, "metadata annotations example.com/order", "testdata/overlay/kustomization.yaml:17"}, // what it added
		{trigger, "spec delivery timeout", "testdata/overlay/kustomization.yaml:24"},                  // taken away
		{trigger, "spec delivery deadLetterSink uri", "testdata/base/trigger.yaml:12"},                // never there
		{settings, "data LOG_LEVEL", "testdata/base/settings.env:2"},
		{settings, "data PORT", "testdata/overlay/kustomization.yaml:5"},
	} {
		require.Equal(t, c.at, c.of.Line(strings.Fields(c.path)...).String(), c.path)
	}
}

func TestWhatCannotBeRendered(t *testing.T) {
	set, err := manifests.Parse("x.yaml", []byte("kind: [\n"))
	require.ErrorContains(t, err, "x.yaml: yaml: ")
	require.Error(t, set.Files[0].Broken)
	_, err = manifests.Parse("x.yaml", []byte("a: 1\n"))
	require.EqualError(t, err, "x.yaml:1: a document without kind")
	set, err = manifests.Render("testdata/nowhere")
	require.ErrorContains(t, err, "render testdata/nowhere: ")
	require.Empty(t, set.Files)
}
