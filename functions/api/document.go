package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/identity"
)

const description = `The back office of a small bank: accounts, deposits and withdrawals, invoices paid by card, receipts, and the closing of emptied accounts.

Amounts are decimal numbers in the currency's major unit and are read exactly. A deposit, a withdrawal and a payment move after the answer: the request is recorded for good, the answer comes, the ledger decides, and the status tells. A transfer and a bank transaction are decided when the answer comes. Whatever changes something takes an Idempotency-Key; use one.

Every request carries an access token of the bank's OpenID provider, but for the routes that say otherwise. You see and move what is yours; what is somebody else's is answered like what is not there.

Errors are problem details (RFC 9457) with a type from a fixed list. A 503 passes: send the same request again under the same key.`

var tags = []*huma.Tag{
	{Name: "Customers", Description: "Who the accounts belong to."},
	{Name: "Accounts", Description: "Opening, reading and closing them."},
	{Name: "Operations", Description: "Money in and out."},
	{Name: "Transactions", Description: "Money from one account to another, at once."},
	{Name: "Reports", Description: "What happened, as one set that stays as it was."},
	{Name: "Invoices", Description: "What is owed, and paying it by card."},
	{Name: "Events", Description: "For programs that speak in events."},
	{Name: "Operating", Description: "What is going on inside."},
}

// Document is the OpenAPI document as JSON, for whoever needs it without a bank.
func Document(discoveryURL string) ([]byte, error) {
	a, err := build(Options{Host: &fn.Host{}, Tokens: nobody{}, DiscoveryURL: discoveryURL})
	if err != nil {
		return nil, err
	}
	return a.documentJSON()
}

// nobody is let in where only the document is wanted.
type nobody struct{}

func (nobody) Verify(context.Context, string) (identity.Principal, error) {
	return identity.Principal{}, identity.ErrUnavailable
}

func (a *api) documentJSON() ([]byte, error) {
	text, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("api: write the document: %w", err)
	}
	return []byte(plain(string(text))), nil
}

// documentRoutes serves the document, made once, as JSON, as YAML and as a page
// for people. The page is made here and loads nothing from anywhere.
func (a *api) documentRoutes() error {
	document := a.huma.OpenAPI()
	asJSON, err := a.documentJSON()
	if err != nil {
		return err
	}
	asYAML, err := document.YAML()
	if err != nil {
		return fmt.Errorf("api: write the document: %w", err)
	}
	page, policy := renderPage(document)
	a.routes.mux.Handle("GET /openapi.json", static("application/openapi+json", asJSON, ""))
	a.routes.mux.Handle("GET /openapi.yaml", static("application/openapi+yaml", []byte(plain(string(asYAML))), ""))
	a.routes.mux.Handle("GET /docs", static("text/html; charset=utf-8", page, policy))
	return nil
}

func static(mediaType string, body []byte, policy string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		if policy != "" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		_, _ = w.Write(body) // the reader has left
	})
}

// field is one member of a body, on the page.
type field struct {
	Name, Type, Doc string
	Required        bool
}

// fieldsOf lists the members of an object, or of the objects in an array.
func fieldsOf(document *huma.OpenAPI, s *huma.Schema) []field {
	s = resolve(document, s)
	if s != nil && s.Type == huma.TypeArray {
		s = resolve(document, s.Items)
	}
	if s == nil {
		return nil
	}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		if r := slices.Contains(s.Required, x); r != slices.Contains(s.Required, y) {
			if r {
				return -1
			}
			return 1
		}
		return strings.Compare(x, y)
	})
	list := make([]field, len(names))
	for i, name := range names {
		member := s.Properties[name]
		list[i] = field{
			Name: name, Type: schemaName(member), Doc: member.Description, Required: slices.Contains(s.Required, name),
		}
	}
	return list
}

func resolve(document *huma.OpenAPI, s *huma.Schema) *huma.Schema {
	for s != nil && s.Ref != "" {
		s = document.Components.Schemas.SchemaFromRef(s.Ref)
	}
	return s
}

// schemaName is a schema in a few words.
func schemaName(s *huma.Schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return s.Ref[strings.LastIndex(s.Ref, "/")+1:]
	case s.Type == huma.TypeArray:
		return "list of " + schemaName(s.Items)
	case len(s.Enum) > 0:
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = fmt.Sprint(v)
		}
		return strings.Join(values, " | ")
	case s.PatternDescription != "":
		return s.PatternDescription
	case s.Format != "":
		return s.Type + " (" + s.Format + ")"
	}
	return s.Type
}
