// Package outside holds what every client of an outside system shares: the
// words for what a call can end in, one HTTP client with one retry policy, and
// one line in the log and one span in the trace for each call.
//
// # Three outcomes
//
// A call to a system that is not ours ends in exactly one of three ways.
//
//   - Confirmed: the system did what it was asked. A client returns a value.
//   - Refused: the system said no, and the no is final for this request. A
//     client returns a value that carries a [Refusal].
//   - Unknown: anything else. The answer was lost, unreadable, late, or says
//     "not now". A client returns an error, always an [*Unknown].
//
// Unknown is an error and refused is not, because an error asks for a retry.
// An unknown outcome is settled by reading back or by sending the same request
// under the same key; a fresh key could do the thing twice.
//
// # The life of a call
//
// A client package builds one [Client] with [New] and sends each request
// through [Client.Do]. The client adds the credentials (read again for every
// attempt, so that a rotated secret works at once), sends the request, and
// retries connection errors, 429 and 5xx a few times with jitter. It retries
// only inside the deadline of the context, honours Retry-After, and gives up
// early rather than start an attempt that cannot finish. A POST is repeated
// after it may have arrived only if it carries an Idempotency-Key. The body
// that is repeated is the same bytes. What comes back is an [Answer] of at
// most [AnswerLimit] bytes; the client package decides what it means.
//
//	c := outside.New(outside.Options{
//	    System:    "mambu",
//	    Authorize: outside.Header("apikey", outside.FromFile("/secrets/mambu")),
//	})
//	answer, err := c.Do(ctx, outside.Call{
//	    Op: "close", Method: http.MethodPost, URL: u, Body: body, Key: closureID,
//	})
//	if err != nil {
//	    return err // *outside.Unknown
//	}
//	switch answer.Status { ... }
//
// A vendor's own library takes an *http.Client: hand it [Client.HTTP], name
// the operation with [WithOp], and turn its errors into outcomes.
//
// # Fails how
//
// Everything that cannot be right is refused before a byte of the request is
// sent: plain HTTP (unless allowed), a certificate that does not verify, a
// missing client certificate, an unreadable secret, an address on the local
// network (unless allowed). Such errors match [ErrMisconfigured]: no retry
// helps, an operator must look. Redirects are not followed.
//
// Package outsidetest holds what the emulators of these systems share.
package outside
