package api

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/identity"
	"quittance.dev/functions/stripe"
)

// fuzzer makes requests out of the document: some as it wants them, some almost.
type fuzzer struct {
	*rand.Rand
	document *huma.OpenAPI
	ids      []string // of things that are there
}

func (f *fuzzer) pick(list ...string) string { return list[f.IntN(len(list))] }

// odd is a value that no schema asks for.
func (f *fuzzer) odd() any {
	return []any{nil, true, -1, 0, 1e308, "", "\x00", "' or 1=1 --", strings.Repeat("é", 300), "9223372036854775808",
		[]any{}, map[string]any{}, []any{map[string]any{"a": []any{nil}}}, "../..", "\u202e", uuid.Nil.String()}[f.IntN(16)]
}

// value is one of the schema, or, now and then, an odd one.
func (f *fuzzer) value(s *huma.Schema, depth int) any {
	s = resolve(f.document, s)
	if s == nil || depth > 4 || f.IntN(12) == 0 {
		return f.odd()
	}
	if len(s.Enum) > 0 {
		return s.Enum[f.IntN(len(s.Enum))]
	}
	switch s.Type {
	case huma.TypeObject:
		object := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if f.IntN(10) > 0 {
				object[name] = f.value(s.Properties[name], depth+1)
			}
		}
		if f.IntN(10) == 0 {
			object[f.pick("balance", "owner", "", "\u017f", "__proto__")] = f.odd()
		}
		return object
	case huma.TypeArray:
		list := make([]any, f.IntN(4))
		for i := range list {
			list[i] = f.value(s.Items, depth+1)
		}
		return list
	case huma.TypeNumber:
		return []any{1, 0.01, 12.5, 0, -3, 0.001, 1e15, 99999999999999999}[f.IntN(8)]
	case huma.TypeInteger:
		return []any{0, 1, 50, 100, -1, 9007199254740993, 1.5}[f.IntN(7)]
	case huma.TypeBoolean:
		return f.IntN(2) == 0
	}
	if s.Pattern == idPattern {
		return f.pick(append(f.ids, uuid.NewString())...)
	}
	if len(s.Examples) > 0 && f.IntN(2) == 0 {
		return s.Examples[0]
	}
	return f.pick("x", "EUR", "card", "pm_card_visa", "+41790000000", "ada@example.org", "Rent", "2023-07-11 12:01:27.053",
		"2026-01-02T03:04:05Z", "-", "\t", strings.Repeat("z", 255), f.pick(f.ids...))
}

// text is a value as it stands in a path, a query or a header.
func (f *fuzzer) text(s *huma.Schema) string {
	if f.IntN(3) == 0 {
		return f.pick(f.ids...)
	}
	return fmt.Sprint(f.value(s, 3))
}

// request makes one for the operation.
func (f *fuzzer) request(b *bank, op *huma.Operation) *http.Request {
	path, query := op.Path, url.Values{}
	header := map[string]string{}
	for _, p := range op.Parameters {
		value := f.text(p.Schema)
		switch p.In {
		case "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case "query":
			if f.IntN(2) == 0 {
				query.Set(p.Name, value)
			}
		case "header":
			if f.IntN(4) > 0 && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
				header[p.Name] = value
			}
		}
	}
	if f.IntN(15) == 0 {
		query.Set("page_size", "1")
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	r := b.request(op.Method, path, "")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	if op.RequestBody == nil {
		return r
	}
	mediaTypes := slices.Sorted(maps.Keys(op.RequestBody.Content))
	mediaType := f.pick(mediaTypes...)
	raw, err := json.Marshal(f.value(op.RequestBody.Content[mediaType].Schema, 0))
	require.NoError(b.t, err)
	body := string(raw)
	switch f.IntN(20) {
	case 0:
		body = body[:len(body)/2]
	case 1:
		body += body
	case 2:
		body = ""
	}
	r = b.request(op.Method, path, body)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	if body != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	return r
}

// B30: whatever is sent, in the shape of the document or almost, no route answers
// 500, and every answer is one that the document lists, as a problem of the fixed
// list where it is none of success.
func TestB30_WhateverIsSentNoRouteAnswers500(t *testing.T) {
	t.Parallel()
	b := openBank(t).as("ada", append(slices.Clone(everything), identity.Treasury)...)
	document := b.api.huma.OpenAPI()
	own := b.own(b)
	f := &fuzzer{rand.New(rand.NewPCG(30, 30)), document, slices.Collect(maps.Values(own))}
	slices.Sort(f.ids)
	types := map[string]bool{}
	for _, k := range kinds() {
		types[k.urn()] = true
	}
	seen := map[int]int{}
	routes := operations(t, document)
	for _, route := range slices.Sorted(maps.Keys(routes)) {
		op := routes[route]
		for range 60 {
			got := b.do(f.request(b, op))
			seen[got.status]++
			require.Less(t, got.status, 500, "%s: %s", route, got.body)
			if got.status == http.StatusMethodNotAllowed || got.status == http.StatusNotFound {
				continue // a value made it another path
			}
			require.Contains(t, op.Responses, fmt.Sprint(got.status), "%s: %s", route, got.body)
			if got.status < 400 {
				continue
			}
			require.Equal(t, problemMediaType, got.header.Get("Content-Type"), "%s: %s", route, got.body)
			require.True(t, types[as[Problem](t, got, got.status).Type], got.body)
		}
	}
	t.Logf("%d routes, answers: %v", len(routes), seen)
	require.Greater(t, seen[200]+seen[201]+seen[202], len(routes), "some of it is right, or nothing was tried")
	require.Greater(t, seen[400]+seen[422], 10*len(routes)/2)
}

// B30: a body of the cap is read, and one byte more is not, on every route that takes
// one.
func TestB30_BodiesUpToTheCap(t *testing.T) {
	t.Parallel()
	b := openBank(t).as("ada", append(slices.Clone(everything), identity.Treasury)...)
	for route, op := range operations(t, b.api.huma.OpenAPI()) {
		if op.RequestBody == nil {
			continue
		}
		for mediaType := range op.RequestBody.Content {
			limit := maxBody
			switch route {
			case "POST /events":
				limit = maxBatchBytes
			case "POST /webhooks/stripe":
				limit = stripe.MaxWebhookBytes
			}
			path := strings.NewReplacer("{account_id}", uuid.NewString(), "{invoice_id}", uuid.NewString()).Replace(op.Path)
			for _, size := range []int{limit - 1, limit, limit + 1} {
				r := b.request(op.Method, path, "")
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{"+strings.Repeat(" ", size-2)+"}")), int64(size)
				r.Header.Set("Content-Type", mediaType)
				got := b.do(r)
				require.Equal(t, size > limit, got.status == http.StatusRequestEntityTooLarge, "%s, %s, %d bytes: %d %s", route, mediaType, size, got.status, got.body)
				if size > limit {
					refused(t, got, tooLarge)
				}
			}
		}
	}
}
