package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the page's template
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const description = `The back office of a small bank: accounts, deposits and withdrawals, invoices paid by card, receipts, and the closing of emptied accounts.

Amounts are decimal numbers in the currency's major unit and are read exactly. Money moves after the answer: a request is recorded for good, the answer comes, the ledger decides, and the status tells. Whatever changes something takes an Idempotency-Key; use one.

Errors are problem details (RFC 9457) with a type from a fixed list. A 503 passes: send the same request again under the same key.`

var tags = []*huma.Tag{
	{Name: "Customers", Description: "Who the accounts belong to."},
	{Name: "Accounts", Description: "Opening, reading and closing them."},
	{Name: "Operations", Description: "Money in and out."},
	{Name: "Invoices", Description: "What is owed, and paying it by card."},
	{Name: "Events", Description: "For programs that speak in events."},
	{Name: "Operating", Description: "What is going on inside."},
}

// documentRoutes serves the document, made once, as JSON, as YAML and as a page
// for people. The page is made here and loads nothing from anywhere.
func (a *api) documentRoutes() error {
	document := a.huma.OpenAPI()
	asJSON, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return fmt.Errorf("api: write the document: %w", err)
	}
	asYAML, err := document.YAML()
	if err != nil {
		return fmt.Errorf("api: write the document: %w", err)
	}
	page, policy, err := renderPage(document)
	if err != nil {
		return fmt.Errorf("api: write the page: %w", err)
	}
	a.routes.mux.Handle("GET /openapi.json", static("application/openapi+json", asJSON, ""))
	a.routes.mux.Handle("GET /openapi.yaml", static("application/openapi+yaml", asYAML, ""))
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

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// renderPage makes the page and the policy that lets its own style through and
// nothing else.
func renderPage(document *huma.OpenAPI) (page []byte, policy string, err error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"css":    func() template.CSS { return template.CSS(pageCSS) }, //nolint:gosec // our own file
		"fields": func(s *huma.Schema) []field { return fieldsOf(document, s) },
		"name":   schemaName,
		"lines":  func(s string) []string { return strings.Split(s, "\n\n") },
	}).Parse(pageHTML)
	if err != nil {
		return nil, "", err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, viewOfDocument(document)); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256([]byte(pageCSS))
	policy = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return out.Bytes(), policy, nil
}

// documentView is the document in the order in which people read it.
type documentView struct {
	Title, Version, Description string
	Groups                      []group
	Kinds                       []kindView
}

type group struct {
	Name, Description string
	Operations        []*huma.Operation
}

// Statuses of an operation's responses, in order.
func (documentView) Statuses(o *huma.Operation) []string {
	statuses := make([]string, 0, len(o.Responses))
	for status := range o.Responses {
		statuses = append(statuses, status)
	}
	slices.Sort(statuses)
	return statuses
}

type kindView struct {
	URN, Title, Detail string
	Status             int
}

func viewOfDocument(document *huma.OpenAPI) documentView {
	view := documentView{Title: document.Info.Title, Version: document.Info.Version, Description: document.Info.Description}
	paths := make([]string, 0, len(document.Paths))
	for path := range document.Paths {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, tag := range document.Tags {
		g := group{Name: tag.Name, Description: tag.Description}
		for _, path := range paths {
			for _, op := range []*huma.Operation{document.Paths[path].Post, document.Paths[path].Get} {
				if op != nil && slices.Contains(op.Tags, tag.Name) {
					g.Operations = append(g.Operations, op)
				}
			}
		}
		view.Groups = append(view.Groups, g)
	}
	for _, k := range kinds() {
		view.Kinds = append(view.Kinds, kindView{k.urn(), k.title, k.detail, k.status})
	}
	return view
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
