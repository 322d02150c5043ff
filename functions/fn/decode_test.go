package fn_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/fn/fntest/corpus"
)

// structured writes e in the structured mode of CloudEvents; edit may change
// the document first.
func structured(t testing.TB, url string, e fn.Envelope, edit func(map[string]any)) *http.Request {
	t.Helper()
	document := map[string]any{
		"specversion": "1.0", "id": e.ID, "source": e.Source, "type": string(e.Type), "subject": e.Subject,
		"datacontenttype": "application/json", "correlationid": e.CorrelationID, "data": json.RawMessage(e.Data),
	}
	if edit != nil {
		edit(document)
	}
	text, err := json.Marshal(document)
	require.NoError(t, err)
	return rawStructured(t, url, string(text))
}

func rawStructured(t testing.TB, url, text string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(text))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	return r
}

// TestF01_BothModes: the same event in binary and in structured mode is the
// same event, with the payload as JSON or as base64.
func TestF01_BothModes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(local(nil), fn.Options{})

	e := fntest.Event(submitted())
	status, text := door.Post(t, e)
	require.Equal(t, http.StatusOK, status, text)
	for name, edit := range map[string]func(map[string]any){
		"json": nil,
		"base64": func(d map[string]any) {
			delete(d, "data")
			d["data_base64"] = base64.StdEncoding.EncodeToString(e.Data)
		},
		"json that does not say so": func(d map[string]any) { delete(d, "datacontenttype") },
		"base64 that does not say so": func(d map[string]any) {
			delete(d, "datacontenttype")
			delete(d, "data")
			d["data_base64"] = base64.StdEncoding.EncodeToString(e.Data)
		},
	} {
		status, text = door.Do(t, structured(t, door.URL, e, edit))
		require.Equal(t, http.StatusOK, status, "%s: %s", name, text)
		r.holds(1, 1, 1)
	}

	fresh := fntest.Event(submitted())
	status, text = door.Do(t, structured(t, door.URL, fresh, func(d map[string]any) { delete(d, "datacontenttype") }))
	require.Equal(t, http.StatusOK, status, text)
	status, text = door.Do(t, structured(t, door.URL, fresh, nil))
	require.Equal(t, http.StatusOK, status, text)
	r.holds(2, 2, 2)
	require.Equal(t, fresh.CorrelationID, r.text(`select correlation_id from delivery.outbox where causation_id = $1`, fresh.ID))
}

// TestWhatIsLetThrough: odd, and right all the same.
func TestWhatIsLetThrough(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(local(nil), fn.Options{})
	for name, edit := range map[string]func(*fn.Envelope, http.Header){
		"an unknown member": func(e *fn.Envelope, _ http.Header) { e.Data = cut(e.Data, `,"colour":{"of":["money"]}}`) },
		"white space":       func(e *fn.Envelope, _ http.Header) { e.Data = append([]byte("\r\n\t "), append(e.Data, "\n\n"...)...) },
		"escaped names": func(e *fn.Envelope, _ http.Header) {
			e.Data = bytes.Replace(e.Data, []byte(`"currency"`), []byte(`"\u0063urrency"`), 1)
		},
		"a surrogate pair":             func(e *fn.Envelope, _ http.Header) { e.Data = cut(e.Data, `,"smile":"\ud83d\ude00"}`) },
		"32 levels":                    func(e *fn.Envelope, _ http.Header) { e.Data = cut(e.Data, `,"deep":`+nested(31)+`}`) },
		"no subject":                   func(e *fn.Envelope, _ http.Header) { e.Subject = "" },
		"identity":                     func(_ *fn.Envelope, h http.Header) { h.Set("Content-Encoding", "identity") },
		"a charset":                    func(_ *fn.Envelope, h http.Header) { h.Set("Content-Type", `Application/JSON; charset="utf-8"`) },
		"an attribute of 256 bytes":    func(_ *fn.Envelope, h http.Header) { h.Set("Ce-Long", strings.Repeat("x", 256)) },
		"a long knativeerrordata":      func(_ *fn.Envelope, h http.Header) { h.Set("Ce-Knativeerrordata", strings.Repeat("x", 2000)) },
		"a time of the year 2000":      func(_ *fn.Envelope, h http.Header) { h.Set("Ce-Time", "2000-01-01T00:00:00Z") },
		"a time with another offset":   func(_ *fn.Envelope, h http.Header) { h.Set("Ce-Time", "2026-01-02T03:04:05.123456789+14:00") },
		"a traceparent that is broken": func(_ *fn.Envelope, h http.Header) { h.Set("Traceparent", "00-zz") },
	} {
		t.Run(name, func(t *testing.T) {
			e, h := fntest.Event(submitted()), http.Header{}
			edit(&e, h)
			request, err := e.Request(t.Context(), door.URL)
			require.NoError(t, err)
			for header := range h {
				request.Header.Set(header, h.Get(header))
			}
			status, text := door.Do(t, request)
			require.Equal(t, http.StatusOK, status, text)
			require.Equal(t, 1, r.count(`from probe.effect where event_id = $1`, e.ID))
		})
	}
}

