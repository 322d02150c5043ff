package stripetest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"quittance.dev/functions/outside/outsidetest"
)

func (e *Emulator) read(w http.ResponseWriter, r *http.Request) {
	expanded := expands(r.URL.Query(), "latest_charge")
	e.mu.Lock()
	i, have := e.books.intents[r.PathValue("id")]
	object := e.books.intentObject(i, expanded)
	e.mu.Unlock()
	if !have {
		fail(w, problem{status: http.StatusNotFound, Type: "invalid_request_error", Code: "resource_missing",
			Param: "intent", Message: "No such payment_intent: '" + r.PathValue("id") + "'"})
		return
	}
	outsidetest.WriteJSON(w, http.StatusOK, object)
}

// list shows the intents, newest first, one page at a time.
func (e *Emulator) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	since, _ := strconv.ParseInt(query.Get("created[gte]"), 10, 64)
	e.page(w, query, query.Get("starting_after"), "list", func(i Intent) bool { return i.At.Unix() >= since })
}

var searchQuery = regexp.MustCompile(`^metadata\[['"](\w+)['"]\]:['"]([^'"\\]*)['"]$`)

// search understands one clause, an exact match of metadata, and is behind by Config.SearchLag.
func (e *Emulator) search(w http.ResponseWriter, r *http.Request) {
	clause := searchQuery.FindStringSubmatch(r.URL.Query().Get("query"))
	if clause == nil {
		fail(w, problem{status: http.StatusBadRequest, Type: "invalid_request_error", Param: "query",
			Message: "We were unable to parse your search query."})
		return
	}
	until := e.clock.Now().Add(-e.config.SearchLag)
	e.page(w, r.URL.Query(), r.URL.Query().Get("page"), "search_result", func(i Intent) bool {
		return i.Metadata[clause[1]] == clause[2] && !i.At.After(until)
	})
}

// page answers with the intents that fit, newest first, from the one after the cursor on.
func (e *Emulator) page(w http.ResponseWriter, query url.Values, after, kind string, fits func(Intent) bool) {
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil || limit < 1 || limit > 100 {
		limit = 10
	}
	data := []json.RawMessage{}
	more, last := false, ""
	e.mu.Lock()
	order := e.books.order
	if at := slices.Index(order, after); at >= 0 {
		order = order[:at]
	}
	for _, id := range slices.Backward(order) {
		if !fits(e.books.intents[id]) {
			continue
		}
		if len(data) == limit {
			more = true
			break
		}
		object, _ := json.Marshal(e.books.intentObject(e.books.intents[id], expands(query, "data.latest_charge")))
		data, last = append(data, object), id
	}
	e.mu.Unlock()
	answer := map[string]any{"object": kind, "data": data, "has_more": more, "url": "/v1/payment_intents"}
	if kind == "search_result" {
		answer["url"], answer["next_page"] = "/v1/payment_intents/search", nil
		if more {
			answer["next_page"] = last
		}
	}
	outsidetest.WriteJSON(w, http.StatusOK, answer)
}

func expands(query url.Values, field string) bool {
	for name, values := range query {
		if len(name) >= 6 && name[:6] == "expand" && slices.Contains(values, field) {
			return true
		}
	}
	return false
}
