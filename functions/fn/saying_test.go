package fn_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

func rejected(d events.PaymentSubmitted) events.PaymentRejected {
	return events.PaymentRejected{PaymentID: d.PaymentID, InvoiceID: d.InvoiceID, Reason: events.AmountMismatch}
}

// TestWhatIsSaid: every column of the outbox, from the function, the catalogue
// and the cause.
func TestWhatIsSaid(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(local(nil), fn.Options{})
	d := submitted()
	e := fntest.Event(d)
	e.CorrelationID, e.TraceParent = "journey-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	eventually(t, door, e)

	rows, err := r.owner.Query(t.Context(), `select `+fn.EnvelopeColumns+` from delivery.outbox`)
	require.NoError(t, err)
	require.True(t, rows.Next())
	said, err := fn.ScanEnvelope(rows)
	require.NoError(t, err)
	rows.Close()
	require.Equal(t, fn.Envelope{
		ID:     fn.DeriveID("validation", e.Source, e.ID, string(events.TypePaymentValidated), "0"),
		Source: "/functions/validation", Type: events.TypePaymentValidated,
		Subject: d.PaymentID, PartitionKey: d.InvoiceID, CorrelationID: "journey-1", CausationID: e.ID,
		TraceParent: e.TraceParent, Broker: events.Payments, Time: said.Time, Data: said.Data,
	}, said)
	var payload events.PaymentValidated
	require.NoError(t, json.Unmarshal(said.Data, &payload))
	require.Equal(t, validated(d), payload)
	require.Equal(t, 1, r.count(`from delivery.queue q join delivery.outbox o using (broker, source, id, created_at) where q.attempts = 0 and q.due_at = o.created_at`))
	require.Equal(t, 1, r.count(`from delivery.outbox o join delivery.idempotency i on i.done_at = o.created_at`), "one instant")
}

// TestJourneys: without a correlation id a journey begins; a sweep may speak of
// another one.
func TestJourneys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(local(func(_ context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		return []events.Data{validated(in.Data), fn.Correlated{Data: rejected(in.Data), CorrelationID: "another"}}, nil
	}), fn.Options{})
	e := fntest.Event(submitted())
	e.CorrelationID = ""
	eventually(t, door, e)
	require.Equal(t, e.ID, r.text(`select correlation_id from delivery.outbox where type = $1`, events.TypePaymentValidated))
	require.Equal(t, "another", r.text(`select correlation_id from delivery.outbox where type = $1`, events.TypePaymentRejected))
}

// TestDerivedIDs: the same cause says the same, in every process; several of
// one type are told apart.
func TestDerivedIDs(t *testing.T) {
	t.Parallel()
	require.Equal(t, fn.DeriveID("a", "b"), fn.DeriveID("a", "b"))
	require.NotEqual(t, fn.DeriveID("a", "b"), fn.DeriveID("ab"))
	require.NotEqual(t, fn.DeriveID("a", "b"), fn.DeriveID("a\"", "b"))
	require.NotEqual(t, fn.DeriveID(), fn.DeriveID(""))
	parsed, err := uuid.Parse(fn.DeriveID("a"))
	require.NoError(t, err)
	require.EqualValues(t, 5, parsed.Version())

	e := fntest.Event(submitted())
	other := submitted()
	ids := map[string]bool{}
	for range 2 {
		r := newRig(t)
		door := r.open(local(func(_ context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			return []events.Data{validated(in.Data), validated(other), rejected(in.Data)}, nil
		}), fn.Options{})
		eventually(t, door, e)
		rows, err := r.owner.Query(t.Context(), `select id from delivery.outbox`)
		require.NoError(t, err)
		for rows.Next() {
			var id string
			require.NoError(t, rows.Scan(&id))
			ids[id] = true
		}
		require.NoError(t, rows.Err())
	}
	require.Len(t, ids, 3, "three events, with the same ids in both databases")
}

// TestTheCatalogueHoldsForWhatIsSaid: a mistake in the code is a dead letter,
// not a surprise for others.
func TestTheCatalogueHoldsForWhatIsSaid(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, said := range map[string]events.Data{
		"another function's": events.InvoicePaid{},
		"a tick":             events.Tick{},
		"correlated":         fn.Correlated{Data: events.Tick{}, CorrelationID: "x"},
		"its own, invalid":   events.PaymentRejected{PaymentID: "1"},
	} {
		door := r.open(local(func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			return []events.Data{said}, note(ctx, tx, in.ID, "")
		}), fn.Options{})
		status, text := door.Post(t, fntest.Event(submitted()))
		require.Equal(t, http.StatusUnprocessableEntity, status, name)
		require.Contains(t, text, string(said.Type()), name)
		r.holds(0, 0, 0)
	}
}

