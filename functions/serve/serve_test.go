package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// environment is that of a process on db, at a port of its own.
func environment(t *testing.T, db *pgtest.DB, role string) map[string]string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	c := db.Config(role).ConnConfig
	return map[string]string{
		"PORT": fmt.Sprint(port), "DRAIN": "300ms", "LOG_LEVEL": "ERROR",
		"POSTGRES_HOST": c.Host, "POSTGRES_PORT": fmt.Sprint(c.Port), "POSTGRES_DATABASE": c.Database, "POSTGRES_USER": role,
	}
}

func lookup(env map[string]string) Lookup {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func get(t *testing.T, url, agent string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	r.Header.Set("User-Agent", agent)
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// validation is a function as small as can be.
func validation(context.Context, Lookup) (fn.Function, error) {
	return fn.Function{Name: "validation", Handlers: []fn.Handler{fn.Local(
		func(_ context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			return []events.Data{events.PaymentValidated(in.Data)}, nil
		})}}, nil
}

// TestProcess: one function as a process: its door, its probes, its numbers.
func TestProcess(t *testing.T) {
	db := pgtest.New(t)
	env := environment(t, db, "quittance_validation")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, "validation", lookup(env), Function(validation)) }()
	url := "http://127.0.0.1:" + env["PORT"]
	require.Eventually(t, func() bool { status, _ := get(t, url+"/readyz", ""); return status == http.StatusOK }, 20*time.Second, 10*time.Millisecond)

	e := fntest.Event(events.PaymentSubmitted{PaymentID: uuid.NewString(), InvoiceID: uuid.NewString(), AmountMinor: 1, Currency: "EUR"})
	status, text := (&fntest.Door{URL: url}).Post(t, e)
	require.Equal(t, http.StatusOK, status, text)
	var said int
	require.NoError(t, db.Pool("").QueryRow(t.Context(), `select count(*) from delivery.outbox where causation_id = $1`, e.ID).Scan(&said))
	require.Equal(t, 1, said)
	status, _ = get(t, url+"/healthz", "")
	require.Equal(t, http.StatusOK, status)
	status, text = get(t, url+"/metrics", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, `quittance_deliveries_total{answer="200",function="validation"`)

	// F07: told to stop, it says so to those who look, and still answers.
	stop()
	require.Eventually(t, func() bool {
		status, _ := get(t, url+"/readyz", "kube-probe/1.34")
		return status == http.StatusServiceUnavailable
	}, 20*time.Second, time.Millisecond)
	require.NoError(t, <-done)
	status, _ = get(t, url+"/healthz", "")
	require.Zero(t, status, "nobody listens any more")
	http.DefaultClient.CloseIdleConnections()
}

// TestOrderOfTheEnd: requests in flight are answered, the background ends, and
// only then is closed what they use.
func TestOrderOfTheEnd(t *testing.T) {
	db := pgtest.New(t)
	env := environment(t, db, "quittance_relay")
	env["DRAIN"] = "50ms"
	ctx, stop := context.WithCancel(t.Context())
	arrived, running, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	var order []string
	note := func(what string) { mu.Lock(); defer mu.Unlock(); order = append(order, what) }
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, "relay", lookup(env), func(_ context.Context, p Process, _ Lookup) (Parts, error) {
			require.Equal(t, "relay", p.Name)
			return Parts{
				Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
					close(arrived)
					<-release
					note("answered")
				}),
				Run: func(ctx context.Context) error {
					close(running)
					<-ctx.Done()
					<-release
					note("background ended")
					return nil
				},
				Close: func() {
					note("closed")
					require.NoError(t, p.Pool.Ping(context.Background()), "the pool goes last")
				},
			}, nil
		})
	}()
	answer := make(chan int, 1)
	url := "http://127.0.0.1:" + env["PORT"]
	require.Eventually(t, func() bool { status, _ := get(t, url+"/healthz", ""); return status == http.StatusOK }, 20*time.Second, 10*time.Millisecond)
	go func() { status, _ := get(t, url+"/slow", ""); answer <- status }()
	<-arrived
	<-running // it waits for the schema, too
	stop()
	require.Eventually(t, func() bool { // the listener is closed while the request is still served
		status, _ := get(t, url+"/healthz", "kube-probe/1.34")
		return status == 0
	}, 20*time.Second, 5*time.Millisecond)
	mu.Lock()
	require.Empty(t, order)
	mu.Unlock()
	close(release)
	require.Equal(t, http.StatusOK, <-answer)
	require.NoError(t, <-done)
	require.ElementsMatch(t, []string{"answered", "background ended"}, order[:2])
	require.Equal(t, "closed", order[2])
}

