package stripetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"quittance.dev/functions/outside/outsidetest"
)

// create makes a PaymentIntent and, with confirm=true, charges it.
func (e *Emulator) create(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	form, parseErr := url.ParseQuery(string(body))
	if err != nil || parseErr != nil {
		fail(w, problem{status: http.StatusBadRequest, Type: "invalid_request_error", Message: "Invalid form body."})
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > 255 {
		fail(w, problem{status: http.StatusBadRequest, Type: "invalid_request_error",
			Message: "Idempotency-Key must be at most 255 characters."})
		return
	}
	fingerprint := outsidetest.Fingerprint(r, []byte(form.Encode())) // sorted: Stripe compares parameters
	if key != "" {
		switch state, stored := e.keys.Begin(key, fingerprint); state {
		case outsidetest.KeyDone:
			e.replay(w, stored)
			return
		case outsidetest.KeyRunning:
			fail(w, keyInUse)
			return
		case outsidetest.KeyReused:
			fail(w, problem{status: http.StatusBadRequest, Type: "idempotency_error",
				Message: "Keys for idempotent requests can only be used with the same parameters they were first used with."})
			return
		case outsidetest.KeyNew:
		}
	}
	e.Moods.Work(r)
	answer, ok := e.charge(form, outsidetest.MoodOf(r), keyLine{Key: key, Fingerprint: fingerprint})
	if !ok && key != "" {
		e.keys.Forget(key) // nothing began, so nothing is remembered
	}
	send(w, answer)
}

func (e *Emulator) replay(w http.ResponseWriter, stored outsidetest.Stored) {
	if err := e.journal.Sync(); err != nil { // the first answer may not be on the disk yet
		fail(w, broken(err))
		return
	}
	e.mu.Lock()
	e.books.replays++
	e.mu.Unlock()
	w.Header().Set("Idempotent-Replayed", "true")
	send(w, stored)
}

func broken(err error) problem {
	return problem{status: http.StatusInternalServerError, Type: "api_error", Message: err.Error()}
}

// charge does the work and reports whether it began, that is, whether the key is now spent.
func (e *Emulator) charge(form url.Values, mood outsidetest.Mood, key keyLine) (outsidetest.Stored, bool) {
	intent, expanded, p := parse(form)
	if p != nil {
		return p.answer(), false
	}
	card := cardOf(intent.PaymentMethod)
	if mood.Kind == outsidetest.Refuse {
		switch mood.Code {
		case codeLateSuccess, codeLateFailure:
			card.lateAs = mood.Code
		case codeStored500:
		default:
			card.decline = declined(cmp.Or(mood.Code, "generic_decline"))
		}
	}
	if card.problems != nil {
		return card.problems.answer(), false
	}
	e.mu.Lock()
	line := e.confirm(intent, card, form.Get("confirm") == "true")
	answer := e.chargeAnswer(line, expanded)
	if mood.Code == codeStored500 {
		answer = problem{status: http.StatusInternalServerError, Type: "api_error", Message: "An unknown error occurred."}.answer()
	}
	if key.Key != "" {
		key.Answer = answer
		line.Key = &key
	}
	err := e.commit(line)
	e.mu.Unlock()
	if err == nil {
		err = e.journal.Sync()
	}
	if err != nil {
		return broken(err).answer(), false
	}
	e.sender.wake()
	e.timer.wake()
	return answer, true
}

// confirm decides what becomes of a new intent. The caller holds e.mu.
func (e *Emulator) confirm(i Intent, card card, confirm bool) entry {
	i.ID, i.At = newID("pi"), e.clock.Now()
	line := entry{At: i.At, Intent: &i}
	if !confirm {
		i.Status = "requires_confirmation"
		line.Event = e.books.newEvent("created", i, i.At)
		return line
	}
	charge := Charge{ID: newID("ch"), At: i.At, Intent: i.ID, Amount: i.Amount, Currency: i.Currency}
	var said string
	switch {
	case card.action:
		i.Status = "requires_action"
		line.Event = e.books.newEvent("requires_action", i, i.At)
		return line
	case card.decline != nil:
		i.Status, said, charge.Status = "requires_payment_method", "payment_failed", "failed"
		i.Declined = card.decline
	case card.lateAs != "":
		i.Status, said, charge.Status = "processing", "processing", "pending"
		i.SettleAs = card.lateAs
		if e.config.SettleAfter > 0 {
			i.SettleAt = i.At.Add(e.config.SettleAfter)
		}
	default:
		i.Status, said, charge.Status = "succeeded", "succeeded", "succeeded"
	}
	i.Charge, line.Charge = charge.ID, &charge
	line.Event = e.books.newEvent(said, i, i.At)
	return line
}

// chargeAnswer is what the caller of create hears. The caller holds e.mu; the line is not applied
// yet, so the charge is looked up in it.
func (e *Emulator) chargeAnswer(line entry, expanded bool) outsidetest.Stored {
	i := *line.Intent
	object := e.books.intentObject(i, false)
	if expanded && line.Charge != nil {
		object["latest_charge"] = chargeObject(*line.Charge)
	}
	if d := i.Declined; d != nil {
		return problem{status: http.StatusPaymentRequired, Type: "card_error", Code: d.Code,
			DeclineCode: d.DeclineCode, Message: d.Message, Charge: i.Charge, PaymentIntent: object}.answer()
	}
	body, _ := json.Marshal(object) // plain maps: cannot fail
	return outsidetest.Stored{Status: http.StatusOK, Body: string(body)}
}

// parse checks the parameters as strictly as Stripe does: an unknown one is an error.
func parse(form url.Values) (i Intent, expanded bool, _ *problem) {
	bad := func(param, code, message string) (Intent, bool, *problem) {
		return Intent{}, false, &problem{status: http.StatusBadRequest, Type: "invalid_request_error",
			Code: code, Param: param, Message: message}
	}
	i.Metadata = map[string]string{}
	for name, values := range form {
		base, rest, _ := strings.Cut(name, "[")
		switch base {
		case "amount", "currency", "payment_method", "confirm", "automatic_payment_methods",
			"payment_method_types", "description", "off_session", "return_url", "error_on_requires_action":
		case "metadata":
			i.Metadata[strings.TrimSuffix(rest, "]")] = values[0]
		case "expand":
			expanded = expanded || values[0] == "latest_charge"
		default:
			return bad(name, "parameter_unknown", "Received unknown parameter: "+name)
		}
	}
	for _, name := range []string{"amount", "currency"} {
		if form.Get(name) == "" {
			return bad(name, "parameter_missing", "Missing required param: "+name+".")
		}
	}
	amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
	if err != nil || amount < 1 {
		return bad("amount", "parameter_invalid_integer", "This value must be greater than or equal to 1.")
	}
	if amount > 99_999_999 {
		return bad("amount", "amount_too_large", "Amount must be no more than 999,999.99.")
	}
	i.Amount, i.Currency, i.PaymentMethod = amount, form.Get("currency"), form.Get("payment_method")
	if len(i.Currency) != 3 || strings.ToLower(i.Currency) != i.Currency {
		return bad("currency", "", fmt.Sprintf("Invalid currency: %s.", i.Currency))
	}
	if form.Get("confirm") == "true" && i.PaymentMethod == "" {
		return bad("payment_method", "parameter_missing", "You cannot confirm this PaymentIntent because it's missing a payment method.")
	}
	return i, expanded, nil
}

// Settle ends a payment that is still open: processing, waiting for the customer, or declined
// earlier (a late success after a failure). With decline "" it succeeds.
func (e *Emulator) Settle(intentID, decline string) error {
	e.mu.Lock()
	i, have := e.books.intents[intentID]
	if !have || i.Status == "succeeded" {
		e.mu.Unlock()
		return fmt.Errorf("intent %s: not open", intentID)
	}
	err := e.commit(e.settled(i, decline))
	e.mu.Unlock()
	if err == nil {
		err = e.journal.Sync()
	}
	e.sender.wake()
	return err
}

func (e *Emulator) settled(i Intent, decline string) entry {
	now := e.clock.Now()
	charge, have := e.books.charges[i.Charge]
	if !have || charge.Status != "pending" {
		charge = Charge{ID: newID("ch"), Intent: i.ID, Amount: i.Amount, Currency: i.Currency}
	}
	charge.At, i.Charge = now, charge.ID
	i.SettleAs, i.SettleAt, i.Declined = "", time.Time{}, nil
	said := "succeeded"
	i.Status, charge.Status = "succeeded", "succeeded"
	if decline != "" {
		said = "payment_failed"
		i.Status, charge.Status, i.Declined = "requires_payment_method", "failed", declined(decline)
	}
	return entry{At: now, Intent: &i, Charge: &charge, Event: e.books.newEvent(said, i, now)}
}
