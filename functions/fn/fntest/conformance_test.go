package fntest_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/pgtest"
)

// envTwin names the twin that TestTwin runs; a process of its own does, because
// a suite that is to fail would take this one with it.
const envTwin = "QUITTANCE_TEST_TWIN"

func TestTwin(t *testing.T) {
	tw, ok := twins[os.Getenv(envTwin)]
	if !ok {
		t.Skip("run by TestConformanceTells")
	}
	fntest.Conformance(t, tw.subject())
}

// TestConformanceTells: the suite passes what is right, and fails what is wrong
// in the part that is there for it.
func TestConformanceTells(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t).ConnString("")
	for name, tw := range twins {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTwin$", "-test.v")
			run.Env = append(os.Environ(), envTwin+"="+name, pgtest.EnvServer+"="+server)
			out, err := run.CombinedOutput()
			if tw.fails == "" {
				require.NoError(t, err, string(out))
				require.NotContains(t, string(out), "SKIP")
				return
			}
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, string(out))
			require.Equal(t, 1, exit.ExitCode(), string(out))
			require.Contains(t, string(out), "--- FAIL: TestTwin")
			require.Regexp(t, failure(tw.fails), string(out))
		})
	}
}

// failure matches the line of a part that failed, or a message of the suite.
func failure(part string) string {
	return `(--- FAIL: TestTwin/` + underscored(part) + ` )|(Messages: .*` + part + `)`
}

func underscored(name string) string {
	out := []rune(name)
	for i, r := range out {
		if r == ' ' {
			out[i] = '_'
		}
	}
	return string(out)
}
