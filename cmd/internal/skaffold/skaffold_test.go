package skaffold_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"quittance.dev/cmd/internal/manifests"
	"quittance.dev/cmd/internal/skaffold"
)

const root = "../../.."

// schema is the published one of skaffold/v4beta13 (Apache 2.0,
// github.com/GoogleContainerTools/skaffold, docs-v2/content/en/schemas), without
// its descriptions.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	raw, err := os.Open("testdata/skaffold-v4beta13.json")
	require.NoError(t, err)
	defer raw.Close()
	document, err := jsonschema.UnmarshalJSON(raw)
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("skaffold.json", document))
	compiled, err := compiler.Compile("skaffold.json")
	require.NoError(t, err)
	return compiled
}

// validate holds each document of a file against the schema.
func validate(t *testing.T, text []byte) error {
	t.Helper()
	for _, one := range documents(text) {
		asJSON, err := yaml.YAMLToJSONStrict([]byte(one))
		require.NoError(t, err)
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
		require.NoError(t, err)
		if err := schema(t).Validate(document); err != nil {
			return err
		}
	}
	return nil
}

func documents(text []byte) []string { return strings.Split(string(text), "\n---\n") }

// B29: skaffold.yaml is what skaffold's own schema takes.
func TestB29_SkaffoldFileIsValid(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "skaffold.yaml"))
	require.NoError(t, err)
	require.NoError(t, validate(t, text))

	for name, change := range map[string][2]string{
		"a field that is not there": {"tagPolicy:", "tagPolicies:"},
		"a list in place of a map":  {"    sha256: {}", "    sha256: []"},
		"a builder with a typo":     {"        fromImage:", "        formImage:"},
		"a hook with a typo":        {"      after: &ended", "      afterwards: &ended"},
	} {
		broken := strings.Replace(string(text), change[0], change[1], 1)
		require.NotEqual(t, string(text), broken, name)
		require.Error(t, validate(t, []byte(broken)), name)
	}
}

// configuration is what of a skaffold configuration says what is deployed when.
type configuration struct {
	Metadata struct{ Name string }
	Requires []struct{ Configs []string }
	stage    `json:",inline"`
	Profiles []struct {
		Name  string
		stage `json:",inline"`
	}
}

type stage struct {
	Manifests struct{ Kustomize struct{ Paths []string } }
	Deploy    struct {
		Kubectl struct {
			Flags struct{ Apply []string }
			Hooks struct {
				Before, After []struct{ Host struct{ Command []string } }
			}
		}
	}
}

// F06: the migration has ended before a function is deployed: of two
// configurations the one requires the other, and between them they deploy every
// object of every overlay, each once.
func TestF06_TheMigrationComesBeforeTheFunctions(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "skaffold.yaml"))
	require.NoError(t, err)
	both := documents(text)
	require.Len(t, both, 2)
	var late, early configuration
	require.NoError(t, yaml.Unmarshal([]byte(both[0]), &late))
	require.NoError(t, yaml.Unmarshal([]byte(both[1]), &early))
	require.Len(t, late.Requires, 1)
	require.Equal(t, []string{early.Metadata.Name}, late.Requires[0].Configs)
	require.Empty(t, early.Requires)

	stages := func(c configuration) map[string]stage {
		all := map[string]stage{"": c.stage}
		for _, p := range c.Profiles {
			all[p.Name] = p.stage
		}
		all["kind"] = c.stage // that profile only says when it is active
		return all
	}
	require.Equal(t, slices.Sorted(maps.Keys(stages(early))), slices.Sorted(maps.Keys(stages(late))))
	for name, first := range stages(early) {
		then := stages(late)[name]
		require.Equal(t, first.Manifests, then.Manifests, name)
		require.Len(t, first.Manifests.Kustomize.Paths, 1)
		set, err := manifests.Render(filepath.Join(root, first.Manifests.Kustomize.Paths[0]))
		require.NoError(t, err)
		for _, o := range set.Objects {
			carries, _ := o.Get("metadata", "labels").(map[string]any)
			component, _ := carries["app.kubernetes.io/component"].(string)
			label := labels.Set{"app.kubernetes.io/component": component}
			if component == "" {
				label = nil
			}
			isFunction := o.Kind == "Trigger" || strings.HasPrefix(o.APIVersion, "serving.knative.dev/") && o.Kind == "Service" || o.Kind == "SinkBinding"
			require.NotEqual(t, selects(t, first).Matches(label), selects(t, then).Matches(label), "%s: %s %s is deployed once", name, o.Kind, o.Name)
			if isFunction {
				require.True(t, selects(t, then).Matches(label), "%s: %s %s comes late", name, o.Kind, o.Name)
			}
			if o.Kind == "Job" {
				require.True(t, selects(t, first).Matches(label), "%s: the migration comes early", name)
			}
		}
		hooks := first.Deploy.Kubectl.Hooks
		require.Len(t, hooks.After, 1, "%s: somebody waits for the migration", name)
		require.Equal(t, []string{"infra/migration/after"}, hooks.After[0].Host.Command)
		for _, hook := range slices.Concat(hooks.Before, hooks.After) {
			info, err := os.Stat(filepath.Join(root, hook.Host.Command[0]))
			require.NoError(t, err)
			require.NotZero(t, info.Mode()&0o100, hook.Host.Command[0])
		}
	}
}

