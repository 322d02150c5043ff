package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/pgtest"
)

// The test binary is also the command.
const beCommand = "WITHPOSTGRES_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(beCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), beCommand+"=1", pgtest.EnvServer+"=")
	return cmd
}

func TestStatusIsPassedOn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		want int
		says string
	}{
		"success":    {[]string{"true"}, 0, ""},
		"failure":    {[]string{"sh", "-c", "exit 7"}, 7, ""},
		"killed":     {[]string{"sh", "-c", "kill -KILL $$"}, 128 + 9, ""},
		"no command": {nil, 125, "usage: withpostgres"},
		"not there":  {[]string{"/no/such/program"}, 127, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := command(tc.args...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			err := cmd.Run()
			var exit *exec.ExitError
			if err != nil {
				require.ErrorAs(t, err, &exit)
			}
			require.Equal(t, tc.want, cmd.ProcessState.ExitCode(), stderr.String())
			require.Contains(t, stderr.String(), tc.says)
		})
	}
}

func TestCommandReachesTheServerWhichThenGoes(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *exec.Cmd, func() error){
		"when the command ends": func(t *testing.T, cmd *exec.Cmd, closeStdin func() error) {
			require.NoError(t, closeStdin())
			require.NoError(t, cmd.Wait())
		},
		"on SIGTERM": func(t *testing.T, cmd *exec.Cmd, _ func() error) {
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			require.Error(t, cmd.Wait())
			require.Equal(t, 128+15, cmd.ProcessState.ExitCode(), "the command got it too")
		},
		"on kill -9": func(t *testing.T, cmd *exec.Cmd, closeStdin func() error) {
			require.NoError(t, cmd.Process.Kill())
			require.NoError(t, closeStdin()) // the command itself lives on till then
			require.Error(t, cmd.Wait())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := command("sh", "-c", `echo "$QUITTANCE_TEST_POSTGRES"; exec cat`)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			stdin, err := cmd.StdinPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			raw, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			cfg, err := pgx.ParseConfig(strings.TrimSpace(raw))
			require.NoError(t, err)
			conn, err := pgx.ConnectConfig(t.Context(), cfg)
			require.NoError(t, err)
			require.NoError(t, conn.Ping(t.Context()))
			end(t, cmd, stdin.Close)
			require.Eventually(t, func() bool {
				_, err := os.Stat(filepath.Dir(cfg.Host))
				return errors.Is(err, os.ErrNotExist)
			}, 20*time.Second, 10*time.Millisecond, "server and folder are gone")
			require.Error(t, conn.Ping(t.Context()))
			_ = conn.Close(t.Context())
		})
	}
}
