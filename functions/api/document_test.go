package api

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// operations of the document by "METHOD path".
func operations(t testing.TB, document *huma.OpenAPI) map[string]*huma.Operation {
	t.Helper()
	found := map[string]*huma.Operation{}
	for path, item := range document.Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "DELETE": item.Delete, "PATCH": item.Patch} {
			if op != nil {
				found[method+" "+path] = op
			}
		}
	}
	return found
}

func TestB30_TheDocumentEqualsTheRoutes(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	var documented []string
	for route := range operations(t, b.api.huma.OpenAPI()) {
		documented = append(documented, route)
	}
	require.ElementsMatch(t, b.api.routes.patterns, documented)
	for _, route := range []string{
		"POST /customers", "POST /accounts", "GET /accounts", "GET /accounts/{account_id}", "POST /accounts/{account_id}/close",
		"POST /deposit", "POST /withdraw", "GET /operation-status/{operation_id}", "GET /balances/{account_id}",
		"GET /transactions/{account_id}", "GET /api/v1/transactions", "GET /api/v1/bank_transactions", "POST /invoices", "GET /invoices/{invoice_id}", "POST /invoices/{invoice_id}/payments",
		"GET /payments/{payment_id}", "GET /invoices/{invoice_id}/receipt", "GET /closures/{account_id}", "GET /journeys/{journey_id}",
		"GET /dead-letters", "POST /webhooks/stripe", "POST /events",
	} {
		require.Contains(t, documented, route)
	}
	require.Equal(t, "application/openapi+json", b.get("/openapi.json").header.Get("Content-Type"))
	served := as[map[string]any](t, b.get("/openapi.json"), 200)
	require.Equal(t, "3.1.0", served["openapi"])
	require.Contains(t, b.get("/openapi.yaml").body, "openapi: 3.1.0")
}

// TestTheDocumentIsLinted: what a reader and a generator of clients need.
func TestTheDocumentIsLinted(t *testing.T) {
	t.Parallel()
	document := openBank(t).api.huma.OpenAPI()
	known := map[string]bool{}
	for _, k := range kinds() {
		require.False(t, known[k.urn()], "one kind per name")
		known[k.urn()] = true
		require.Regexp(t, `^urn:quittance:problem:[a-z-]+$`, k.urn())
	}
	ids := map[string]bool{}
	for route, op := range operations(t, document) {
		require.Regexp(t, `^[a-z]+(-[a-z]+)*$`, op.OperationID, route)
		require.False(t, ids[op.OperationID], "%s: the id is used twice", route)
		ids[op.OperationID] = true
		require.NotEmpty(t, op.Summary, route)
		require.False(t, strings.HasSuffix(op.Summary, "."), route)
		require.Len(t, op.Tags, 1, route)
		require.True(t, slices.ContainsFunc(document.Tags, func(tag *huma.Tag) bool { return tag.Name == op.Tags[0] }), route)
		inPath := regexp.MustCompile(`\{([a-z_]+)\}`).FindAllStringSubmatch(route, -1)
		for _, name := range inPath {
			require.True(t, slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "path" && p.Name == name[1] && p.Required }), route)
		}
		for _, p := range op.Parameters {
			require.NotEmpty(t, p.Description, "%s: %s", route, p.Name)
		}
		success := 0
		for status, response := range op.Responses {
			require.NotEmpty(t, response.Description, route)
			if status < "300" {
				success++
			}
			if status < "400" {
				continue
			}
			require.Contains(t, response.Content, problemMediaType, "%s %s", route, status)
			require.Equal(t, "#/components/schemas/Problem", response.Content[problemMediaType].Schema.Ref)
			for _, urn := range regexp.MustCompile(`urn:[a-z:-]*[a-z]`).FindAllString(response.Description, -1) {
				require.True(t, known[urn], urn)
			}
		}
		require.Equal(t, 1, success, "%s: one way to succeed", route)
		for _, status := range []string{"422", "500", "503"} {
			require.Contains(t, op.Responses, status, route)
		}
		names := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == "cursor" }) || len(inPath) > 0
		require.Equal(t, names && op.Method == http.MethodGet, op.Responses["404"] != nil && op.Method == http.MethodGet, route)
		if op.Method == http.MethodPost {
			for _, status := range []string{"400", "408", "413", "415"} {
				require.Contains(t, op.Responses, status, route)
			}
			require.NotNil(t, op.RequestBody, route)
		}
	}
	schemas := document.Components.Schemas.Map()
	for name, s := range schemas {
		require.NotContains(t, []string{"ErrorModel", "ErrorDetail"}, name)
		for property, member := range s.Properties {
			require.True(t, member.Description != "" || member.Ref != "", "%s.%s says what it is", name, property)
			require.Regexp(t, `^[a-z]+(_[a-z]+)*$`, property)
		}
	}
	text, err := json.Marshal(document)
	require.NoError(t, err)
	for _, ref := range regexp.MustCompile(`#/components/schemas/(\w+)`).FindAllStringSubmatch(string(text), -1) {
		require.Contains(t, schemas, ref[1], "every reference leads somewhere")
	}
}

