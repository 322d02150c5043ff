package fn_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/fn/fntest/corpus"
)

// nowhere is a host without a database: whatever the door lets through is 503.
func nowhere(t testing.TB) *fn.Host {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), "host=/nonexistent user=nobody")
	require.NoError(t, err)
	host := fn.NewHost(local(nil), pool, fn.Options{Logger: quiet})
	t.Cleanup(func() { host.Close(); pool.Close() })
	return host
}

// FuzzDoor: whatever comes, the door neither panics nor blames itself, and what
// it lets through is an event. headers are lines "name: value".
func FuzzDoor(f *testing.F) {
	valid := fntest.Event(submitted())
	add := func(r *http.Request, err error) {
		require.NoError(f, err)
		var headers strings.Builder
		require.NoError(f, r.Header.Write(&headers))
		var body bytes.Buffer
		_, err = body.ReadFrom(r.Body)
		require.NoError(f, err)
		if body.Len() < 4096 {
			f.Add(r.Method, headers.String(), body.Bytes())
		}
	}
	add(valid.Request(context.Background(), "http://door"))
	add(structured(f, "http://door", valid, nil), nil)
	cases, err := corpus.Load("cloudevents")
	require.NoError(f, err)
	for _, c := range cases {
		add(c.Request(context.Background(), "http://door", valid))
	}
	host := nowhere(f)
	f.Fuzz(func(t *testing.T, method, headers string, body []byte) {
		request := func() *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
			r.Method = method
			for line := range strings.Lines(headers) {
				if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ": "); ok {
					r.Header.Add(name, value)
				}
			}
			return r
		}
		pending, err := host.Read(httptest.NewRecorder(), request())
		if err == nil {
			requireEvent(t, pending)
			return
		}
		answer, reason := fn.Verdict(err)
		if method == http.MethodGet {
			require.Equal(t, fn.WrongMethod, answer)
			return
		}
		answered := httptest.NewRecorder()
		host.ServeHTTP(answered, request())
		require.Equal(t, int(answer), answered.Code)
		require.NotEmpty(t, reason)
		require.GreaterOrEqual(t, answered.Code, 400)
		require.Less(t, answered.Code, 500, "not an event, so no fault of ours")
		require.LessOrEqual(t, answered.Body.Len(), 512)
		require.NotZero(t, answered.Body.Len())
	})
}

func requireEvent(t testing.TB, p fn.Pending) {
	t.Helper()
	require.NoError(t, p.Data().Validate())
	require.Equal(t, events.TypePaymentSubmitted, p.Data().Type())
	for _, attribute := range []string{p.ID(), p.Source()} {
		require.NotEmpty(t, attribute)
		require.LessOrEqual(t, len(attribute), 256)
		for i := range len(attribute) {
			require.True(t, attribute[i] >= 0x20 && attribute[i] <= 0x7e, "%q", attribute)
		}
	}
}

// FuzzDecodeInto: what is accepted means the same to a lenient reader, keeps
// its rules, survives being written anew, and has one hash in every spelling.
func FuzzDecodeInto(f *testing.F) {
	valid, err := json.Marshal(events.DepositRequested{OperationID: fn.DeriveID("o"), AccountID: fn.DeriveID("a"), AmountMinor: 1, Currency: "EUR"})
	require.NoError(f, err)
	f.Add(valid)
	subject, err := corpus.Parse(valid)
	require.NoError(f, err)
	for _, name := range []string{"json-structure", "json-names"} {
		cases, err := corpus.Load(name)
		require.NoError(f, err)
		for _, c := range cases {
			if body := c.Render(subject); len(body) < 4096 {
				f.Add(body)
			}
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		data, err := fn.DecodeDeposit(payload)
		require.Equal(t, before, payload)
		if err != nil {
			answer, reason := fn.Verdict(err)
			require.Equal(t, fn.Malformed, answer)
			require.NotEmpty(t, reason)
			require.LessOrEqual(t, len(reason), 512)
			return
		}
		require.NoError(t, data.Validate())
		var lenient map[string]any
		require.NoError(t, json.Unmarshal(payload, &lenient))
		require.Equal(t, data.(events.DepositRequested).OperationID, lenient["operation_id"])
		require.EqualValues(t, data.(events.DepositRequested).AmountMinor, lenient["amount_minor"], "%s", payload)
		written, err := json.Marshal(data)
		require.NoError(t, err)
		again, err := fn.DecodeDeposit(written)
		require.NoError(t, err)
		require.Equal(t, data, again)
		var indented bytes.Buffer
		require.NoError(t, json.Indent(&indented, payload, "", "  "))
		require.Equal(t, fn.PayloadHash("t", payload), fn.PayloadHash("t", indented.Bytes()))
	})
}

// TestTicksCarryNothing: whatever a PingSource sends with them.
func TestTicksCarryNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(function("audit", fn.Local(func(ctx context.Context, tx fn.Tx, in fn.In[events.Tick]) ([]events.Data, error) {
		return nil, note(ctx, tx, in.ID, "")
	})), fn.Options{})
	for i, body := range []string{``, `{}`, `null`, `not JSON`} {
		tick := fntest.As(fmt.Sprint(i), events.Tick{})
		tick.Source, tick.Data = "/apis/v1/namespaces/quittance/pingsources/audit", []byte(body)
		status, text := door.Post(t, tick, "Content-Type", "text/plain")
		require.Equal(t, http.StatusOK, status, text)
		r.holds(i+1, i+1, 0)
	}
	request, err := fntest.As("bare", events.Tick{}).Request(t.Context(), door.URL)
	require.NoError(t, err)
	request.Header.Del("Content-Type")
	body(request, "")
	response, text := do(t, request)
	require.Equal(t, http.StatusOK, response.StatusCode, "a PingSource without data sends no content type: %s", text)
}
