package pgserver

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// The test binary is also the process that tests kill: with helperMode set it
// starts a server and holds it.
const (
	helperMode = "PGSERVER_TEST_HELPER"
	helperDir  = "PGSERVER_TEST_DIR"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(helperMode); mode != "" {
		if err := hold(mode, os.Getenv(helperDir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// hold starts a server, says so in one line on stdout, and stops it when stdin
// ends. Only a killed helper leaves anything.
func hold(mode, dir string) error {
	ctx := context.Background()
	o := Options{DataDir: dir, Durable: true}
	var srv interface {
		ConnString(db, role string) string
		Pid() int
		Stop(context.Context) error
	}
	var err error
	switch mode {
	case "durable":
		srv, err = Start(ctx, o)
	case "orphaning": // as where the kernel does not tell the child
		o.detached = true
		srv, err = Start(ctx, o)
	case "temporary":
		srv, err = Temporary(ctx, Options{})
	default:
		err = fmt.Errorf("no mode %q", mode)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d %s\n", srv.Pid(), srv.ConnString(Superuser, Superuser))
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return srv.Stop(ctx)
}

// helper is another process that runs a server.
type helper struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr strings.Builder
	pid    int // the postmaster's
	conn   string
}

// startHelper starts one and, unless mode is only to be interrupted, waits for its
// server. credential, if any, is whom it runs as.
func startHelper(t *testing.T, mode, dir string, credential *syscall.Credential) *helper {
	t.Helper()
	h, out := launchHelper(t, mode, dir, credential)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = h.cmd.Wait()
		t.Fatalf("the helper did not start its server: %s", h.stderr.String())
	}
	pid, conn, _ := strings.Cut(strings.TrimSpace(line), " ")
	h.pid, err = strconv.Atoi(pid)
	require.NoError(t, err)
	h.conn = conn
	return h
}

func launchHelper(t *testing.T, mode, dir string, credential *syscall.Credential) (*helper, io.Reader) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	if credential != nil {
		exe = publicCopy(t, exe)
	}
	h := &helper{cmd: exec.Command(exe)}
	h.cmd.Env = append(os.Environ(), helperMode+"="+mode, helperDir+"="+dir)
	h.cmd.Stderr = &h.stderr
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	out, err := h.cmd.StdoutPipe()
	require.NoError(t, err)
	h.stdin, err = h.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, h.cmd.Start())
	t.Cleanup(func() { h.kill(t) })
	return h, out
}

// kill is kill -9, and waits until the process is gone.
func (h *helper) kill(t *testing.T) {
	t.Helper()
	if h.cmd.ProcessState != nil {
		return
	}
	require.NoError(t, h.cmd.Process.Kill())
	require.Error(t, h.cmd.Wait(), "it was killed")
}

// finish lets the helper stop its server and end.
func (h *helper) finish(t *testing.T) {
	t.Helper()
	require.NoError(t, h.stdin.Close())
	require.NoError(t, h.cmd.Wait(), h.stderr.String())
}

// publicCopy makes the test binary executable for everybody.
func publicCopy(t *testing.T, exe string) string {
	t.Helper()
	dir := publicDir(t)
	raw, err := os.ReadFile(exe)
	require.NoError(t, err)
	name := dir + "/helper"
	require.NoError(t, os.WriteFile(name, raw, 0o755))
	return name
}

// publicDir is a temporary folder that everybody can walk into.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgserver-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

// start is Start with the test's end as the server's.
func start(t *testing.T, o Options) *Server {
	t.Helper()
	srv, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Stop(context.Background())) })
	return srv
}

func connect(t *testing.T, conn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), conn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func exec1(t *testing.T, c *pgx.Conn, sql string) {
	t.Helper()
	_, err := c.Exec(t.Context(), sql)
	require.NoError(t, err, sql)
}

func query1[T any](t *testing.T, c *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, c.QueryRow(t.Context(), sql, args...).Scan(&v), sql)
	return v
}

// alive says whether a process runs; one that is dead but not yet waited for
// does not.
func alive(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	after := raw[strings.LastIndexByte(string(raw), ')')+1:]
	return !strings.HasPrefix(strings.TrimSpace(string(after)), "Z")
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	require.Eventually(t, cond, 20*time.Second, 10*time.Millisecond, what)
}

func killPid(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }
