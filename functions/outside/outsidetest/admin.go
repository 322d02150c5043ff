package outsidetest

import (
	"encoding/json"
	"net/http"
)

// Admin serves the moods over HTTP:
//
//	GET    /         script and weather, as JSON
//	POST   /script   [{"kind":"refuse","op":"close","code":"…","times":2}, …]
//	PUT    /weather  {"seed":7,"weather":[{"kind":"timeout_after","p":0.01}, …]}
//	DELETE /         back to fine
//
// A bad request is answered 400 with the reason and changes nothing.
func (m *Moods) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { WriteJSON(w, http.StatusOK, m.state()) })
	mux.HandleFunc("DELETE /{$}", func(w http.ResponseWriter, _ *http.Request) {
		m.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /script", func(w http.ResponseWriter, r *http.Request) {
		var script []Mood
		if ReadJSON(w, r, &script) {
			done(w, m.Script(script...))
		}
	})
	mux.HandleFunc("PUT /weather", func(w http.ResponseWriter, r *http.Request) {
		var want state
		if ReadJSON(w, r, &want) {
			done(w, m.Weather(want.Seed, want.Chance...))
		}
	})
	return mux
}

func done(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// ReadJSON reads a request of at most 1 MiB into v. If it cannot, it answers
// 400 and reports false.
func ReadJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}