func TestThePageLoadsNothing(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	got := b.get("/docs")
	require.Equal(t, 200, got.status)
	require.Equal(t, "text/html; charset=utf-8", got.header.Get("Content-Type"))
	require.Contains(t, got.header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-")
	root, err := html.Parse(strings.NewReader(got.body))
	require.NoError(t, err)
	ids := map[string]bool{}
	var links []string
	for node := range root.Descendants() {
		require.NotContains(t, []string{"script", "link", "img", "iframe", "object", "embed"}, node.Data)
		for _, attribute := range node.Attr {
			require.NotContains(t, []string{"src", "srcset", "style", "onclick", "onload"}, attribute.Key)
			switch attribute.Key {
			case "id":
				ids[attribute.Val] = true
			case "href":
				links = append(links, attribute.Val)
			}
		}
	}
	for _, link := range links {
		if anchor, ok := strings.CutPrefix(link, "#"); ok {
			require.True(t, ids[anchor], link)
			continue
		}
		require.Contains(t, []string{"/openapi.json", "/openapi.yaml"}, link)
	}
	require.NotContains(t, got.body, "url(")
	require.NotContains(t, got.body, "@import")
	for _, op := range operations(t, b.api.huma.OpenAPI()) {
		require.True(t, ids[op.OperationID], "every operation is on the page")
		require.Contains(t, got.body, op.Path)
	}
	for _, k := range kinds() {
		require.Contains(t, got.body, k.urn())
	}
	require.NotContains(t, got.body, "<no value>")
}

// What the document promises of the answers is what comes.
func TestAnswersKeepTheirSchemas(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	invoice := b.invoice(account)
	payment := as[Payment](t, b.post("/invoices/"+invoice+"/payments", visa), 202).PaymentID
	operation := as[Accepted](t, b.post("/deposit", movement(account, "1")), 200).OperationID
	registry := b.api.huma.OpenAPI().Components.Schemas
	for schema, path := range map[string]string{
		"Account": "/accounts/" + account, "Balance": "/balances/" + account, "TransactionList": "/transactions/" + account,
		"Invoice": "/invoices/" + invoice, "Payment": "/payments/" + payment, "Operation": "/operation-status/" + operation,
		"JourneyView": "/journeys/" + operation, "DeadLetterList": "/dead-letters", "Problem": "/nothing",
	} {
		got := b.get(path)
		var value any
		require.NoError(t, json.Unmarshal([]byte(got.body), &value))
		result := &huma.ValidateResult{}
		huma.Validate(registry, registry.Map()[schema], huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, value, result)
		require.Empty(t, result.Errors, "%s: %s", path, got.body)
	}
}
