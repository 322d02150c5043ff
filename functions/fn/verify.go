package fn

import (
	"crypto/sha256"
	"errors"
	"slices"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"quittance.dev/events"
	"quittance.dev/functions/signing"
)

// verify refuses an event that is not the bank's own, if this function handles
// none but those: before its payload is read and before the database is asked.
// What nobody of ours has said is refused for good; what may only be a rotation
// of keys on its way is tried again.
func (h *Host) verify(e *cloudevents.Event, payload [sha256.Size]byte) error {
	if !events.Verifies(h.function.Name) || e.Type() == string(events.TypeTick) {
		return nil
	}
	err := h.options.Keys.Verify(h.function.Name, signing.Event{
		ID: e.ID(), Source: e.Source(), Type: e.Type(), Subject: e.Subject(), Time: e.Time(),
		PartitionKey: extension(e, "partitionkey"), CorrelationID: extension(e, "correlationid"),
		CausationID: extension(e, "causationid"), Hash: payload,
	}, extension(e, "signature"))
	switch {
	case errors.Is(err, signing.ErrUnsigned), errors.Is(err, signing.ErrForged):
		return malformed{Unauthorized, err.Error()}
	case err != nil:
		return err
	}
	entry, ok := events.Lookup(events.Type(e.Type()))
	if ok && !slices.ContainsFunc(entry.Says, func(name string) bool { return Source(name) == e.Source() }) {
		return malformed{Unauthorized, "the catalogue does not let " + e.Source() + " say " + e.Type()}
	}
	return nil
}

// Signed is e with a signature for each of its consumers that checks them, as
// the relay sends it. The error says that a key is missing.
func (e Envelope) Signed(keys *signing.Signer) (Envelope, error) {
	entry, _ := events.Lookup(e.Type)
	consumers := entry.Verifiers()
	if len(consumers) == 0 {
		return e, nil
	}
	var err error
	e.Signature, err = keys.Sign(e.covered(), consumers...)
	return e, err
}

// SignedDirect is e as the function that said it posts it straight to consumer,
// under the keys that the two share. The error says that there are none.
func (e Envelope) SignedDirect(consumer string, keys *signing.Ring) (Envelope, error) {
	var err error
	e.Signature, err = keys.SignDirect(consumer, e.covered())
	return e, err
}

// covered is what a signature of e covers.
func (e Envelope) covered() signing.Event {
	return signing.Event{
		ID: e.ID, Source: e.Source, Type: string(e.Type), Subject: e.Subject, Time: e.Time,
		PartitionKey: e.PartitionKey, CorrelationID: e.CorrelationID, CausationID: e.CausationID,
		Hash: PayloadHash(string(e.Type), e.Data),
	}
}
