package stripetest

import (
	"net/http"

	"quittance.dev/functions/outside/outsidetest"
)

// Admin serves what Stripe does not have:
//
//	GET    /books               the books, as JSON
//	POST   /settle              {"intent":"pi_…","decline":"insufficient_funds"}; no intent: all
//	PUT    /webhooks            {"hold":true,"copies":2,"reverse":true}
//	POST   /events/{id}/resend  sends a webhook again
//	DELETE /keys                forgets every idempotency key
//	       /moods/...           see outsidetest.Moods.Admin
func (e *Emulator) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books", func(w http.ResponseWriter, _ *http.Request) {
		outsidetest.WriteJSON(w, http.StatusOK, e.Books())
	})
	mux.HandleFunc("POST /settle", func(w http.ResponseWriter, r *http.Request) {
		var want struct{ Intent, Decline string }
		if !outsidetest.ReadJSON(w, r, &want) {
			return
		}
		if want.Intent == "" {
			_, err := e.SettleAll()
			done(w, err)
			return
		}
		done(w, e.Settle(want.Intent, want.Decline))
	})
	mux.HandleFunc("PUT /webhooks", func(w http.ResponseWriter, r *http.Request) {
		var how Delivery
		if outsidetest.ReadJSON(w, r, &how) {
			e.SetDelivery(how)
			done(w, nil)
		}
	})
	mux.HandleFunc("POST /events/{id}/resend", func(w http.ResponseWriter, r *http.Request) {
		done(w, e.Resend(r.PathValue("id")))
	})
	mux.HandleFunc("DELETE /keys", func(w http.ResponseWriter, _ *http.Request) { done(w, e.ForgetKeys()) })
	mux.Handle("/moods/", http.StripPrefix("/moods", e.Moods.Admin()))
	return mux
}

func done(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
