package fn_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/signing"
)

// guarded is a function of a name that handles signed events only.
func guarded() fn.Function {
	return fn.Function{Name: "payment", Handlers: []fn.Handler{
		fn.Local(func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentValidated]) ([]events.Data, error) {
			return nil, note(ctx, tx, in.ID, "applied")
		}),
		fn.Local(func(ctx context.Context, tx fn.Tx, in fn.In[events.Tick]) ([]events.Data, error) {
			return nil, note(ctx, tx, in.ID, "tick")
		}),
	}}
}

// TestD2_OnlySignedEventsAreHandled: anything else is refused for good before
// the payload is read and before the database hears of it, so that a stranger
// can neither move money nor spoil the id of an event to come.
func TestD2_OnlySignedEventsAreHandled(t *testing.T) {
	r := newRig(t)
	door := r.open(guarded(), fn.Options{})
	e := fntest.Event(validated(submitted()))
	signed := func(change func(*fn.Envelope)) fn.Envelope {
		c := e
		change(&c)
		return fntest.Signed(c)
	}
	good := fntest.Signed(e)
	after := func(change func(*fn.Envelope)) fn.Envelope { c := good; change(&c); return c }
	other := fntest.Event(validated(submitted()))
	strangers, err := e.Signed(signing.Ephemeral(events.Verifying()...))
	require.NoError(t, err)
	before := counted(t, "quittance.alarms", "kind", "unauthorized")
	refused := map[string]fn.Envelope{
		"unsigned":                        after(func(c *fn.Envelope) { c.Signature = "none" }),
		"unsigned, and no payload":        after(func(c *fn.Envelope) { c.Signature, c.Data = "none", []byte(`{`) }),
		"another payload":                 after(func(c *fn.Envelope) { c.Data = other.Data }),
		"another id":                      after(func(c *fn.Envelope) { c.ID = uuid.NewString() }),
		"another source":                  after(func(c *fn.Envelope) { c.Source = fn.Source("api") }),
		"another subject":                 after(func(c *fn.Envelope) { c.Subject = "" }),
		"another partition":               after(func(c *fn.Envelope) { c.PartitionKey = uuid.NewString() }),
		"another journey":                 after(func(c *fn.Envelope) { c.CorrelationID = "" }),
		"another time":                    after(func(c *fn.Envelope) { c.Time = c.Time.AddDate(0, 0, 1) }),
		"a stranger's key":                strangers,
		"signed, from who may not say it": signed(func(c *fn.Envelope) { c.Source = fn.Source("query") }),
		"signed, from outside":            signed(func(c *fn.Envelope) { c.Source = "urn:elsewhere" }),
	}
	for name, forged := range refused {
		status, text := door.Post(t, forged)
		require.Equal(t, http.StatusUnauthorized, status, "%s: %s", name, text)
		require.NotEmpty(t, text)
		require.LessOrEqual(t, len(text), 512)
		request, err := forged.Request(t.Context(), door.URL)
		require.NoError(t, err)
		_, err = door.Host.Read(nil, request)
		answer, _ := fn.Verdict(err)
		require.Equal(t, fn.Unauthorized, answer, name)
	}
	require.Equal(t, before+int64(len(refused)), counted(t, "quittance.alarms", "kind", "unauthorized"))
	r.holds(0, 0, 0)
	require.Zero(t, r.count(`from delivery.failure`))

	for range 2 { // the archive's copy is as good as the first
		status, text := door.Post(t, good, "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		require.Equal(t, http.StatusOK, status, text)
	}
	r.holds(1, 1, 0)
	tick := fntest.Event(events.Tick{})
	status, text := door.Post(t, tick)
	require.Equal(t, http.StatusOK, status, "the clock is not ours: %s", text)
	r.holds(2, 2, 0)
}

// TestF41_KeysThatAreNotThere are on their way: nothing is refused for good.
func TestF41_KeysThatAreNotThere(t *testing.T) {
	r := newRig(t)
	e := fntest.Event(validated(submitted()))
	for name, tt := range map[string]struct {
		keys   *signing.Ring
		reason string
	}{
		"no file":         {signing.File(t.TempDir() + "/none"), "not handled yet, try again"},
		"not the new key": {signing.Ephemeral("payment").Ring("payment"), signing.ErrUnknownKey.Error()},
	} {
		host := r.open(guarded(), fn.Options{Keys: tt.keys})
		sent := fntest.Signed(e)
		if name == "not the new key" {
			dir := t.TempDir()
			require.NoError(t, signing.Generate(dir, "payment"))
			var err error
			sent, err = e.Signed(signing.Folder(dir, "payment"))
			require.NoError(t, err)
		}
		status, text := host.Post(t, sent)
		require.Equal(t, http.StatusServiceUnavailable, status, name)
		require.Equal(t, tt.reason, text, name)
	}
	bare := fn.NewHost(guarded(), r.db.Pool("quittance_payment"), fn.Options{Logger: quiet})
	defer bare.Close()
	request, err := fntest.Signed(e).Request(t.Context(), "/")
	require.NoError(t, err)
	_, err = bare.Read(nil, request)
	answer, _ := fn.Verdict(err)
	require.Equal(t, fn.Unknown, answer, "a host that was given no keys handles nothing")
	r.holds(0, 0, 0)
}
