package pipelines

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../../.."

// B29, G1: what a forge runs is there, has fixed versions and few rights.
func TestB29_PipelinesRunWhatIsThere(t *testing.T) {
	wrong, err := Check(root)
	require.NoError(t, err)
	require.Empty(t, wrong)

	gate, err := os.ReadFile(root + "/.github/workflows/gate.yaml")
	require.NoError(t, err)
	for _, command := range []string{"make lint", "make test", "make storm", "make kind-up", "make deploy OVERLAY=kind", "make e2e"} {
		require.Contains(t, string(gate), "run: "+command)
	}
	release, err := os.ReadFile(root + "/.github/workflows/release.yaml")
	require.NoError(t, err)
	require.Contains(t, string(release), "--sbom=spdx")
	require.Contains(t, string(release), "cosign sign")
}

func TestPlantedMistakesInPipelinesAreFound(t *testing.T) {
	raw, err := os.ReadFile(root + "/.github/workflows/gate.yaml")
	require.NoError(t, err)
	makefile, err := os.ReadFile(root + "/Makefile")
	require.NoError(t, err)
	for name, c := range map[string][3]string{
		"a moving version":      {"actions/setup-go@v6.0.0", "actions/setup-go@v6", "no fixed version"},
		"a moving tool":         {"kind@v0.33.0", "kind@latest", "installs sigs.k8s.io/kind@latest"},
		"a target gone":         {"make storm", "make tempest", "makes tempest"},
		"all rights":            {"contents: read", "contents: write", "the right to read"},
		"a token left":          {"persist-credentials: false", "persist-credentials: true", "leaves a token"},
		"no end":                {"timeout-minutes: 30", "name: lint", "may run for ever"},
		"a stranger's words":    {"run: make lint", "run: echo ${{ github.event.pull_request.title }}", "stranger"},
		"another stranger's":    {"run: make lint", "run: git switch ${{ github.head_ref }}", "stranger"},
		"a second one of a job": {"  test:\n", "  lint:\n", "already"},
	} {
		t.Run(name, func(t *testing.T) {
			broken := strings.Replace(string(raw), c[0], c[1], 1)
			require.NotEqual(t, string(raw), broken)
			wrong, err := check([]byte(broken), makefile)
			if err != nil {
				wrong = append(wrong, err.Error())
			}
			require.Contains(t, strings.Join(wrong, "\n"), c[2])
		})
	}
}

// E14, E17, B33: one command sets the bank up and runs it, one tests it, and the gate
// runs the latter, the demo, a storm and a few kills without a cloud.
func TestE17_TheTargetsAreThere(t *testing.T) {
	makefile, err := os.ReadFile(root + "/Makefile")
	require.NoError(t, err)
	readme, err := os.ReadFile(root + "/README.md")
	require.NoError(t, err)
	for _, target := range []string{"run", "test", "demo", "lint", "build", "clean", "storm", "kill", "bench", "help"} {
		require.Contains(t, string(makefile), "\n"+target+":", target)
	}
	for _, command := range []string{"make run", "make test"} {
		require.Contains(t, string(readme), command)
	}
	gate, err := os.ReadFile(root + "/.ci/run")
	require.NoError(t, err)
	for _, step := range []string{"make lint", "make test", "bin/quittance demo", "bin/quittance storm", "bin/quittance kill"} {
		require.Contains(t, string(gate), step)
	}
}
