package stripe

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	stripego "github.com/stripe/stripe-go/v84"

	"quittance.dev/config"
	"quittance.dev/functions/outside"
)

const system = "stripe"

// The metadata that every intent of ours carries. metadataPaymentID is what Find looks for.
const (
	metadataPaymentID = "payment_id"
	metadataInvoiceID = "invoice_id"
)

// Client talks to Stripe about card payments. It is safe for concurrent use.
type Client struct {
	calls   *outside.Client
	backend stripego.Backend
	now     func() time.Time
}

// New makes a client. What c leaves open, o may set: transport, logger, pauses between attempts.
// With o.Authorize nil, the key is read from c.APIKeyFile before every attempt.
func New(c config.Stripe, o outside.Options) *Client {
	o.System = system
	o.Tries = cmp.Or(o.Tries, c.Tries)
	o.AttemptTimeout = cmp.Or(o.AttemptTimeout, c.Timeout)
	o.AllowPlainHTTP = o.AllowPlainHTTP || c.AllowPlainHTTP
	o.AllowPrivateNetwork = o.AllowPrivateNetwork || c.AllowPrivateNetwork
	if o.Authorize == nil {
		o.Authorize = outside.Bearer(outside.FromFile(c.APIKeyFile))
	}
	o.Authorize = discreetly(o.Authorize)
	calls := outside.New(o)
	return &Client{
		calls: calls,
		backend: stripego.GetBackendWithConfig(stripego.APIBackend, &stripego.BackendConfig{
			URL:               stripego.String(cmp.Or(c.BaseURL, stripego.APIURL)),
			HTTPClient:        calls.HTTP(),
			MaxNetworkRetries: stripego.Int64(0), // ours retries, inside the caller's deadline
			EnableTelemetry:   stripego.Bool(false),
			// Our own client writes one line per call; the library's lines quote answers.
			LeveledLogger: &stripego.LeveledLogger{Level: stripego.LevelNull},
		}),
		now: time.Now,
	}
}

// discreetly replaces what the library says about this machine: its header carries the output of
// uname, which names the host.
func discreetly(authorize func(*http.Request) error) func(*http.Request) error {
	return func(r *http.Request) error {
		r.Header.Set("User-Agent", "quittance stripe-go/"+stripego.ClientVersion)
		r.Header.Del("X-Stripe-Client-User-Agent")
		return authorize(r)
	}
}

// Read gives the present state of one intent, whatever webhooks have said. ErrNotFound means that
// Stripe does not know it; any other error is an *outside.Unknown.
func (c *Client) Read(ctx context.Context, intentID string) (ChargeResult, error) {
	if !plainID(intentID) {
		return ChargeResult{}, ErrNotFound // also "", which would address the list of all intents
	}
	params := &stripego.PaymentIntentRetrieveParams{}
	params.Context = outside.WithOp(ctx, "read")
	params.AddExpand("latest_charge")
	var intent stripego.PaymentIntent
	err := c.backend.Call(http.MethodGet, stripego.FormatURLPath("/v1/payment_intents/%s", intentID), "", params, &intent)
	if err != nil {
		if isMissing(err) {
			return ChargeResult{}, ErrNotFound
		}
		return ChargeResult{}, c.unknown("read", err)
	}
	return c.result("read", &intent)
}

// get fetches one page of a list into v.
func (c *Client) get(ctx context.Context, op, path string, query url.Values, v stripego.LastResponseSetter) error {
	params := &stripego.Params{Context: outside.WithOp(ctx, op)}
	if err := c.backend.CallRaw(http.MethodGet, path, "", []byte(query.Encode()), params, v); err != nil {
		return c.unknown(op, err)
	}
	return nil
}

// plainID reports whether id can stand in a path and in a search query as it is.
func plainID(id string) bool {
	return id != "" && len(id) <= 200 && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("_-.:", r)
	})
}
