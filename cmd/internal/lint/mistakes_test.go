package lint_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/lint"
	"quittance.dev/cmd/internal/manifests"
)

const root = "../../.."

func code(t *testing.T) *lint.Code {
	t.Helper()
	c, err := lint.ReadCode(root)
	require.NoError(t, err)
	return c
}

// F02, A24, B26, B29: what is deployed is what the code and the catalogue say,
// in every overlay.
func TestF02_ManifestsAndCatalogueAgree(t *testing.T) {
	folders, err := lint.Folders(root + "/infra")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	findings, err := lint.Tree(root+"/infra", code(t))
	require.NoError(t, err)
	require.Empty(t, findings)
}

// want is how a planted mistake says what is to be found: on the line in which
// it is planted, or of another file.
var want = regexp.MustCompile(`# want ([a-z0-9-]+)(?: in ([a-z0-9/.-]+))?(?:: (.*))?$`)

// Each folder of testdata/mistakes is one mistake on top of an overlay. It is
// found, where it was made, and nothing else is.
func TestF02_EachPlantedMistakeIsOneFinding(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*/kustomization.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 12)
	c := code(t)
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			wanted := 0
			findings := lint.Folder(filepath.Dir(file), c)
			for i, line := range strings.Split(string(raw), "\n") {
				found := want.FindStringSubmatch(line)
				if found == nil {
					continue
				}
				wanted++
				require.Len(t, findings, 1, "%v", findings)
				require.Equal(t, found[1], findings[0].Rule, "%v", findings)
				require.Contains(t, findings[0].Message, found[3])
				if found[2] != "" {
					require.True(t, strings.HasSuffix(findings[0].File, found[2]), "%v", findings)
					continue
				}
				require.Equal(t, file, findings[0].File, "%v", findings)
				require.Equal(t, i+1, findings[0].Line, "%v", findings)
			}
			require.Equal(t, 1, wanted, "%s must say once what is to be found", file)
		})
	}
}

// An overlay that calls itself production, and would not be judged as such.
func TestAStageIsSaid(t *testing.T) {
	findings := lint.Folder("testdata/production", code(t))
	require.Len(t, findings, 1)
	require.Equal(t, "testdata/production/kustomization.yaml:1: stage: the Namespace is not labelled quittance.dev/stage: production, by which it is known what rules apply", findings[0].String())
}

// B29: an overlay of the tree is right in all but its addresses, which are
// examples. They are named, each on the line to change, before it is deployed;
// on a cluster on trial there is none.
func TestB29_ExamplesAreNamedBeforeADeployment(t *testing.T) {
	for overlay, want := range map[string][]string{
		"kind": nil,
		"staging": {
			"platform.yaml: kafka", "platform.yaml: api-domain",
			"settings.env: POSTGRES_HOST", "settings.env: MAMBU_BASE_URL", "settings.env: E_BASE_URL", "settings.env: MAIL_FROM",
			"settings.env: OIDC_ISSUER", "settings.env: SMS_ACCOUNT_SID",
		},
	} {
		set, err := manifests.Render(root + "/infra/overlays/" + overlay)
		require.NoError(t, err)
		var got []string
		for _, f := range lint.Examples(set) {
			require.Equal(t, "example", f.Rule)
			line := strings.SplitN(f.Message, ": ", 3)
			got = append(got, filepath.Base(f.File)+": "+line[1])
			raw, err := os.ReadFile(f.File)
			require.NoError(t, err)
			require.Contains(t, strings.Split(string(raw), "\n")[f.Line-1], line[1])
		}
		require.ElementsMatch(t, want, got)
	}
}