// TestF08_Representation: who posts directly may have the resulting event in
// the answer, and gets the same one from a repeated delivery.
func TestF08_Representation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(local(func(_ context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		return []events.Data{validated(in.Data), rejected(in.Data), validated(in.Data)}, nil
	}), fn.Options{})
	d := submitted()
	e := fntest.Event(d)
	ask := func(e fn.Envelope, prefer ...string) (*http.Response, string) {
		request, err := e.Request(t.Context(), door.URL)
		require.NoError(t, err)
		request.Header["Prefer"] = prefer
		response, text := do(t, request)
		require.Equal(t, http.StatusOK, response.StatusCode, text)
		return response, text
	}
	first, text := ask(e, "respond-async, return=representation")
	require.Equal(t, "return=representation", first.Header.Get("Preference-Applied"))
	require.Equal(t, string(events.TypePaymentRejected), first.Header.Get("Ce-Type"))
	require.Equal(t, e.ID, first.Header.Get("Ce-Causationid"))
	require.Equal(t, "application/json", first.Header.Get("Content-Type"))
	var payload events.PaymentRejected
	require.NoError(t, json.Unmarshal([]byte(text), &payload))
	require.Equal(t, rejected(d), payload)

	// What another source's event of the same id caused is not mixed in.
	twin := fntest.Event(submitted())
	twin.ID, twin.Source = e.ID, "/functions/a-twin"
	other, _ := ask(twin, "return=representation")
	require.NotEqual(t, first.Header.Get("Ce-Id"), other.Header.Get("Ce-Id"))

	for range 2 {
		again, same := ask(e, "wait=1", "return=representation")
		require.Equal(t, text, same)
		for name := range first.Header {
			if name != "Date" {
				require.Equal(t, first.Header[name], again.Header[name], name)
			}
		}
	}
	plain, text := ask(e)
	require.Empty(t, text)
	require.Empty(t, plain.Header.Get("Ce-Id"))
	_, text = ask(fntest.Event(submitted()), "return=minimal")
	require.Empty(t, text)

	silent := r.open(function("validation", fn.Local(
		func(context.Context, fn.Tx, fn.In[events.PaymentSubmitted]) ([]events.Data, error) { return nil, nil })), fn.Options{})
	for range 2 {
		status, text := silent.Post(t, fntest.Event(submitted()), "Prefer", "return=representation")
		require.Equal(t, http.StatusOK, status)
		require.Empty(t, text, "nothing was said")
	}
}

// TestTransact: a command of a function's own API commits with what it says.
func TestTransact(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	host := r.open(local(nil), fn.Options{}).Host
	require.Equal(t, "validation", host.Function().Name)
	require.Equal(t, []events.Type{events.TypePaymentSubmitted}, host.Function().Hears())
	d := submitted()
	work := func(ctx context.Context, tx fn.Tx) ([]events.Data, error) {
		_, err := tx.Exec(ctx, `insert into probe.effect (event_id, note) select 'command', '' where not exists (select from probe.effect)`)
		return []events.Data{validated(d)}, err
	}
	said, err := host.Transact(t.Context(), "command-1", "journey-2", work)
	require.NoError(t, err)
	require.Len(t, said, 1)
	require.Equal(t, "journey-2", said[0].CorrelationID)
	require.Equal(t, "command-1", said[0].CausationID)
	r.holds(1, 0, 1)

	again, err := host.Transact(t.Context(), "command-1", "journey-2", work)
	require.NoError(t, err)
	require.Equal(t, said[0].ID, again[0].ID, "a command says the same each time; its own key keeps it from saying it twice")
	other, err := host.Transact(t.Context(), "command-2", "journey-2", work)
	require.NoError(t, err)
	require.NotEqual(t, said[0].ID, other[0].ID)

	no := errors.New("no")
	_, err = host.Transact(t.Context(), "command-3", "", func(ctx context.Context, tx fn.Tx) ([]events.Data, error) {
		require.NoError(t, note(ctx, tx, "command-3", ""))
		return []events.Data{validated(d)}, no
	})
	require.ErrorIs(t, err, no)
	r.holds(1, 0, 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = host.Transact(ctx, "command-4", "", work)
	require.ErrorIs(t, err, context.Canceled)
}

// TestReadThenDeliver: an API looks at an event before it has it handled.
func TestReadThenDeliver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	host := r.open(local(nil), fn.Options{}).Host
	d := submitted()
	e := fntest.Event(d)
	request, err := e.Request(t.Context(), "http://api")
	require.NoError(t, err)
	pending, err := host.Read(nil, request)
	require.NoError(t, err)
	require.Equal(t, e.ID, pending.ID())
	require.Equal(t, e.Source, pending.Source())
	require.Equal(t, d, pending.Data())
	r.holds(0, 0, 0)
	for range 2 {
		require.NoError(t, host.Deliver(t.Context(), pending))
		r.holds(1, 1, 1)
	}

	broken := e
	broken.Data = []byte(`{}`)
	request, err = broken.Request(t.Context(), "http://api")
	require.NoError(t, err)
	_, err = host.Read(nil, request)
	answer, reason := fn.Verdict(err)
	require.Equal(t, fn.Malformed, answer)
	require.Contains(t, reason, "payload lacks")
	request.Method = http.MethodGet
	_, err = host.Read(nil, request)
	answer, _ = fn.Verdict(err)
	require.Equal(t, fn.WrongMethod, answer)
	answer, reason = fn.Verdict(nil)
	require.Equal(t, fn.Handled, answer)
	require.Empty(t, reason)
}

