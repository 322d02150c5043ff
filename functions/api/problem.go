package api

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// kind is one entry of the fixed list of problem types: everything about a
// problem that does not depend on the request.
type kind struct {
	name   string // after urn:quittance:problem:
	status int
	title  string
	detail string
}

// The problem types. A released one keeps its name and status.
var (
	malformedJSON      = kind{"malformed-json", 400, "The body is not strict JSON", "Send one JSON value in UTF-8, without duplicate names, null or anything behind it."}
	malformedRequest   = kind{"malformed-request", 400, "The request cannot be read", "Something that the request needs is missing or broken."}
	malformedEvent     = kind{"malformed-event", 400, "Not an event that may come in", "Send CloudEvents 1.0 of the public types, whose payloads keep their rules."}
	missingKey         = kind{"missing-idempotency-key", 400, "There is no idempotency key", "Send an Idempotency-Key, a new one for every new request: it makes the request safe to repeat."}
	invalidKey         = kind{"invalid-idempotency-key", 400, "The idempotency key cannot be used", "Idempotency-Key takes 1 to 255 printable ASCII characters, bare or in double quotes, once."}
	invalidCursor      = kind{"invalid-cursor", 400, "The cursor cannot be used", "Take the value of next from the page before, unchanged."}
	invalidAmount      = kind{"invalid-amount", 400, "The amount cannot be moved", "An amount is more than nothing, in range, and has no more fraction digits than its currency."}
	reportEnded        = kind{"report-ended", 404, "The report is not open any more", "Ask without a cursor: page 1 opens a new one."}
	notAcceptable      = kind{"not-acceptable", 406, "There is no such representation", "The document says which media types the route answers with."}
	tooManyReports     = kind{"too-many-reports", 429, "Too many reports are open", "Go on with one that is open, or wait for as long as Retry-After says."}
	invalidTransaction = kind{"invalid-transaction", 400, "The transaction cannot be made", "A transaction is between two accounts, in the direction debit or credit."}
	badSignature       = kind{"signature-refused", 401, "The signature is not accepted", "The body must come unchanged, signed with the shared secret, and soon."}
	invalidToken       = kind{"invalid-token", 401, "There is no access token that is accepted", "Send an access token of the bank's OpenID provider, for this audience and not expired, as Authorization: Bearer."}
	insufficientScope  = kind{"insufficient-scope", 403, "The access token does not allow this", "The header WWW-Authenticate lists the scopes of which the token needs one."}
	notFound           = kind{"not-found", 404, "There is nothing here", "No such resource, or none that you may see."}
	wrongMethod        = kind{"method-not-allowed", 405, "The resource does not take this method", "The header Allow lists the methods that it takes."}
	slowRequest        = kind{"request-timeout", 408, "The request came too slowly", "The whole body must arrive in time."}
	inFlight           = kind{"in-flight", 409, "The same request is being handled", "Ask again in a moment."}
	balanceNotZero     = kind{"balance-not-zero", 409, "The account is not empty", "Withdraw what is in the account, then close it."}
	accountNotOpen     = kind{"account-not-open", 409, "The account is not open", "An account that is closing or closed takes nothing new."}
	tooMany            = kind{"too-many-requests", 429, "Too many requests", "Wait for as long as Retry-After says. The headers RateLimit-Policy and RateLimit tell how much there is."}
	tooLarge           = kind{"too-large", 413, "The body is too large", "The document says how large a body may be."}
	wrongMediaType     = kind{"unsupported-media-type", 415, "The media type is not taken here", "The document says which media types the route takes; JSON is UTF-8."}
	wrongEncoding      = kind{"unsupported-content-encoding", 415, "Content encodings are not taken", "Send the body as it is."}
	invalidContent     = kind{"invalid-content", 422, "The content breaks a rule", "The list of errors says where and which."}
	keyExpired         = kind{"idempotency-key-expired", 410, "The key is too old", "The key stands for a request that was made long ago, and its answer is kept no more. The list of transactions tells what became of it."}
	keyReused          = kind{"idempotency-key-reused", 422, "The key stands for another request", "Use a new idempotency key for a request with other content. The list of errors says what differs."}
	eventConflict      = kind{"event-conflict", 422, "The event contradicts an earlier one", "The same source and id, or the same operation, came before with other content."}
	internalError      = kind{"internal-error", 500, "Something is wrong on our side", "It has been recorded under the instance."}
	outcomeUnknown     = kind{"outcome-unknown", 503, "It is not known yet what became of it", "It may have been done, or will be. Ask again under the same idempotency key, never under a new one."}
	unavailable        = kind{"unavailable", 503, "Not possible right now", "Nothing is half done. Send the same request again, with the same idempotency key."}
)

// kinds lists every problem type, for the document and the tests.
func kinds() []kind {
	return []kind{
		malformedJSON, malformedRequest, malformedEvent, missingKey, invalidKey, invalidCursor, invalidAmount, invalidTransaction, badSignature, invalidToken, insufficientScope, notFound, reportEnded, notAcceptable, tooManyReports,
		wrongMethod, slowRequest, inFlight, balanceNotZero, accountNotOpen, tooLarge, tooMany, wrongMediaType, wrongEncoding,
		invalidContent, keyReused, keyExpired, eventConflict, internalError, outcomeUnknown, unavailable,
	}
}

func (k kind) urn() string { return "urn:quittance:problem:" + k.name }

// problem makes a problem of this kind.
func (k kind) problem(errors ...FieldError) *Problem {
	return &Problem{Type: k.urn(), Title: k.title, Status: k.status, Detail: k.detail, Errors: errors}
}

// Problem is an error as RFC 9457 wants it told.
type Problem struct { //nolint:errname // what the RFC calls it, and the document
	Type     string       `json:"type" doc:"What went wrong, from a fixed list."`
	Title    string       `json:"title" doc:"The same for every problem of the type."`
	Status   int          `json:"status" doc:"The HTTP status."`
	Detail   string       `json:"detail" doc:"What to do about it; the same for every problem of the type."`
	Instance string       `json:"instance" doc:"The id of the request, as in X-Request-Id. Name it when you ask about it."`
	Reason   string       `json:"reason,omitempty" doc:"Why the bank refuses, in words for the customer."`
	wait     int          // seconds until it may be asked again; 0 for the default
	Errors   []FieldError `json:"errors,omitempty" doc:"Where the request breaks a rule. Values are never repeated."`
}

// FieldError is one broken rule.
type FieldError struct {
	Pointer   string `json:"pointer,omitempty" doc:"The place in the body (RFC 6901)."`
	Parameter string `json:"parameter,omitempty" doc:"The parameter, when it is not the body."`
	Detail    string `json:"detail" doc:"The rule."`
}

// TransformSchema lists the types that there are.
func (*Problem) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	for _, k := range kinds() {
		s.Properties["type"].Enum = append(s.Properties["type"].Enum, k.urn())
	}
	return s
}

func (p *Problem) Error() string { return p.Title }

// GetStatus is for huma.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders is for huma: what passes says when to ask again.
func (p *Problem) GetHeaders() http.Header {
	if p.wait > 0 {
		return http.Header{"Retry-After": {strconv.Itoa(p.wait)}}
	}
	if p.Status == http.StatusServiceUnavailable || p.Type == inFlight.urn() {
		return http.Header{"Retry-After": {"1"}}
	}
	return nil
}

// ContentType is for huma.
func (p *Problem) ContentType(string) string { return problemMediaType }

const problemMediaType = "application/problem+json"

// because adds the reason for the customer.
func (p *Problem) because(reason string) *Problem {
	p.Reason = reason
	return p
}
