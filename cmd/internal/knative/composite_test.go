package knative

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
)

func filters(t *testing.T, text string) []eventingv1.SubscriptionsAPIFilter {
	t.Helper()
	var f []eventingv1.SubscriptionsAPIFilter
	require.NoError(t, yaml.Unmarshal([]byte(text), &f))
	return f
}

func TestCompositeFiltersAgreeWithTheSpecification(t *testing.T) {
	type events map[string]bool // "type subject" -> passes
	for text, want := range map[string]events{
		"[{exact: {type: a}}, {prefix: {subject: acc-}}]":   {"a acc-1": true, "a inv-1": false, "b acc-1": false},
		"[{any: [{exact: {type: a}}, {exact: {type: b}}]}]": {"a x": true, "b x": true, "c x": false},
		"[{all: [{exact: {type: a}}, {any: [{suffix: {subject: '1'}}, {suffix: {subject: '2'}}]}]}]": {
			"a acc-1": true, "a acc-2": true, "a acc-3": false, "b acc-1": false},
		"[{not: {any: [{exact: {type: a}}, {exact: {type: b}}]}}]": {"a x": false, "b x": false, "c x": true},
		"[{any: [{cesql: \"type = 'a' AND subject LIKE 'acc-%'\"}, {exact: {type: b}}]}, {not: {exact: {subject: inv-9}}}]": {
			"a acc-1": true, "a inv-1": false, "b inv-1": true, "b inv-9": false},
	} {
		f, err := compile(filters(t, text))
		require.NoError(t, err)
		require.NotNil(t, f, text)
		for attributes, pass := range want {
			r, err := http.NewRequest(http.MethodPost, "http://filter/", nil)
			require.NoError(t, err)
			r.Header = http.Header{
				"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/test"}, "Ce-Type": {attributes[:1]}, "Ce-Subject": {attributes[2:]},
			}
			require.Equal(t, pass, passes(f, r), "%s: %s", text, attributes)
		}
	}
}

func TestSingleFiltersAreLeftToKnative(t *testing.T) {
	for _, text := range []string{"[]", "[{exact: {type: a}}]", "[{not: {cesql: \"type = 'a'\"}}]"} {
		f, err := compile(filters(t, text))
		require.NoError(t, err)
		require.Nil(t, f, text)
	}
}

// In a cluster the first would be skipped, and let everything through; the second
// would panic for every event.
func TestFiltersThatCannotWorkAreRefused(t *testing.T) {
	_, err := compile(filters(t, "[{exact: {type: ''}}]"))
	require.ErrorContains(t, err, "empty or invalid")
	_, err = compile(filters(t, "[{any: [{exact: {type: a}}, {cesql: subject}]}]"))
	require.ErrorContains(t, err, `cesql "subject" is not a condition`)
	_, err = compile(filters(t, "[{cesql: \"1 + 1\"}]"))
	require.ErrorContains(t, err, "is not a condition")
}
