package outside_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
)

func TestAnswerIsBounded(t *testing.T) {
	_, transport := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		_, _ = w.Write(bytes.Repeat([]byte("x"), n))
	})
	o := fast()
	o.Transport, o.AttemptTimeout = transport, 10*time.Second
	c := outside.New(o)
	at := "http://there.invalid/?n="

	answer, err := c.Do(within(t, 10*time.Second), outside.Call{Op: "read", URL: at + strconv.Itoa(outside.AnswerLimit)})
	require.NoError(t, err)
	require.Len(t, answer.Body, outside.AnswerLimit)

	_, err = c.Do(within(t, 10*time.Second), outside.Call{Op: "read", URL: at + strconv.Itoa(outside.AnswerLimit+1)})
	require.ErrorIs(t, err, outside.ErrAnswerTooLarge)

	resp, err := c.HTTP().Get(at + strconv.Itoa(outside.AnswerLimit+1))
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, err, outside.ErrAnswerTooLarge)
	require.Len(t, got, outside.AnswerLimit)
}

// E1: a redirect is an answer, not a way to somewhere else.
func TestRedirectsAreNotFollowed(t *testing.T) {
	asked := 0
	_, transport := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusTemporaryRedirect)
	})
	o := fast()
	o.Transport = transport
	c := outside.New(o)
	answer, err := c.Do(within(t, time.Second), outside.Call{Op: "post", Method: "POST", URL: "http://there.invalid/", Body: []byte("x"), Key: "k"})
	require.NoError(t, err)
	require.Equal(t, 307, answer.Status)
	resp, err := c.HTTP().Get("http://there.invalid/")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 307, resp.StatusCode)
	require.Equal(t, 2, asked)
}

// D23, A27: one line and one span for each call, with what is needed to find it.
func TestD23_OneLogLineAndOneSpanPerCall(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(provider)
	defer otel.SetTracerProvider(before)

	moods, transport := serve(t, func(http.ResponseWriter, *http.Request) {})
	require.NoError(t, moods.Script(outsidetest.Mood{Kind: outsidetest.Status, Times: 1}))
	var log bytes.Buffer
	o := fast()
	o.System, o.Transport, o.Logger = "mambu", transport, slog.New(slog.NewJSONHandler(&log, nil))
	o.Authorize = outside.Bearer(outside.Literal("canary-token"))
	c := outside.New(o)
	ctx := outside.WithAttrs(within(t, 5*time.Second), slog.String("closure_id", "c-1"))
	ctx = outside.WithAttrs(ctx, slog.String("account_id", "a-1"))

	_, err := c.Do(ctx, outside.Call{Op: "close", Method: "POST", URL: "http://there.invalid/", Key: "k-1", Body: []byte("{}")})
	require.NoError(t, err)
	line := oneLine(t, &log)
	require.Equal(t, "INFO", line["level"])
	for name, want := range map[string]any{
		"system": "mambu", "operation": "close", "status": 200.0, "attempts": 2.0,
		"idempotency_key": "k-1", "closure_id": "c-1", "account_id": "a-1",
	} {
		require.Equal(t, want, line[name], name)
	}
	require.Greater(t, line["duration_ms"], 0.0)

	require.NoError(t, moods.Script(outsidetest.Mood{Kind: outsidetest.CutBefore, Times: 9}))
	resp, err := c.HTTP().Do(request(outside.WithOp(ctx, "charge"), t))
	require.Error(t, err)
	require.Nil(t, resp)
	line = oneLine(t, &log)
	require.Equal(t, "WARN", line["level"])
	require.Equal(t, "charge", line["operation"])
	require.Equal(t, 3.0, line["attempts"])
	require.NotEmpty(t, line["error"])
	require.NotContains(t, line["error"], "secret-query")

	ended := spans.Ended()
	require.Len(t, ended, 2)
	require.Equal(t, "mambu close", ended[0].Name())
	require.Equal(t, trace.SpanKindClient, ended[0].SpanKind())
	require.Contains(t, ended[0].Attributes(), attribute.Int("outside.attempts", 2))
	require.Equal(t, "mambu charge", ended[1].Name())
}

func request(ctx context.Context, t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", "http://there.invalid/?q=secret-query", nil)
	require.NoError(t, err)
	return r
}

func oneLine(t *testing.T, log *bytes.Buffer) map[string]any {
	t.Helper()
	require.NotContains(t, log.String(), "canary-token")
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	require.Len(t, lines, 1, "one line per call: %s", log)
	log.Reset()
	var line map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &line))
	return line
}

func TestUnknownSaysWhatItIs(t *testing.T) {
	u := &outside.Unknown{System: "mambu", Op: "close", Err: context.DeadlineExceeded}
	require.ErrorIs(t, u, context.DeadlineExceeded)
	require.NotErrorIs(t, u, outside.ErrMisconfigured)
	require.Equal(t, "mambu close: outcome unknown: context deadline exceeded", u.Error())
	u.RetryAfter = time.Minute
	require.Equal(t, time.Minute, u.Wait())
	u.Misconfigured = true
	require.ErrorIs(t, u, outside.ErrMisconfigured)
	require.Contains(t, u.Error(), "misconfigured")
	require.Equal(t, "e refused: blocked: by court", outside.Refusal{System: "e", Code: "blocked", Reason: "by court"}.String())
	require.Equal(t, "e refused: blocked", outside.Refusal{System: "e", Code: "blocked"}.String())
}
