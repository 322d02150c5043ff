package mambu

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Meaning is what an answer to a CLOSE says about the account.
type Meaning int

// The meanings, from the one that wins over all others when an answer has
// several faults to the one that loses.
const (
	Closed        Meaning = iota // the request was carried out
	AlreadyClosed                // the account had been closed before
	Misconfigured                // we may not ask, or not so: an operator must look
	Later                        // not now, or not known: ask again with the same key
	Refused                      // a definitive no
)

func (m Meaning) String() string {
	return [...]string{"closed", "already closed", "misconfigured", "later", "refused"}[m]
}

// Fault is one error of Mambu's envelope.
type Fault struct {
	Code   int64  // errorCode; 0 if none
	Reason string // errorReason, upper case with underscores
}

func (f Fault) String() string {
	switch {
	case f.Reason == "":
		return "no reason given"
	case f.Code == 0:
		return f.Reason
	}
	return fmt.Sprintf("%s (%d)", f.Reason, f.Code)
}

// meanings is the table of Mambu's error reasons that a CLOSE may meet (the
// RestError enumeration of its API v2).
var meanings = map[string]Meaning{
	"ACCOUNT_ALREADY_CLOSED": AlreadyClosed,

	"ACCOUNT_HAS_REMAINING_BALANCE":            Refused,
	"INVALID_DEPOSIT_ACCOUNT_STATE":            Refused,
	"INVALID_SAVINGS_ACCOUNT_STATE_TRANSITION": Refused,
	"INVALID_STATE_TRANSITION":                 Refused,
	"LINKED_ACCOUNT_DELETION_ERROR":            Refused,
	"LOCKED_SAVINGS_AMOUNT":                    Refused,
	"INVALID_DEPOSIT_ACCOUNT_ID":               Refused,
	"OBJECT_NOT_FOUND":                         Refused,

	"BLOCKING_OPERATION_IN_PROGRESS": Later,
	"READ_ONLY_MODE":                 Later,
	"EXCESSIVE_INVALID_REQUESTS":     Later,
	"INTERNAL_ERROR":                 Later,

	"INVALID_PERMISSIONS": Misconfigured,
	"INVALID_CREDENTIALS": Misconfigured,
	"API_NOT_AUTHORIZED":  Misconfigured,
	"INVALID_IP_ADDRESS":  Misconfigured,
}

// Classify says what an answer means, and which fault decided it. The status
// bounds what the words can mean: only a 4xx with a reason from the table, or a
// 400 or 422 with one of its own, is a refusal. Any other comes from something
// in between, such as a proxy or a wrong address, and says nothing about the
// account.
func Classify(status int, faults []Fault) (Meaning, Fault) {
	word, fault := worst(faults)
	switch {
	case status >= 200 && status < 300:
		return Closed, Fault{}
	case status < 200:
		return Later, fault // 102 and whatever else is not an answer
	case len(faults) > 0 && word == AlreadyClosed:
		return AlreadyClosed, fault
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return Misconfigured, fault
	case len(faults) > 0 && word == Misconfigured:
		return Misconfigured, fault
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusConflict,
		status == http.StatusTooEarly, status == http.StatusTooManyRequests:
		return Later, fault
	case status < 400, len(faults) == 0:
		return Misconfigured, fault // a redirect, or a no without words
	case word == Refused && !listed(fault) && status != http.StatusBadRequest && status != http.StatusUnprocessableEntity:
		return Misconfigured, fault
	}
	return word, fault
}

func listed(f Fault) bool {
	_, ok := meanings[f.Reason]
	return ok
}

// worst picks the fault whose meaning wins.
func worst(faults []Fault) (Meaning, Fault) {
	best, chosen := Refused, Fault{}
	for i, f := range faults {
		m, ok := meanings[f.Reason]
		if !ok {
			m = Refused
		}
		if i == 0 || m < best {
			best, chosen = m, f
		}
	}
	return best, chosen
}

// reasonLimit bounds a reason, in bytes. Real ones are a few words.
const reasonLimit = 100

// ParseErrors reads the faults of an error answer. It is lenient: Mambu's
// envelope is {"errors":[{errorCode, errorSource, errorReason}]}, but single
// faults at the top level occur as well, in version 1's words too. Anything
// else gives no faults. errorSource is dropped: it may quote personal data.
func ParseErrors(body []byte) []Fault {
	var envelope struct {
		Errors []json.RawMessage `json:"errors"`
	}
	// An "errors" of another shape must not hide a fault at the top.
	_ = json.Unmarshal(body, &envelope)
	var faults []Fault
	for _, raw := range append(envelope.Errors, body) {
		if f, ok := parseFault(raw); ok {
			faults = append(faults, f)
		}
	}
	return faults
}

func parseFault(raw []byte) (Fault, bool) {
	var loose map[string]json.RawMessage
	if json.Unmarshal(raw, &loose) != nil {
		return Fault{}, false
	}
	var f Fault
	for _, name := range []string{"errorReason", "returnStatus", "error"} {
		var text string
		if json.Unmarshal(loose[name], &text) == nil && text != "" {
			f.Reason = cleanReason(text)
			break
		}
	}
	for _, name := range []string{"errorCode", "returnCode"} {
		if json.Unmarshal(loose[name], &f.Code) == nil && f.Code != 0 {
			break
		}
	}
	if f.Reason == "" && f.Code != 0 {
		f.Reason = fmt.Sprintf("ERROR_%d", f.Code)
	}
	return f, f.Reason != ""
}

// cleanReason keeps a reason printable on one line and in the enumeration's
// form: it ends up in logs, tables and on the operator's page.
func cleanReason(s string) string {
	if len(s) > reasonLimit {
		s = s[:reasonLimit]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '_'
	}, strings.TrimSpace(s))
	return strings.Trim(s, "_")
}