// selects is what of the manifests a configuration applies.
func selects(t *testing.T, s stage) labels.Selector {
	t.Helper()
	require.Len(t, s.Deploy.Kubectl.Flags.Apply, 1)
	text, is := strings.CutPrefix(s.Deploy.Kubectl.Flags.Apply[0], "--selector=")
	require.True(t, is)
	selector, err := labels.Parse(text)
	require.NoError(t, err)
	return selector
}

// F06: one artifact per process, with exactly the folders it is built of, so that
// a change to one function builds that one.
func TestF06_ArtifactsAreWhatTheGoCommandSays(t *testing.T) {
	stale, err := skaffold.Stale(t.Context(), root)
	require.NoError(t, err)
	require.False(t, stale, "make generate brings skaffold.yaml up to date")

	all, err := skaffold.Artifacts(t.Context(), root)
	require.NoError(t, err)
	built := func(pattern string) (images []string) {
		for _, a := range all {
			for _, p := range a.Paths {
				if p == pattern {
					images = append(images, a.Image())
				}
			}
		}
		return images
	}
	require.Equal(t, []string{"ko://quittance.dev/functions/cmd/receipt"}, built("functions/receipt/*"))
	require.Equal(t, []string{"ko://quittance.dev/functions/cmd/notification"}, built("functions/notify/templates/*"), "embedded files count")
	require.Equal(t, []string{"ko://quittance.dev/functions/cmd/migrate"}, built("functions/schema/migrations/*"))
	require.Len(t, built("functions/serve/*"), len(all)-2, "all but the migration and the emulators")
}

func TestWriteNeedsAPlaceForTheList(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "skaffold.yaml"), []byte("kind: Config\n"), 0o600))
	tree(t, folder)
	require.ErrorContains(t, skaffold.Write(t.Context(), folder), "must have these lines")
}

// tree makes a project of one command, which embeds a file.
func tree(t *testing.T, folder string) {
	t.Helper()
	require.NoError(t, os.CopyFS(folder, os.DirFS("testdata/tree")))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "cmd", "go.mod"), []byte("module quittance.dev/cmd\n\ngo 1.26\n"), 0o600))
}

func TestWriteBringsTheListUpToDate(t *testing.T) {
	folder := t.TempDir()
	tree(t, folder)
	page := "build:\n  artifacts:\n    # artifacts: generated by `quittance events generate`\n    # /artifacts\ndeploy: {}\n"
	name := filepath.Join(folder, "skaffold.yaml")
	require.NoError(t, os.WriteFile(name, []byte(page), 0o600))
	stale, err := skaffold.Stale(t.Context(), folder)
	require.NoError(t, err)
	require.True(t, stale)
	require.NoError(t, skaffold.Write(t.Context(), folder))
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Contains(t, string(text), "            - cmd/emulators/*\n            - cmd/emulators/pages/*\n            - cmd/go.*\n    # /artifacts\ndeploy: {}\n")
	stale, err = skaffold.Stale(t.Context(), folder)
	require.NoError(t, err)
	require.False(t, stale)
}
