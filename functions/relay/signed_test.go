package relay_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/delivery/deliverytest"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/relay"
	"quittance.dev/functions/signing"
)

// TestD2_WhatIsSentIsSigned: at its broker, and past it, for the consumers that
// check; what nobody checks is sent as it is.
func TestD2_WhatIsSentIsSigned(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	signed := fntest.Event(events.PaymentValidated{PaymentID: uuid.NewString(), InvoiceID: uuid.NewString(), AmountMinor: 1, Currency: "EUR"})
	signed.Broker = events.Payments
	b.Put(&signed)
	plain := b.Commit(1)[0]
	b.start(relay.Options{})
	b.Eventually(2, sent)
	b.Again("payment", signed)
	b.consumers.Eventually(t, 1, signed.ID)
	heard := append(b.broker.Heard(), b.consumers.Heard()...)
	require.Len(t, heard, 3)
	for _, h := range heard {
		if h.ID() == plain.ID {
			require.NotContains(t, h.Header, "Ce-Signature")
			continue
		}
		want, err := signed.Signed(fntest.Keys)
		require.NoError(t, err)
		require.NotEmpty(t, want.Signature)
		require.Equal(t, []string{want.Signature}, h.Header["Ce-Signature"], h.Path)
	}
}

// TestWithoutAKeyAnEventWaits: unsigned it would be a dead letter. The others do
// not wait for it.
func TestWithoutAKeyAnEventWaits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dir := t.TempDir()
	e := fntest.Event(events.PaymentValidated{PaymentID: uuid.NewString(), InvoiceID: uuid.NewString(), AmountMinor: 1, Currency: "EUR"})
	e.Broker = events.Payments
	b.Put(&e)
	b.Commit(1)
	b.start(relay.Options{Keys: signing.Folder(dir, events.Verifying()...), Sweep: 50 * time.Millisecond})
	b.Eventually(1, sent)
	require.Zero(t, b.broker.Times(e.ID))
	require.NoError(t, signing.Generate(dir, "payment"))
	require.FileExists(t, filepath.Join(dir, "payment"))
	b.Eventually(2, sent)
	require.Equal(t, 1, b.broker.Times(e.ID))
	require.NoError(t, os.RemoveAll(dir))
	var last deliverytest.Heard
	for _, h := range b.broker.Heard() {
		if h.ID() == e.ID {
			last = h
		}
	}
	require.NotEmpty(t, last.Header.Get("Ce-Signature"))
}