// TestSink takes whatever comes, as it is, and claims nothing.
func TestSink(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var got fn.Letter
	door := r.open(function("dead-letter", fn.Sink(
		func(ctx context.Context, tx fn.Tx, l fn.Letter) ([]events.Data, error) {
			got = l
			if l.Subject == "fail" {
				return nil, errors.New("no")
			}
			return []events.Data{events.DeadLetterRecorded{DeadLetterID: fn.DeriveID(l.ID), Consumer: "x", EventType: l.Type}}, note(ctx, tx, l.ID, "")
		})), fn.Options{})
	door.URL += "/closure-e"
	e := fn.Envelope{ID: "any id", Source: "urn:x", Type: "com.example.thing", Subject: "s", Data: []byte("\x00 no JSON")}
	status, text := door.Post(t, e, "Content-Type", "application/octet-stream", "Ce-Knativeerrorcode", "503")
	require.Equal(t, http.StatusOK, status, text)
	require.Equal(t, fn.Letter{Path: "/closure-e", ID: "any id", Source: "urn:x", Type: "com.example.thing", Subject: "s",
		Extensions: map[string]string{"knativeerrorcode": "503"}, ContentType: "application/octet-stream", Data: e.Data}, got)
	require.Equal(t, "any id", r.text(`select correlation_id from delivery.outbox`))
	eventually(t, door, e)
	r.holds(2, 0, 2)
	e.Subject = "fail"
	status, _ = door.Post(t, e)
	require.Equal(t, http.StatusServiceUnavailable, status)
	r.holds(2, 0, 2)
}

// TestSinkTakesWhatAConsumerRefuses: what was refused for its attributes ends in
// the sink, which must not refuse it for the same reason.
func TestSinkTakesWhatAConsumerRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	consumer := r.open(local(func(context.Context, fn.Tx, fn.In[events.PaymentSubmitted]) ([]events.Data, error) { return nil, nil }), fn.Options{})
	letters := make(chan fn.Letter, 1)
	sink := r.open(function("dead-letter", fn.Sink(func(_ context.Context, _ fn.Tx, l fn.Letter) ([]events.Data, error) {
		letters <- l
		return nil, nil
	})), fn.Options{})
	set := func(name, value string) func(http.Header) {
		return func(h http.Header) {
			if h.Set(name, value); value == "" {
				h.Del(name)
			}
		}
	}
	long := strings.Repeat("x", 600)
	for name, tt := range map[string]struct {
		change func(http.Header)
		answer fn.Answer
		want   func(fn.Letter) bool
	}{
		"a long subject":   {set("Ce-Subject", long), fn.Malformed, func(l fn.Letter) bool { return l.Subject == long[:512] }},
		"a long extension": {set("Ce-Custom", long), fn.Malformed, func(l fn.Letter) bool { return l.Extensions["custom"] == long }},
		"half a letter":    {set("Ce-Subject", "caf\xe9"), fn.Malformed, func(l fn.Letter) bool { return l.Subject == "caf" }},
		"long ago":         {set("Ce-Time", "1899-12-31T00:00:00Z"), fn.Malformed, func(l fn.Letter) bool { return len(l.Data) > 0 }},
		"untyped":          {set("Content-Type", ""), fn.Unsupported, func(l fn.Letter) bool { return l.ContentType == "" && len(l.Data) > 0 }},
	} {
		request := func(url string) *http.Request {
			request, err := fntest.Signed(fntest.Event(submitted())).Request(t.Context(), url)
			require.NoError(t, err)
			tt.change(request.Header)
			return request
		}
		status, _ := consumer.Do(t, request(consumer.URL))
		require.Equal(t, int(tt.answer), status, name)
		status, text := sink.Do(t, request(sink.URL))
		require.Equal(t, http.StatusOK, status, "%s: %s", name, text)
		require.True(t, tt.want(<-letters), name)
	}
}

// TestLastFailure is what a room can read about an earlier try.
func TestLastFailure(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var before []string
	door := r.open(local(func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		why, err := fn.LastFailure(ctx, tx, "validation", in.Source, in.ID)
		require.NoError(t, err)
		before = append(before, why)
		if len(before) < 3 {
			return nil, errors.New("no " + why)
		}
		return nil, nil
	}), fn.Options{})
	eventually(t, door, fntest.Event(submitted()))
	require.Equal(t, []string{"", "no ", "no no "}, before)
}
