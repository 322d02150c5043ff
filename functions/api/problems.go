package api

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"quittance.dev/functions/accounts"
	"quittance.dev/functions/banking"
	"quittance.dev/functions/direct"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/idempotency"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/ledger"
	"quittance.dev/functions/query"
	"quittance.dev/functions/report"
)

// problemOf is the one table from errors to problems. What is not in it is
// logged and told as a thing that passes: a caller that asks again loses
// nothing.
func (a *api) problemOf(ctx context.Context, err error) *Problem {
	var p *Problem
	var differs *idempotency.DiffersError
	var tooMany *report.TooManyError
	switch {
	case errors.As(err, &p):
		told := *p
		p = &told
	case is(err, errNotFound, accounts.ErrNotFound, ledger.ErrAccountNotFound, banking.ErrNotFound, query.ErrNotFound,
		invoicing.ErrInvoiceNotFound, invoicing.ErrPaymentNotFound, invoicing.ErrReceiptNotFound):
		p = notFound.problem()
	case errors.Is(err, report.ErrNotFound):
		p = reportEnded.problem()
	case errors.As(err, &tooMany):
		p = tooManyReports.problem()
		p.wait = max(1, int(math.Ceil(tooMany.Wait.Seconds())))
	case errors.As(err, &differs):
		p = keyReused.problem(differences(differs.Members)...)
	case errors.Is(err, idempotency.ErrInFlight):
		p = inFlight.problem()
	case errors.Is(err, identity.ErrUnavailable):
		p = unavailable.problem()
		a.log(ctx).WarnContext(ctx, "nobody can be told apart", "error", err)
	case errors.Is(err, direct.ErrUnknown):
		p = outcomeUnknown.problem()
		a.log(ctx).WarnContext(ctx, "the outcome is not known yet", "error", err)
	case is(err, accounts.ErrDiffers, banking.ErrDiffers, invoicing.ErrInvoiceDiffers, invoicing.ErrPaymentDiffers):
		p = keyReused.problem()
	default:
		p = unavailable.problem()
		if answer, _ := fn.Verdict(err); answer == fn.Refused {
			p = internalError.problem() // a mistake in the code: no retry mends it
		}
		a.log(ctx).WarnContext(ctx, "not done", "status", p.Status, "error", err)
	}
	p.Instance = requestID(ctx)
	return p
}

// differences tells in which members a request is not the one that its key stands
// for.
func differences(members []string) []FieldError {
	list := make([]FieldError, len(members))
	for i, member := range members {
		list[i] = FieldError{Pointer: member, Detail: "differs from the first request"}
		if !strings.HasPrefix(member, "/") && member != "" {
			list[i].Pointer, list[i].Parameter = "", member
		}
	}
	return list
}

// errNotFound is for what this package reads itself.
var errNotFound = errors.New("not found")

func is(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

func (a *api) log(ctx context.Context) *slog.Logger {
	return a.logger.With("request_id", requestID(ctx)).With(fn.LogPairs(ctx)...)
}

// retell turns what huma itself refuses into problems of our list, and nothing
// that a caller sent comes back.
func retell(ctx huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	k := internalError
	switch model.Status {
	case http.StatusBadRequest:
		k = malformedRequest
	case http.StatusRequestTimeout:
		k = slowRequest
	case http.StatusRequestEntityTooLarge:
		k = tooLarge
	case http.StatusUnsupportedMediaType:
		k = wrongMediaType
	case http.StatusUnprocessableEntity:
		k = invalidContent
	}
	p := k.problem()
	p.Status = model.Status
	p.Instance = requestID(ctx.Context())
	if k.status < http.StatusInternalServerError {
		for _, e := range model.Errors {
			p.Errors = append(p.Errors, fieldError(e))
		}
	}
	return p, nil
}

// fieldError retells one of huma's errors: its place as a pointer, its message
// without what may be a value.
func fieldError(e *huma.ErrorDetail) FieldError {
	place, inBody := strings.CutPrefix(e.Location, "body")
	rule := e.Message
	if name, ok := strings.CutPrefix(rule, "expected required property "); ok {
		name = strings.TrimSuffix(name, " to be present")
		place, rule = place+"."+name, "must be there"
	}
	if before, where, ok := strings.Cut(rule, ": /"); ok { // a strictjson.Fault
		return FieldError{Pointer: "/" + where, Detail: before}
	}
	rule, _, _ = strings.Cut(rule, ": ") // a library's words, with the value in them
	if !inBody {
		_, name, _ := strings.Cut(e.Location, ".")
		return FieldError{Parameter: name, Detail: rule}
	}
	return FieldError{Pointer: pointerOf(place), Detail: rule}
}

// pointerOf writes huma's path, such as ".items[0].name", as a JSON pointer.
func pointerOf(path string) string {
	path = strings.NewReplacer("~", "~0", "/", "~1").Replace(path)
	path = strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(path)
	if path != "" && path[0] != '/' {
		path = "/" + path
	}
	return path
}

// writeProblem answers outside huma.
func writeProblem(w http.ResponseWriter, r *http.Request, p *Problem) {
	p.Instance = requestID(r.Context())
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte("{}") // a Problem is plain text and always encodes
	}
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemMediaType)
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the caller has left
}
