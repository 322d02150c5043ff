package stripetest

import (
	"net/http"

	"quittance.dev/functions/outside/outsidetest"
)

// Words for Mood.Code, beside Stripe's decline codes. They go with the kind Refuse.
const (
	codeRateLimit   = "rate_limit"   // 429 in Stripe's envelope, nothing done
	codeServerError = "api_error"    // 500 in Stripe's envelope, nothing done
	codeStored500   = "stored_error" // charges, answers 500, and keeps that 500 under the key
	codeLateSuccess = "late_success" // processing now, succeeded later
	codeLateFailure = "late_failure" // processing now, declined later
)

// Decline makes the issuer decline the next charge with one of Stripe's decline codes, such as
// "insufficient_funds".
func Decline(code string) outsidetest.Mood {
	return outsidetest.Mood{Kind: outsidetest.Refuse, Op: "charge", Code: code}
}

// RateLimited answers 429 in Stripe's own words; the kind TooMany is a bare one, as a proxy gives.
func RateLimited() outsidetest.Mood {
	return outsidetest.Mood{Kind: outsidetest.Refuse, Code: codeRateLimit}
}

// ServerError answers 500 in Stripe's own words and keeps nothing under the key.
func ServerError() outsidetest.Mood {
	return outsidetest.Mood{Kind: outsidetest.Refuse, Code: codeServerError}
}

// StoredError charges the card, then fails in a way that Stripe stores: the key answers 500 for
// ever, and only a look-up shows the charge.
func StoredError() outsidetest.Mood {
	return outsidetest.Mood{Kind: outsidetest.Refuse, Op: "charge", Code: codeStored500}
}

// Locked answers 409 lock_timeout.
func Locked() outsidetest.Mood { return outsidetest.Mood{Kind: outsidetest.Locked} }

// LateSuccess leaves the next payment processing; it succeeds after Config.SettleAfter, or when
// told by Settle.
func LateSuccess() outsidetest.Mood {
	return outsidetest.Mood{Kind: outsidetest.Refuse, Op: "charge", Code: codeLateSuccess}
}

// LateFailure leaves the next payment processing; it is declined later.
func LateFailure() outsidetest.Mood {
	return outsidetest.Mood{Kind: outsidetest.Refuse, Op: "charge", Code: codeLateFailure}
}

// worded plays the moods that turn a call away in Stripe's own envelope before anything is done,
// and reports whether it answered.
func (e *Emulator) worded(w http.ResponseWriter, mood outsidetest.Mood) bool {
	var p problem
	switch {
	case mood.Kind == outsidetest.Locked:
		p = problem{status: http.StatusConflict, Type: "invalid_request_error", Code: "lock_timeout",
			Message: "This object cannot be accessed right now because another API request is currently accessing it."}
	case mood.Kind == outsidetest.InProgress:
		p = keyInUse
	case mood.Kind == outsidetest.Refuse && mood.Code == codeRateLimit:
		p = problem{status: http.StatusTooManyRequests, Type: "invalid_request_error", Code: "rate_limit",
			Message: "Request rate limit exceeded."}
	case mood.Kind == outsidetest.Refuse && mood.Code == codeServerError:
		p = problem{status: http.StatusInternalServerError, Type: "api_error",
			Message: "An unknown error occurred."}
	default:
		return false
	}
	outsidetest.SetRetryAfter(w, mood)
	fail(w, p)
	return true
}

var keyInUse = problem{status: http.StatusConflict, Type: "idempotency_error", Code: "idempotency_key_in_use",
	Message: "There is currently another in-progress request using this Idempotency Key."}
