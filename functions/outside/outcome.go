package outside

import (
	"errors"
	"fmt"
	"time"
)

// Refusal is a definitive no of an outside system to one request.
type Refusal struct {
	System string `json:"system"` // who refused, e.g. "mambu"
	Code   string `json:"code"`   // the system's own word for it, e.g. ACCOUNT_HAS_REMAINING_BALANCE
	Reason string `json:"reason"` // one sentence for an operator, free of personal data
}

// String gives the refusal on one line.
func (r Refusal) String() string {
	if r.Reason == "" {
		return r.System + " refused: " + r.Code
	}
	return r.System + " refused: " + r.Code + ": " + r.Reason
}

// Unknown says that nobody can tell whether the call had its effect. The same
// request must be sent again under the same key, or its effect read back.
type Unknown struct {
	System string
	Op     string

	// RetryAfter is how long the system asked us to wait; zero if it did not.
	RetryAfter time.Duration

	// Misconfigured marks what no retry mends: wrong credentials, a
	// certificate that does not verify, a wrong address. Alarm an operator.
	Misconfigured bool

	Err error
}

func (u *Unknown) Error() string {
	what := "outcome unknown"
	if u.Misconfigured {
		what = "outcome unknown, misconfigured"
	}
	return fmt.Sprintf("%s %s: %s: %v", u.System, u.Op, what, u.Err)
}

// Wait is RetryAfter, for a caller that only knows that errors may ask for time.
func (u *Unknown) Wait() time.Duration { return u.RetryAfter }

// Unwrap gives the cause.
func (u *Unknown) Unwrap() error { return u.Err }

// Is reports a misconfigured outcome as [ErrMisconfigured].
func (u *Unknown) Is(target error) bool {
	return target == ErrMisconfigured && u.Misconfigured
}

var (
	// ErrMisconfigured matches every error that only a change of
	// configuration can mend.
	ErrMisconfigured = errors.New("misconfigured")

	// ErrInProgress says that the system answered 102 Processing: a request
	// with this key is still running there. Try again later, same key.
	ErrInProgress = errors.New("request already in progress there (102)")

	// ErrAnswerTooLarge says that the answer was longer than [AnswerLimit].
	ErrAnswerTooLarge = errors.New("answer too large")
)

// misconfigured wraps err so that it matches ErrMisconfigured.
func misconfigured(err error) error {
	return fmt.Errorf("%w: %w", ErrMisconfigured, err)
}
