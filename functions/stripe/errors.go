package stripe

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	stripego "github.com/stripe/stripe-go/v84"

	"quittance.dev/functions/outside"
)

var (
	// ErrNotFound means that Stripe knows no such intent, now. A look-up can run ahead of a payment
	// that is under way, so it proves nothing until the request is minutes old and a second look-up
	// says the same.
	ErrNotFound = errors.New("stripe: no such payment intent")
	// ErrKeyReused means that the idempotency key was used before with other parameters: a fault in
	// our books that a person must look at. Whether the first request charged is not known.
	ErrKeyReused = errors.New("idempotency key was used with other parameters")

	errNoIntent = errors.New("answer holds no payment intent")
	errNoCharge = errors.New("intent succeeded but shows no charge that we can read")
)

// refusedBy turns Stripe's error into a refusal when, and only when, it proves that this request
// took no money and never will.
func refusedBy(err error) (ChargeResult, bool) {
	var e *stripego.Error
	if !errors.As(err, &e) || undecided(e) {
		return ChargeResult{}, false
	}
	switch e.Type {
	case stripego.ErrorTypeCard: // 402: the issuer, or the network, said no
	case stripego.ErrorTypeInvalidRequest: // 400, 404: the request made no sense to Stripe
		if e.HTTPStatusCode == http.StatusUnauthorized || e.HTTPStatusCode == http.StatusForbidden {
			return ChargeResult{}, false
		}
	default:
		return ChargeResult{}, false
	}
	r := ChargeResult{Outcome: Refused, Refusal: refusal(e)}
	if e.PaymentIntent != nil {
		r.IntentID, r.Status = e.PaymentIntent.ID, Status(e.PaymentIntent.Status)
	}
	return r, true
}

// undecided finds the errors that say "not now": conflicts, locks, limits, Stripe's own failures.
func undecided(e *stripego.Error) bool {
	switch e.Code {
	case stripego.ErrorCodeLockTimeout, stripego.ErrorCodeRateLimit, stripego.ErrorCodeIdempotencyKeyInUse:
		return true
	default:
	}
	switch code := e.HTTPStatusCode; code {
	case http.StatusConflict, http.StatusTooManyRequests, http.StatusRequestTimeout:
		return true
	default:
		return code < 400 || code >= 500
	}
}

func refusal(e *stripego.Error) *outside.Refusal {
	r := &outside.Refusal{System: system, Code: string(e.DeclineCode), Reason: oneLine(e.Msg)}
	if r.Code == "" {
		r.Code = string(e.Code)
	}
	if r.Code == "" {
		r.Code = string(e.Type)
	}
	return r
}

func isMissing(err error) bool {
	var e *stripego.Error
	return errors.As(err, &e) && e.HTTPStatusCode == http.StatusNotFound && e.Code == stripego.ErrorCodeResourceMissing
}

// unknown makes the outcome of everything that is not an answer. It builds its own text: the
// library's errors quote the answer, and with it the intent's client secret.
func (c *Client) unknown(op string, err error) error {
	var e *stripego.Error
	var known *outside.Unknown
	switch {
	case errors.As(err, &known):
		return known
	case !errors.As(err, &e):
		return c.calls.Unknown(op, errors.New("answer is not Stripe's JSON"))
	}
	cause := fmt.Errorf("status %d, type %s, code %s, request %s", e.HTTPStatusCode, e.Type, e.Code, e.RequestID)
	if e.Type == stripego.ErrorTypeIdempotency && e.HTTPStatusCode != http.StatusConflict {
		cause = fmt.Errorf("%w: %w", ErrKeyReused, cause)
	}
	u := c.calls.Unknown(op, cause)
	u.Misconfigured = e.HTTPStatusCode == http.StatusUnauthorized || e.HTTPStatusCode == http.StatusForbidden
	if e.LastResponse != nil {
		u.RetryAfter, _ = outside.RetryAfter(e.LastResponse.Header, time.Now())
	}
	return u
}

// oneLine keeps a message of the other side from breaking a log line or growing without end.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "")
	}
	return s
}
