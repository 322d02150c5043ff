package externaletest

import (
	"encoding/json"
	"net/http"

	"quittance.dev/functions/outside/outsidetest"
)

func closed(a Account) outsidetest.Stored { return stored(http.StatusOK, a) }

func fault(status int, code, reason string) outsidetest.Stored {
	return stored(status, map[string]string{"code": code, "reason": reason})
}

func stored(status int, v any) outsidetest.Stored {
	b, err := json.Marshal(v)
	if err != nil {
		return outsidetest.Stored{Status: http.StatusInternalServerError}
	}
	return outsidetest.Stored{Status: status, Body: string(b)}
}

func fail(w http.ResponseWriter, status int, code, reason string) {
	send(w, fault(status, code, reason), nil)
}

func send(w http.ResponseWriter, answer outsidetest.Stored, err error) {
	if err != nil {
		answer = fault(http.StatusInternalServerError, "internal_error", "the books cannot be written")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.Status)
	_, _ = w.Write([]byte(answer.Body))
}

// Admin serves the emulator's own page for tests and operators:
//
//	GET /books            accounts, closures, attempts as JSON
//	PUT /accounts/{id}    makes the account, open; no body
//	    /moods/…          see outsidetest.Moods.Admin
func (e *Emulator) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books", func(w http.ResponseWriter, _ *http.Request) {
		outsidetest.WriteJSON(w, http.StatusOK, e.Book())
	})
	mux.HandleFunc("PUT /accounts/{id}", func(w http.ResponseWriter, r *http.Request) {
		if err := e.Put(r.PathValue("id")); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.Handle("/moods/", http.StripPrefix("/moods", e.Moods.Admin()))
	return mux
}
