package fn

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"quittance.dev/functions/signing"
)

// Answer is what the kernel tells the broker; the numbers are HTTP statuses
// and are chosen by what Knative does with them: only 5xx, 404, 408, 409 and
// 429 are tried again, everything else that is not 2xx is a dead letter at
// once.
type Answer int

const (
	// Handled means done now, or done before. The body is empty: text on a 2xx would be
	// taken for a broken event and tried again.
	Handled Answer = http.StatusOK
	// Malformed means not a CloudEvent, a type the function does not hear, or a
	// payload that breaks its own rules. Dead letter at once.
	Malformed Answer = http.StatusBadRequest
	// Unauthorized means an event that the bank has not said, or that was changed
	// on its way, at a function that handles signed ones only. Dead letter at once.
	Unauthorized Answer = http.StatusUnauthorized
	// WrongMethod says that only POST carries events.
	WrongMethod Answer = http.StatusMethodNotAllowed
	// InFlight says that another delivery of this event holds the claim.
	InFlight Answer = http.StatusConflict
	// TooLarge says that the body is over the limit. Dead letter at once.
	TooLarge Answer = http.StatusRequestEntityTooLarge
	// Unsupported means a batch, an encoded body, or an unknown content type.
	Unsupported Answer = http.StatusUnsupportedMediaType
	// Refused means that the function said Permanent, or the same id came with another
	// payload. Dead letter at once.
	Refused Answer = http.StatusUnprocessableEntity
	// Unknown means an error, a deadline, a panic, no database. Tried again.
	Unknown Answer = http.StatusServiceUnavailable
)

// maxReason bounds an error body. Knative's dispatcher of v0.50 crashes on one
// of more than 768 bytes when a dead-letter sink is set.
const maxReason = 512

// permanent marks an error that no retry can mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks err as one that no retry can mend: the event becomes a dead
// letter at once and a person must look.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

// Errors the kernel itself decides by.
var (
	errInFlight      = errors.New("another delivery of this event is being handled")
	errPayloadDiffer = errors.New("the same source and id came before with another payload")
	errOvertaken     = errors.New("another delivery took the claim over")
	errDeferred      = errors.New("put off by the function itself")
)

// malformed is an event that the door refuses.
type malformed struct {
	answer Answer
	reason string
}

func (m malformed) Error() string { return m.reason }

// answerTo is the one table from what happened to what the broker is told.
func answerTo(err error) Answer {
	var bad malformed
	var p permanent
	switch {
	case err == nil:
		return Handled
	case errors.As(err, &bad):
		return bad.answer
	case wantsRetry(err): // Postgres refused the moment, not the event, whatever the function made of it
		return Unknown
	case errors.Is(err, errInFlight):
		return InFlight
	case errors.Is(err, errPayloadDiffer), errors.As(err, &p):
		return Refused
	default: // also context.DeadlineExceeded, errOvertaken, and every database error
		return Unknown
	}
}

// reasonOf is the text sent with the answer: the error's own words for what a
// person must mend, a fixed phrase for what passes, so that no SQL and no host
// name leaves the function. The full error is in the log.
func reasonOf(err error) string {
	var reason string
	switch answerTo(err) {
	case Handled:
		return ""
	case Unknown:
		reason = "not handled yet, try again"
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			reason = "not handled in time, try again"
		case errors.Is(err, signing.ErrUnknownKey): // what the dead letter says if it never comes
			reason = signing.ErrUnknownKey.Error()
		}
	default:
		reason = err.Error()
	}
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	return strings.ToValidUTF8(reason, "") // half a letter at the end, or what a stranger sent
}