// TestCallersThatDoNotStop keep no process alive.
func TestCallersThatDoNotStop(t *testing.T) {
	env := environment(t, pgtest.New(t), "quittance_validation")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, "validation", lookup(env), Function(validation)) }()
	url := "http://127.0.0.1:" + env["PORT"]
	require.Eventually(t, func() bool { status, _ := get(t, url+"/healthz", ""); return status == http.StatusOK }, 20*time.Second, 10*time.Millisecond)
	stop()
	require.Eventually(t, func() bool { // each of these starts the quiet time anew
		status, _ := get(t, url+"/healthz", "a caller")
		return status == 0
	}, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, <-done)
}

// TestWithoutADatabase the process lives and says that it is not ready.
func TestWithoutADatabase(t *testing.T) {
	env := environment(t, pgtest.New(t), "quittance_validation")
	env["POSTGRES_HOST"] = t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, "validation", lookup(env), Function(validation)) }()
	url := "http://127.0.0.1:" + env["PORT"]
	require.Eventually(t, func() bool { status, _ := get(t, url+"/healthz", ""); return status == http.StatusOK }, 20*time.Second, 10*time.Millisecond)
	status, text := get(t, url+"/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "not ready\n", text)
	stop()
	require.NoError(t, <-done)
}

// TestEndsWithAnError: what cannot start, and what fails on the way.
func TestEndsWithAnError(t *testing.T) {
	db := pgtest.New(t)
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		env   map[string]string
		build Build
		want  string
	}{
		"a setting that cannot be read":  {map[string]string{"PORT": "many"}, nil, "Port"},
		"a log level that is none":       {map[string]string{"LOG_LEVEL": "loud"}, nil, "log level"},
		"a collector that is none":       {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[x"}, nil, "traces"},
		"a database that is none":        {map[string]string{"POSTGRES_HOST": "db", "POSTGRES_TLS": "perhaps"}, nil, "postgres settings"},
		"a function that cannot be made": {nil, Function(func(context.Context, Lookup) (fn.Function, error) { return fn.Function{}, broken }), "broken"},
		"signed events without keys":     {nil, Function(func(context.Context, Lookup) (fn.Function, error) { return fn.Function{Name: "payment"}, nil }), "EVENT_KEYS_FILE is not set"},
		"a background that fails": {nil, func(context.Context, Process, Lookup) (Parts, error) {
			return Parts{Run: func(context.Context) error { return broken }}, nil
		}, "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			env := environment(t, db, "quittance_validation")
			for key, value := range tt.env {
				env[key] = value
			}
			require.ErrorContains(t, run(t.Context(), "validation", lookup(env), tt.build), tt.want)
		})
	}
	t.Run("a port that is taken", func(t *testing.T) {
		env := environment(t, db, "quittance_validation")
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", ":"+env["PORT"])
		require.NoError(t, err)
		defer listener.Close()
		closed := false
		err = run(t.Context(), "validation", lookup(env), func(context.Context, Process, Lookup) (Parts, error) {
			return Parts{Close: func() { closed = true }}, nil
		})
		require.ErrorContains(t, err, "listen")
		require.True(t, closed)
	})
}

// envMain has the test binary be a function's process.
const envMain = "QUITTANCE_TEST_MAIN"

// TestMainIsAProcess: SIGTERM ends it well, and what cannot start ends with 1.
func TestMainIsAProcess(t *testing.T) {
	if os.Getenv(envMain) != "" {
		Main("validation", Function(validation))
		os.Exit(0) // past the framework, as a main ends
	}
	env := environment(t, pgtest.New(t), "quittance_validation")
	process := func(more ...string) *exec.Cmd {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMainIsAProcess$")
		c.Env = append(os.Environ(), envMain+"=1")
		for key, value := range env {
			c.Env = append(c.Env, key+"="+value)
		}
		c.Env = append(c.Env, more...)
		return c
	}
	good := process()
	require.NoError(t, good.Start())
	url := "http://127.0.0.1:" + env["PORT"]
	require.Eventually(t, func() bool { status, _ := get(t, url+"/readyz", ""); return status == http.StatusOK }, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, good.Process.Signal(syscall.SIGTERM))
	require.NoError(t, good.Wait())

	out, err := process("LOG_LEVEL=loud").CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.True(t, strings.Contains(string(out), "log level"), string(out))
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
}
