package mambutest

import (
	"encoding/json"
	"net/http"

	"quittance.dev/functions/outside/outsidetest"
)

// statuses are the HTTP statuses of Mambu's error reasons; 400 for the rest.
var statuses = map[string]int{
	"INVALID_CREDENTIALS":            http.StatusUnauthorized,
	"API_NOT_AUTHORIZED":             http.StatusForbidden,
	"INVALID_PERMISSIONS":            http.StatusForbidden,
	"INVALID_IP_ADDRESS":             http.StatusForbidden,
	"OBJECT_NOT_FOUND":               http.StatusNotFound,
	"INVALID_DEPOSIT_ACCOUNT_ID":     http.StatusNotFound,
	"BLOCKING_OPERATION_IN_PROGRESS": http.StatusConflict,
	"EXCESSIVE_INVALID_REQUESTS":     http.StatusTooManyRequests,
	"INTERNAL_ERROR":                 http.StatusInternalServerError,
	"READ_ONLY_MODE":                 http.StatusServiceUnavailable,
}

// codes are the numbers that go with the reasons. Clients must go by the
// reason; the only number that the emulator is sure of is this one.
var codes = map[string]int{"INVALID_PARAMETERS": 4}

// refused makes the envelope of an error reason.
func refused(reason string) outsidetest.Stored {
	status, ok := statuses[reason]
	if !ok {
		status = http.StatusBadRequest
	}
	return envelope(reason, status)
}

func envelope(reason string, status int) outsidetest.Stored {
	type fault struct {
		Code   int    `json:"errorCode"`
		Source string `json:"errorSource,omitempty"`
		Reason string `json:"errorReason"`
	}
	b, err := json.Marshal(map[string][]fault{"errors": {{Code: codes[reason], Reason: reason}}})
	if err != nil {
		return outsidetest.Stored{Status: http.StatusInternalServerError}
	}
	return outsidetest.Stored{Status: status, Body: string(b)}
}

// fail answers with a reason and a status of the caller's choice.
func fail(w http.ResponseWriter, reason string, status int) {
	send(w, envelope(reason, status), nil)
}

func send(w http.ResponseWriter, answer outsidetest.Stored, err error) {
	if err != nil {
		answer = refused("INTERNAL_ERROR")
	}
	w.Header().Set("Content-Type", "application/vnd.mambu.v2+json")
	w.WriteHeader(answer.Status)
	_, _ = w.Write([]byte(answer.Body))
}

// worded answers in the moods that take Mambu's own words.
func worded(e *Emulator, w http.ResponseWriter, r *http.Request) bool {
	switch mood := outsidetest.MoodOf(r); mood.Kind {
	case outsidetest.Refuse:
		answer := refused(mood.Code)
		if mood.Status != 0 {
			answer.Status = mood.Status
		}
		outsidetest.SetRetryAfter(w, mood)
		send(w, answer, nil)
	case outsidetest.Locked:
		outsidetest.SetRetryAfter(w, mood)
		fail(w, "BLOCKING_OPERATION_IN_PROGRESS", http.StatusConflict)
	case outsidetest.InProgress:
		e.Moods.Final102(w)
	default:
		return false
	}
	return true
}

// Admin serves the emulator's own page for tests and operators:
//
//	GET /books            accounts, closes, attempts as JSON
//	PUT /accounts/{id}    {"state":"ACTIVE","balance":"0.00","currency":"EUR"}
//	    /moods/…          see outsidetest.Moods.Admin
func (e *Emulator) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books", func(w http.ResponseWriter, _ *http.Request) {
		outsidetest.WriteJSON(w, http.StatusOK, e.Book())
	})
	mux.HandleFunc("PUT /accounts/{id}", func(w http.ResponseWriter, r *http.Request) {
		var a Account
		if !outsidetest.ReadJSON(w, r, &a) {
			return
		}
		a.ID = r.PathValue("id")
		if err := e.Put(a); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.Handle("/moods/", http.StripPrefix("/moods", e.Moods.Admin()))
	return mux
}
