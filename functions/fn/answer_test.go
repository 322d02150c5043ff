package fn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

// TestAnswers is the status contract with Knative (D15, B26): what is tried
// again, what becomes a dead letter at once, and how long a body may be.
func TestAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	happens := map[string]func(context.Context, fn.Tx, string) ([]events.Data, error){}
	door := r.open(local(func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		if f := happens[in.CorrelationID]; f != nil {
			return f(ctx, tx, in.ID)
		}
		return nil, nil
	}), fn.Options{Deadline: 2 * time.Second})
	long := strings.Repeat("ä", 1000)
	fail := func(err error) func(context.Context, fn.Tx, string) ([]events.Data, error) {
		return func(context.Context, fn.Tx, string) ([]events.Data, error) { return nil, err }
	}

	for name, tt := range map[string]struct {
		request func(*http.Request)
		happens func(context.Context, fn.Tx, string) ([]events.Data, error)
		want    fn.Answer
		says    string // a part of the body
		hides   string // no part of the body
	}{
		"done":                       {want: fn.Handled},
		"an error":                   {happens: fail(errors.New("secret.host:5432 refused")), want: fn.Unknown, says: "try again", hides: "secret"},
		"a deadline":                 {happens: fail(context.DeadlineExceeded), want: fn.Unknown, says: "not handled in time"},
		"a broken rule of the books": {happens: fail(&pgconn.PgError{Code: "23514", Message: "secret"}), want: fn.Unknown, says: "try again", hides: "secret"},
		"a person must look":         {happens: fail(fn.Permanent(errors.New("the invoice is gone"))), want: fn.Refused, says: "the invoice is gone"},
		"wrapped":                    {happens: fail(fmt.Errorf("outer: %w", fn.Permanent(errors.New("inner")))), want: fn.Refused, says: "outer: inner"},
		"a very long reason":         {happens: fail(fn.Permanent(errors.New(long))), want: fn.Refused, says: "ä"},
		"a panic":                    {happens: func(context.Context, fn.Tx, string) ([]events.Data, error) { panic("secret") }, want: fn.Unknown, says: "try again", hides: "secret"},
		"broken SQL": {happens: func(ctx context.Context, tx fn.Tx, _ string) ([]events.Data, error) {
			_, err := tx.Exec(ctx, `select secret`)
			return nil, err
		}, want: fn.Unknown, hides: "secret"},
		"says what it may not":   {happens: saying(events.AuditFinding{FindingID: fn.DeriveID("x"), Check: "x", Consumer: "x", EventID: "x"}), want: fn.Refused, says: "catalogue"},
		"says something invalid": {happens: saying(events.PaymentValidated{}), want: fn.Refused, says: "payment_id"},

		"no event at all": {request: func(r *http.Request) { r.Header = http.Header{"Content-Type": {"application/json"}} }, want: fn.Malformed},
		"an unheard type": {request: func(r *http.Request) { r.Header.Set("Ce-Type", string(events.TypeInvoicePaid)) }, want: fn.Malformed, says: "does not hear"},
		"an endless type": {request: func(r *http.Request) { r.Header.Set("Ce-Type", long) }, want: fn.Malformed},
		"no payload":      {request: func(r *http.Request) { body(r, "") }, want: fn.Malformed},
		"a broken rule": {request: func(r *http.Request) {
			body(r, `{"payment_id":"1","invoice_id":"2","amount_minor":3,"currency":"EUR"}`)
		}, want: fn.Malformed, says: "payment_id"},
		"a GET of the events": {request: func(r *http.Request) { r.Method = http.MethodGet; body(r, "") }, want: fn.WrongMethod, says: "POST"},
		"a PUT":               {request: func(r *http.Request) { r.Method = http.MethodPut }, want: fn.WrongMethod, says: "POST"},
		"a DELETE":            {request: func(r *http.Request) { r.Method = http.MethodDelete }, want: fn.WrongMethod, says: "POST"},
		"too large":           {request: func(r *http.Request) { body(r, strings.Repeat(" ", 256<<10+1)) }, want: fn.TooLarge},
		"encoded":             {request: func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, want: fn.Unsupported},
		"no content type":     {request: func(r *http.Request) { r.Header.Del("Content-Type") }, want: fn.Unsupported},
	} {
		e := fntest.Event(submitted())
		e.CorrelationID = name
		happens[name] = tt.happens
		t.Run(name, func(t *testing.T) {
			request, err := fntest.Signed(e).Request(t.Context(), door.URL)
			require.NoError(t, err)
			if tt.request != nil {
				tt.request(request)
			}
			response, text := do(t, request)
			require.Equal(t, int(tt.want), response.StatusCode, text)
			require.LessOrEqual(t, len(text), 512, "Knative's dispatcher crashes on 768")
			require.True(t, utf8.ValidString(text))
			require.Contains(t, text, tt.says)
			if tt.hides != "" {
				require.NotContains(t, text, tt.hides)
			}
			if tt.want == fn.Handled {
				require.Empty(t, text, "a body on 2xx would be taken for a broken event")
			} else {
				require.NotEmpty(t, text)
				require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
				require.True(t, strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain"))
			}
			passes := tt.want == fn.Unknown || tt.want == fn.InFlight
			require.Equal(t, passes, response.Header.Get("Retry-After") != "")
			require.Equal(t, tt.want == fn.WrongMethod, response.Header.Get("Allow") == http.MethodPost)
		})
	}
	require.Nil(t, fn.Permanent(nil))
}

func saying(said ...events.Data) func(context.Context, fn.Tx, string) ([]events.Data, error) {
	return func(context.Context, fn.Tx, string) ([]events.Data, error) { return said, nil }
}

func body(r *http.Request, text string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
}

func do(t testing.TB, r *http.Request) (*http.Response, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(text)
}

// TestHealth: alive without a database, ready only with it.
func TestHealth(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(local(nil), fn.Options{})
	get := func(path string) (*http.Response, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, door.URL+path, nil)
		require.NoError(t, err)
		return do(t, request)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		response, text := get(path)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Empty(t, text)
	}
	door.Host.Pool().Close()
	response, _ := get("/healthz")
	require.Equal(t, http.StatusOK, response.StatusCode)
	response, text := get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Equal(t, "no database\n", text)
}
