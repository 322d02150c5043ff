package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/signing"
)

// Version of the API, in its document.
const Version = "1.0.0"

// Options are what the API needs. Host and Tokens are required.
type Options struct {
	// Host runs Function(); the API reads from its pool and commits through it.
	Host   *fn.Host
	Logger *slog.Logger // default slog.Default
	// Tokens verifies access tokens. Required: nobody is let in without one.
	Tokens TokenVerifier
	// DiscoveryURL is where clients find the issuer of the tokens, for the document.
	DiscoveryURL string
	// Ledger answers for transfers and bank transactions; without it they are asked
	// for, and their routes answer that the outcome is not known yet.
	Ledger Ledger
	// Webhooks verifies the card processor's webhooks. Without it their route
	// accepts nothing.
	Webhooks WebhookVerifier
	// Limits of each caller. Default 50 requests a second and 100 at once.
	Limits Limits
	// ReportKeys sign the cursors of reports. Without them keys are made up that hold
	// in this process only: a cursor is then not for another replica.
	ReportKeys *signing.Ring
	// OpenReports is how many reports a caller may have open. Default 100.
	OpenReports int
	// BodyTimeout is how long a body may take to arrive. Default 10 s.
	BodyTimeout time.Duration
	// Now is the clock that webhook signatures are checked against. Default
	// time.Now.
	Now func() time.Time
}

// api is what the handlers share.
type api struct {
	host     *fn.Host
	logger   *slog.Logger
	tokens   TokenVerifier
	webhooks WebhookVerifier
	ledger   Ledger
	limiter  *limiter

	reportKeys  *signing.Ring
	openReports int

	now      func() time.Time
	huma     huma.API
	routes   *routes
	problems *huma.Schema // a reference to Problem
}

// New makes the handler of everything that the function serves, /healthz and
// /readyz included.
func New(o Options) (http.Handler, error) {
	a, err := build(o)
	if err != nil {
		return nil, err
	}
	return a.handler(), nil
}

func build(o Options) (*api, error) {
	if o.Host == nil || o.Tokens == nil {
		return nil, errors.New("api: a host and a verifier of tokens are required")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Webhooks == nil {
		o.Webhooks = refuseAll{}
	}
	if o.ReportKeys == nil {
		o.ReportKeys = signing.Ephemeral(name).Ring(name)
	}
	if o.OpenReports == 0 {
		o.OpenReports = 100
	}
	if o.Ledger == nil {
		o.Ledger = noLedger{}
	}
	if o.BodyTimeout == 0 {
		o.BodyTimeout = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &api{
		host: o.Host, logger: o.Logger.With("function", name), tokens: o.Tokens, webhooks: o.Webhooks, ledger: o.Ledger, now: o.Now, limiter: newLimiter(o.Limits, o.Now),
		reportKeys: o.ReportKeys, openReports: o.OpenReports,
	}
	a.routes = &routes{mux: http.NewServeMux(), bodyTimeout: o.BodyTimeout, access: map[string][]identity.Scope{}, authenticate: a.authenticate}
	a.huma = humago.New(a.routes, config(o.DiscoveryURL))
	a.problems = a.huma.OpenAPI().Components.Schemas.Schema(typeOf[Problem](), true, "Problem")
	for _, noun := range []func(){
		a.customerRoutes, a.accountRoutes, a.operationRoutes, a.transactionRoutes, a.idempotencyRoutes, a.balanceRoutes, a.reportRoutes, a.invoiceRoutes, a.paymentRoutes,
		a.closureRoutes, a.journeyRoutes, a.deadLetterRoutes, a.eventRoutes, a.webhookRoutes,
	} {
		noun()
	}
	if len(a.routes.undeclared) > 0 {
		return nil, fmt.Errorf("api: who may use these routes is not declared: %v", a.routes.undeclared)
	}
	a.finish()
	return a, a.documentRoutes()
}

// handler wires the way in; doc.go lists it.
func (a *api) handler() http.Handler {
	a.routes.mux.Handle("GET /healthz", a.host)
	a.routes.mux.Handle("GET /readyz", a.host)
	return identify(secure(fn.Observe(name, a.guard(a.routes))))
}

func config(discoveryURL string) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Quittance", Version: Version, Description: description,
				License: &huma.License{Name: "Apache 2.0", URL: "https://www.apache.org/licenses/LICENSE-2.0"},
			},
			Tags: tags,
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{scheme: securityScheme(discoveryURL)},
			},
		},
		Formats: map[string]huma.Format{
			"application/json": jsonFormat,
			"json":             jsonFormat, // what huma makes of application/problem+json
		},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{retell},
	}
}

// register adds a route. Every problem that it can answer with is in problems,
// besides those that every route has.
func register[I, O any](a *api, op huma.Operation, problems []kind, handle func(context.Context, *I) (*O, error)) {
	a.routes.declare(&op)
	op.RejectUnknownQueryParameters = true
	op.MaxBodyBytes = maxBody + 1 // jsonBody has enforced the cap; huma's own comes one byte early
	op.BodyReadTimeout = -1       // it has read the body, too
	op.Responses = a.responses(op, problems)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.problemOf(ctx, err)
		}
		return out, nil
	})
	// huma files its own error model with every operation; ours has replaced it.
	delete(a.huma.OpenAPI().Components.Schemas.Map(), "ErrorModel")
	delete(a.huma.OpenAPI().Components.Schemas.Map(), "ErrorDetail")
}

// responses documents the problems of a route, one response per status.
func (a *api) responses(op huma.Operation, problems []kind) map[string]*huma.Response {
	problems = append([]kind{internalError, unavailable, invalidContent}, problems...)
	if len(scopesOf(&op)) > 0 {
		problems = append(problems, invalidToken, insufficientScope, tooMany)
	}
	if op.Method == http.MethodPost {
		problems = append(problems, malformedJSON, malformedRequest, slowRequest, tooLarge, wrongMediaType, wrongEncoding)
	}
	responses := map[string]*huma.Response{}
	for k, v := range op.Responses {
		responses[k] = v
	}
	for _, k := range kinds() { // in the order of the list
		if !contains(problems, k) {
			continue
		}
		status := strconv.Itoa(k.status)
		if r := responses[status]; r != nil {
			r.Description += "; " + k.urn() + ": " + k.title
			continue
		}
		responses[status] = &huma.Response{
			Description: k.urn() + ": " + k.title,
			Content:     map[string]*huma.MediaType{problemMediaType: {Schema: a.problems}},
		}
		if k.status == http.StatusServiceUnavailable || k == inFlight || k == tooMany || k == tooManyReports {
			var least, most float64 = 0, 3600
			responses[status].Headers = map[string]*huma.Param{"Retry-After": {
				Description: "Seconds to wait.", Schema: &huma.Schema{Type: huma.TypeInteger, Format: "int32", Minimum: &least, Maximum: &most},
			}}
		}
	}
	return responses
}

func contains(list []kind, k kind) bool {
	for _, other := range list {
		if other == k {
			return true
		}
	}
	return false
}