// cut takes the last brace away and puts tail in its place.
func cut(object []byte, tail string) []byte {
	return append(bytes.TrimSuffix(bytes.Clone(object), []byte("}")), tail...)
}

func nested(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

// TestF27_WhatIsRefused: with its answer, and nothing left behind (D15).
func TestF27_WhatIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(local(nil), fn.Options{})
	header := func(name, value string) func(testing.TB, fn.Envelope) *http.Request {
		return func(t testing.TB, e fn.Envelope) *http.Request {
			request, err := e.Request(context.Background(), door.URL)
			require.NoError(t, err)
			if request.Header.Set(name, value); value == "" {
				request.Header.Del(name)
			}
			return request
		}
	}
	payload := func(edit func(string) string) func(testing.TB, fn.Envelope) *http.Request {
		return func(t testing.TB, e fn.Envelope) *http.Request {
			e.Data = []byte(edit(string(e.Data)))
			return header("X-Nothing", "1")(t, e)
		}
	}
	amount := func(text string) func(testing.TB, fn.Envelope) *http.Request {
		return payload(func(s string) string { return strings.Replace(s, `"amount_minor":100`, `"amount_minor":`+text, 1) })
	}
	with := func(tail string) func(testing.TB, fn.Envelope) *http.Request {
		return payload(func(s string) string { return string(cut([]byte(s), tail)) })
	}
	document := func(edit func(map[string]any)) func(testing.TB, fn.Envelope) *http.Request {
		return func(t testing.TB, e fn.Envelope) *http.Request { return structured(t, door.URL, e, edit) }
	}
	for name, tt := range map[string]struct {
		request func(testing.TB, fn.Envelope) *http.Request
		want    fn.Answer
		says    string
	}{
		"neither mode":                 {header("Ce-Specversion", ""), fn.Malformed, "not a CloudEvent"},
		"both modes":                   {header("Content-Type", "application/cloudevents+json"), fn.Malformed, "both in the headers and in the body"},
		"a batch":                      {header("Content-Type", "application/cloudevents-batch+json"), fn.Unsupported, "one event at a time"},
		"another format":               {header("Content-Type", "application/cloudevents+protobuf"), fn.Unsupported, "as JSON"},
		"a broken content type":        {header("Content-Type", "/;;"), fn.Unsupported, "content type"},
		"deflate":                      {header("Content-Encoding", "deflate"), fn.Unsupported, "encodings"},
		"another payload type":         {header("Content-Type", "application/xml"), fn.Malformed, "application/json"},
		"an attribute twice":           {twice(door.URL, "Ce-Subject"), fn.Malformed, "given twice: ce-subject"},
		"an id twice":                  {twice(door.URL, "Ce-Id"), fn.Malformed, "given twice"},
		"an attribute of 257 bytes":    {header("Ce-Long", strings.Repeat("x", 257)), fn.Malformed, "over 256 bytes"},
		"an id of 257 bytes":           {header("Ce-Id", strings.Repeat("x", 257)), fn.Malformed, "over 256 bytes"},
		"letters over ASCII":           {header("Ce-Id", "für"), fn.Malformed, "printable ASCII"},
		"a tab":                        {document(func(d map[string]any) { d["id"] = "a\tb" }), fn.Malformed, "printable ASCII"},
		"not a time":                   {header("Ce-Time", "yesterday"), fn.Malformed, "not a CloudEvent"},
		"a time without a zone":        {header("Ce-Time", "2026-01-02T03:04:05"), fn.Malformed, "not a CloudEvent"},
		"a time long ago":              {header("Ce-Time", "1999-12-31T23:59:59Z"), fn.Malformed, "time is out of range"},
		"a time far away":              {header("Ce-Time", "9999-01-01T00:00:00Z"), fn.Malformed, "time is out of range"},
		"the subject of another":       {header("Ce-Subject", "another"), fn.Malformed, "the subject is not the payload's entity"},
		"null":                         {payload(func(string) string { return `null` }), fn.Malformed, "null"},
		"a null member":                {amount("null"), fn.Malformed, `null is not a value here: /amount_minor`},
		"an unknown null member":       {with(`,"x":[{"y":null}]}`), fn.Malformed, "/x/0/y"},
		"a name twice":                 {with(`,"amount_minor":1}`), fn.Malformed, "strict JSON"},
		"an unknown name twice":        {with(`,"x":1,"x":1}`), fn.Malformed, "strict JSON"},
		"a name twice, escaped":        {with(`,"\u0061mount_minor":1}`), fn.Malformed, "strict JSON"},
		"only another case":            {payload(func(s string) string { return strings.Replace(s, "amount_minor", "AMOUNT_MINOR", 1) }), fn.Malformed, "lacks amount_minor"},
		"a long s":                     {payload(func(s string) string { return strings.Replace(s, "currency", "currenſy", 1) }), fn.Malformed, "lacks currency"},
		"a member missing":             {payload(func(s string) string { return strings.Replace(s, `"currency":"EUR"`, `"x":1`, 1) }), fn.Malformed, "lacks currency"},
		"a second value":               {payload(func(s string) string { return s + `{}` }), fn.Malformed, "after the JSON value"},
		"rubbish behind":               {payload(func(s string) string { return s + `,` }), fn.Malformed, "after the JSON value"},
		"33 levels":                    {with(`,"deep":` + nested(32) + `}`), fn.Malformed, "deeper than 32"},
		"10,000 levels":                {with(`,"deep":` + nested(10_000) + `}`), fn.Malformed, "deeper than 32"},
		"an array":                     {payload(func(s string) string { return "[" + s + "]" }), fn.Malformed, "must be a JSON object"},
		"a text":                       {payload(func(string) string { return `"text"` }), fn.Malformed, "must be a JSON object"},
		"white space only":             {payload(func(string) string { return " \n" }), fn.Malformed, "strict JSON"},
		"a lone surrogate":             {with(`,"x":"\ud83d"}`), fn.Malformed, "strict JSON"},
		"surrogates in wrong order":    {with(`,"x":"\ude00\ud83d"}`), fn.Malformed, "strict JSON"},
		"bad UTF-8":                    {with(",\"x\":\"\xff\"}"), fn.Malformed, "strict JSON"},
		"a byte order mark":            {payload(func(s string) string { return "\ufeff" + s }), fn.Malformed, "strict JSON"},
		"NaN":                          {amount("NaN"), fn.Malformed, "strict JSON"},
		"a comment":                    {with(`/* */}`), fn.Malformed, "strict JSON"},
		"a comma too many":             {with(`,}`), fn.Malformed, "strict JSON"},
		"a number as text":             {amount(`"100"`), fn.Malformed, `wrong type at "/amount_minor"`},
		"a fraction":                   {amount("100.0"), fn.Malformed, `wrong type at "/amount_minor"`},
		"an exponent":                  {amount("1e2"), fn.Malformed, `wrong type at "/amount_minor"`},
		"2^63":                         {amount("9223372036854775808"), fn.Malformed, `wrong type at "/amount_minor"`},
		"a broken rule":                {amount("0"), fn.Malformed, "amount_minor: must be"},
		"structured: a name twice":     {document(func(d map[string]any) { d["data"] = json.RawMessage(`{"a":1,"a":2}`) }), fn.Malformed, "strict JSON"},
		"structured: no data":          {document(func(d map[string]any) { delete(d, "data") }), fn.Malformed, "strict JSON"},
		"structured: data null":        {document(func(d map[string]any) { d["data"] = nil }), fn.Malformed, "null"},
		"structured: no id":            {document(func(d map[string]any) { delete(d, "id") }), fn.Malformed, "not a CloudEvent"},
		"structured: id is a number":   {document(func(d map[string]any) { d["id"] = 7 }), fn.Malformed, "not a CloudEvent"},
		"structured: type in capital":  {document(func(d map[string]any) { d["TYPE"] = d["type"]; delete(d, "type") }), fn.Malformed, "not a CloudEvent"},
		"structured: base64 broken":    {document(func(d map[string]any) { delete(d, "data"); d["data_base64"] = "%" }), fn.Malformed, "not a CloudEvent"},
		"structured: payload is text":  {document(func(d map[string]any) { d["datacontenttype"] = "text/plain"; d["data"] = "x" }), fn.Malformed, "application/json"},
		"structured: type empty":       {document(func(d map[string]any) { d["datacontenttype"] = "" }), fn.Malformed, "payload must be application/json"},
		"structured: type null":        {document(func(d map[string]any) { d["datacontenttype"] = nil }), fn.Malformed, "null"},
		"structured: untyped text":     {document(func(d map[string]any) { delete(d, "datacontenttype"); d["data"] = "x" }), fn.Malformed, "must be a JSON object"},
		"structured: untyped, no data": {document(func(d map[string]any) { delete(d, "datacontenttype"); delete(d, "data") }), fn.Malformed, "strict JSON"},
		"binary: untyped":              {header("Content-Type", ""), fn.Unsupported, "content type missing"},
		"structured: data twice":       {document(func(d map[string]any) { d["data_base64"] = "e30=" }), fn.Malformed, "both data and data_base64"},
		"structured: an array":         {func(t testing.TB, _ fn.Envelope) *http.Request { return rawStructured(t, door.URL, `[]`) }, fn.Malformed, "must be a JSON object"},
		"structured: nothing":          {func(t testing.TB, _ fn.Envelope) *http.Request { return rawStructured(t, door.URL, ``) }, fn.Malformed, "strict JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := door.Do(t, tt.request(t, fntest.Event(submitted())))
			require.Equal(t, int(tt.want), status, text)
			require.Contains(t, text, tt.says)
			require.LessOrEqual(t, len(text), 512)
		})
	}
	r.holds(0, 0, 0)
	require.Zero(t, r.count(`from delivery.failure`), "an event that never was has no record")
	eventually(t, door, fntest.Event(submitted()))
}

