package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ProblemType is what went wrong, from the fixed list of the document.
type ProblemType string

// The problem types.
const (
	MalformedJSON        ProblemType = "urn:quittance:problem:malformed-json"
	MalformedRequest     ProblemType = "urn:quittance:problem:malformed-request"
	MalformedEvent       ProblemType = "urn:quittance:problem:malformed-event"
	MissingKey           ProblemType = "urn:quittance:problem:missing-idempotency-key"
	InvalidKey           ProblemType = "urn:quittance:problem:invalid-idempotency-key"
	InvalidCursor        ProblemType = "urn:quittance:problem:invalid-cursor"
	InvalidAmount        ProblemType = "urn:quittance:problem:invalid-amount"
	InvalidTransaction   ProblemType = "urn:quittance:problem:invalid-transaction"
	SignatureRefused     ProblemType = "urn:quittance:problem:signature-refused"
	InvalidToken         ProblemType = "urn:quittance:problem:invalid-token"
	InsufficientScope    ProblemType = "urn:quittance:problem:insufficient-scope"
	NotFound             ProblemType = "urn:quittance:problem:not-found"
	ReportEnded          ProblemType = "urn:quittance:problem:report-ended"
	NotAcceptable        ProblemType = "urn:quittance:problem:not-acceptable"
	TooManyReports       ProblemType = "urn:quittance:problem:too-many-reports"
	MethodNotAllowed     ProblemType = "urn:quittance:problem:method-not-allowed"
	RequestTimeout       ProblemType = "urn:quittance:problem:request-timeout"
	InFlight             ProblemType = "urn:quittance:problem:in-flight"
	BalanceNotZero       ProblemType = "urn:quittance:problem:balance-not-zero"
	AccountNotOpen       ProblemType = "urn:quittance:problem:account-not-open"
	TooLarge             ProblemType = "urn:quittance:problem:too-large"
	TooManyRequests      ProblemType = "urn:quittance:problem:too-many-requests"
	UnsupportedMediaType ProblemType = "urn:quittance:problem:unsupported-media-type"
	UnsupportedEncoding  ProblemType = "urn:quittance:problem:unsupported-content-encoding"
	InvalidContent       ProblemType = "urn:quittance:problem:invalid-content"
	KeyExpired           ProblemType = "urn:quittance:problem:idempotency-key-expired"
	KeyReused            ProblemType = "urn:quittance:problem:idempotency-key-reused"
	EventConflict        ProblemType = "urn:quittance:problem:event-conflict"
	InternalError        ProblemType = "urn:quittance:problem:internal-error"
	OutcomeUnknown       ProblemType = "urn:quittance:problem:outcome-unknown"
	Unavailable          ProblemType = "urn:quittance:problem:unavailable"
)

// ProblemTypes lists all of them.
func ProblemTypes() []ProblemType {
	return []ProblemType{
		MalformedJSON, MalformedRequest, MalformedEvent, MissingKey, InvalidKey, InvalidCursor, InvalidAmount, InvalidTransaction, SignatureRefused,
		InvalidToken, InsufficientScope, NotFound, ReportEnded, NotAcceptable, TooManyReports, MethodNotAllowed, RequestTimeout, InFlight, BalanceNotZero, AccountNotOpen,
		TooLarge, TooManyRequests, UnsupportedMediaType, UnsupportedEncoding, InvalidContent, KeyReused, KeyExpired, EventConflict,
		InternalError, OutcomeUnknown, Unavailable,
	}
}

// Problem is an error that the bank answered with (RFC 9457).
type Problem struct { //nolint:errname // what the RFC calls it, and the document
	Type     ProblemType `json:"type"`
	Title    string      `json:"title"`
	Status   int         `json:"status"`           // of HTTP
	Detail   string      `json:"detail"`           // what to do about it
	Instance string      `json:"instance"`         // the id of the request; name it when you ask about it
	Reason   string      `json:"reason,omitempty"` // why the bank refuses, in words for the customer
	// Errors say where the request breaks a rule.
	Errors []FieldError `json:"errors,omitempty"`
}

// FieldError is one broken rule.
type FieldError struct {
	Pointer   string `json:"pointer,omitempty"`   // the place in the body (RFC 6901)
	Parameter string `json:"parameter,omitempty"` // the parameter, when it is not the body
	Detail    string `json:"detail"`              // the rule
}

// Error says what the problem is and where.
func (p *Problem) Error() string {
	text := p.Title
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	for _, e := range p.Errors {
		text += "; " + strings.TrimSpace(e.Pointer+e.Parameter+" "+e.Detail)
	}
	return fmt.Sprintf("%s (%d, request %s)", text, p.Status, p.Instance)
}

// Passes tells whether the same request may succeed later.
func (p *Problem) Passes() bool {
	return p.Status >= http.StatusInternalServerError || p.Type == InFlight || p.Type == TooManyRequests || p.Type == RequestTimeout
}

// conclusive tells whether the problem says that the request was not done, also if
// an attempt before it may have been: the bank had looked for its key.
func (p *Problem) conclusive() bool {
	return p.Status != http.StatusUnauthorized && p.Status != http.StatusForbidden &&
		strings.HasPrefix(string(p.Type), "urn:quittance:problem:")
}

// ErrUnknown is matched by the error of a request of which it is not known whether
// the bank did it.
var ErrUnknown = errors.New("not known what became of the request")

// UnknownError is what is known of such a request.
type UnknownError struct {
	Key      Key   // under which to ask again
	Attempts int   // that were made
	Err      error // the last one's: no answer, or a *Problem that passes
}

// Error says what to do.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("%v after %d attempts under the key %q: %v", ErrUnknown, e.Attempts, e.Key, e.Err)
}

// Unwrap is for errors.Is and errors.As.
func (e *UnknownError) Unwrap() []error { return []error{ErrUnknown, e.Err} }

// problemIn reads the problem of an answer. What is no problem of the bank's, such
// as a gateway's page, becomes one by its status.
func problemIn(response *http.Response, body []byte) *Problem {
	var p Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Type == "" {
		p = Problem{Type: "about:blank", Title: http.StatusText(response.StatusCode), Instance: response.Header.Get("X-Request-Id")}
	}
	p.Status = response.StatusCode
	return &p
}

// retryAfter is how long an answer asks to wait, 0 if it does not say.
func retryAfter(response *http.Response) time.Duration {
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, time.Minute)
}
