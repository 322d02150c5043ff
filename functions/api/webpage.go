package api

import (
	"crypto/sha256"
	_ "embed" // for the page's style
	"encoding/base64"
	"fmt"
	"html"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed page.css
var pageCSS string

// webpage is HTML that is being written. A template would read more easily; but
// html/template calls methods by name, so the linker then keeps every method that
// there is, which makes the binary larger by a fifth.
type webpage struct{ strings.Builder }

// put writes markup; each argument is text, and escaped.
func (p *webpage) put(markup string, text ...string) {
	escaped := make([]any, len(text))
	for i, t := range text {
		escaped[i] = html.EscapeString(t)
	}
	fmt.Fprintf(p, markup, escaped...)
}

// raw writes markup of ours as it is.
func (p *webpage) raw(markup string) { _, _ = p.WriteString(markup) } // a Builder takes everything

// table writes a table of rows of markup, or nothing if there are none.
func (p *webpage) table(head string, rows func()) {
	p.raw("<table>\n" + head)
	rows()
	p.put("</table>")
}

// renderPage makes the page for people, and the policy that lets its own style
// through and nothing else.
func renderPage(document *huma.OpenAPI) (page []byte, policy string) {
	p := &webpage{}
	p.put("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
	p.put("<title>%s API</title>\n<style>", document.Info.Title)
	p.raw(pageCSS)
	p.put("</style>\n</head>\n<body>\n<h1>%s API <small>%s</small></h1>\n", document.Info.Title, document.Info.Version)
	for paragraph := range strings.SplitSeq(document.Info.Description, "\n\n") {
		p.put("<p>%s</p>\n", paragraph)
	}
	p.put("<p>Answers to who bears a token carry <code>RateLimit-Policy</code> and <code>RateLimit</code>: how many requests there are and how many are left.</p>\n")
	p.put("<p>For programs: <a href=\"/openapi.json\">OpenAPI 3.1 as JSON</a>, <a href=\"/openapi.yaml\">as YAML</a>.</p>\n<nav><ul>\n")
	groups := groupsOf(document)
	for _, g := range groups {
		for _, op := range g.operations {
			p.put("<li><a href=\"#%s\">%s</a></li>\n", op.OperationID, op.Summary)
		}
	}
	p.put("<li><a href=\"#problems\">Problem types</a></li>\n</ul></nav>\n")
	for _, g := range groups {
		p.put("<section>\n<h2>%s</h2>\n<p>%s</p>\n", g.tag.Name, g.tag.Description)
		for _, op := range g.operations {
			p.operation(document, op)
		}
		p.put("</section>\n")
	}
	p.put("<section id=\"problems\">\n<h2>Problem types</h2>\n")
	p.table("<tr><th>Type</th><th>Status</th><th>Meaning</th></tr>\n", func() {
		for _, k := range kinds() {
			p.put("<tr id=\"%s\"><td><code>%s</code></td><td>%s</td><td>%s. %s</td></tr>\n", k.name, k.urn(), strconv.Itoa(k.status), k.title, k.detail)
		}
	})
	p.put("\n</section>\n</body>\n</html>\n")
	sum := sha256.Sum256([]byte(pageCSS))
	policy = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return []byte(p.String()), policy
}

func (p *webpage) operation(document *huma.OpenAPI, op *huma.Operation) {
	p.put("<article id=\"%s\">\n<h3>%s</h3>\n", op.OperationID, op.Summary)
	p.put("<p><code class=\"method %s\">%s</code> <code>%s</code></p>\n", op.Method, op.Method, op.Path)
	if op.Description != "" {
		p.put("<p>%s</p>\n", op.Description)
	}
	who := "Open to everybody."
	if scopes := scopesOf(op); len(scopes) > 0 {
		names := make([]string, len(scopes))
		for i, s := range scopes {
			names[i] = string(s)
		}
		who = "Takes a token with one of the scopes " + strings.Join(names, ", ") + "."
	}
	p.put("<p>%s</p>\n", who)
	if len(op.Parameters) > 0 {
		p.put("<h4>Parameters</h4>\n")
		p.table("<tr><th>Name</th><th>In</th><th>What</th></tr>\n", func() {
			for _, parameter := range op.Parameters {
				p.put("<tr><td><code>%s</code></td><td>%s%s</td><td>%s. %s</td></tr>\n", parameter.Name, parameter.In,
					required(parameter.Required), schemaName(parameter.Schema), parameter.Description)
			}
		})
	}
	if op.RequestBody != nil {
		for _, media := range slices.Sorted(maps.Keys(op.RequestBody.Content)) {
			schema := op.RequestBody.Content[media].Schema
			p.put("<details><summary>Body <code>%s</code> %s</summary>\n", media, schemaName(schema))
			p.table("", func() { p.fields(document, schema) })
			p.put("</details>\n")
		}
	}
	p.put("<h4>Answers</h4>\n")
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		response := op.Responses[status]
		p.put("<details><summary><code>%s</code> %s</summary>\n", status, response.Description)
		p.table("", func() {
			for _, name := range slices.Sorted(maps.Keys(response.Headers)) {
				if strings.HasPrefix(name, "RateLimit") {
					continue // of every answer, and said at the top
				}
				header := response.Headers[name]
				about := header.Description
				if header.Schema != nil {
					about = strings.TrimSpace(about + " " + header.Schema.Description)
				}
				p.put("<tr><td><code>%s</code></td><td>header</td><td>%s</td></tr>\n", name, about)
			}
			for _, media := range slices.Sorted(maps.Keys(response.Content)) {
				p.fields(document, response.Content[media].Schema)
			}
		})
		p.put("</details>\n")
	}
	p.put("</article>\n")
}

func (p *webpage) fields(document *huma.OpenAPI, schema *huma.Schema) {
	for _, f := range fieldsOf(document, schema) {
		p.put("<tr><td><code>%s</code></td><td>%s%s</td><td>%s</td></tr>\n", f.Name, f.Type, required(f.Required), f.Doc)
	}
}

func required(yes bool) string {
	if yes {
		return ", required"
	}
	return ""
}

// group is the operations of one tag, in the order of their paths.
type group struct {
	tag        *huma.Tag
	operations []*huma.Operation
}

// groupsOf are the document's operations in the order in which people read them.
func groupsOf(document *huma.OpenAPI) []group {
	groups := make([]group, len(document.Tags))
	for i, tag := range document.Tags {
		groups[i].tag = tag
		for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
			for _, op := range []*huma.Operation{document.Paths[path].Post, document.Paths[path].Get} {
				if op != nil && slices.Contains(op.Tags, tag.Name) {
					groups[i].operations = append(groups[i].operations, op)
				}
			}
		}
	}
	return groups
}
