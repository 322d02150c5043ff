// Package signing makes and checks the signatures of events.
//
// The relay signs each event when it sends it, for every consumer that checks
// signatures; what it signs is what it found in the outbox, which takes an event
// only from the role of its source. A signature is an HMAC-SHA256 under a key
// that the relay shares with that one consumer, so no consumer can make one that
// another would take. It covers the event's id, source, type, subject, time,
// partition key, journey and cause, and the hash of its payload; not the trace
// context, which intermediaries may change.
//
// It travels as the CloudEvents extension "signature": one part per consumer,
// separated by spaces,
//
//	v1,<consumer>,<key id>,<base64url of the MAC>
//
// A function that posts events of its own straight to a consumer signs them with a
// key that it shares with that consumer alone; its part is named
// <consumer>/direct, and is good for events of that function only.
//
// A file of keys has one key per line, its id and the base64 of at least 32
// random bytes:
//
//	2026-07 w2yCk0Xl3n…
//
// The first one signs, all of them verify. Files are read again when they
// change: see docs/security.md for the steps of a rotation.
package signing
