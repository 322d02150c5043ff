package externale

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode"
)

// Meaning is what an answer to a closure says about the account.
type Meaning int

// The meanings; docs/external-e.md has the table.
const (
	Closed        Meaning = iota // closed, now or before
	Refused                      // a definitive no
	Later                        // not now, or not known: ask again with the same key
	Misconfigured                // we may not ask, or not so: an operator must look
)

func (m Meaning) String() string {
	return [...]string{"closed", "refused", "later", "misconfigured"}[m]
}

// Classify says what an answer means, by its status and its code; the code is
// empty if the answer had none.
func Classify(status int, code string) Meaning {
	switch {
	case status == http.StatusOK:
		return Closed
	case status == http.StatusUnprocessableEntity && code != "",
		status == http.StatusNotFound && code == "account_not_found":
		return Refused
	case status >= 500, status < 200, status == http.StatusConflict, status == http.StatusTooManyRequests,
		status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return Later
	}
	return Misconfigured
}

// fault is the body of an error answer.
type fault struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// reasonLimit bounds a reason, in runes.
const reasonLimit = 200

// parseFault reads an error answer. A code outside the contract is no code; a
// reason is cut to one printable line, since operators will read it.
func parseFault(body []byte) fault {
	var f fault
	if json.Unmarshal(body, &f) != nil || !word.MatchString(f.Code) {
		return fault{}
	}
	line := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, f.Reason)
	if runes := []rune(line); len(runes) > reasonLimit {
		line = string(runes[:reasonLimit])
	}
	return fault{Code: f.Code, Reason: strings.TrimSpace(line)}
}