func twice(url, name string) func(testing.TB, fn.Envelope) *http.Request {
	return func(t testing.TB, e fn.Envelope) *http.Request {
		r, err := e.Request(context.Background(), url)
		require.NoError(t, err)
		r.Header.Add(name, r.Header.Get(name))
		return r
	}
}

// TestCorpusOfCloudEvents: the bad events that every door of the bank meets,
// here at the kernel's own.
func TestCorpusOfCloudEvents(t *testing.T) {
	t.Parallel()
	cases, err := corpus.Load("cloudevents")
	require.NoError(t, err)
	r := newRig(t)
	reader := r.open(local(nil), fn.Options{})
	sink := r.open(fn.Function{Name: "dead-letter", Handlers: []fn.Handler{fn.Sink(
		func(ctx context.Context, tx fn.Tx, l fn.Letter) ([]events.Data, error) {
			return nil, note(ctx, tx, l.ID, l.Type)
		})}}, fn.Options{})
	kept := 0
	for _, c := range cases {
		valid := fntest.Event(submitted())
		for _, door := range []*fntest.Door{reader, sink} {
			if c.Payload && door == sink {
				continue // it takes what others could not read
			}
			request, err := c.Request(t.Context(), door.URL, valid)
			require.NoError(t, err, c.Name)
			status, text := door.Do(t, request)
			want := c.Status
			if c.Kept && door == sink {
				want = http.StatusOK
				kept++
			}
			require.Equal(t, want, status, fmt.Sprintf("%s at %s: %s", c.Name, door.Host.Function().Name, text))
			require.LessOrEqual(t, len(text), 512, c.Name)
		}
	}
	require.NotZero(t, kept)
	r.holds(kept, 0, 0)
	eventually(t, reader, fntest.Event(submitted()))
	eventually(t, sink, fntest.Event(submitted()))
}
