package identity

import (
	"encoding/base64"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// misleading are header parameters with which a token brings its own key, says
// where to fetch one, or wants to be read in another way. Nobody who signs
// honestly for us uses them.
var misleading = []string{"jwk", "jku", "x5c", "x5u", "crit", "b64", "zip"}

// checkHeader reads what a token says about itself before its signature is
// checked. Nothing in it is believed; it can only be a reason to refuse.
func (v *Verifier) checkHeader(token string) error {
	encoded, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return invalid("its header is not base64url")
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(raw, &members); err != nil {
		return invalid("its header is not a JSON object, or ambiguous")
	}
	for _, name := range misleading {
		if _, there := members[name]; there {
			return invalid("its header has %s", name)
		}
	}
	var kind string
	if err := json.Unmarshal(members["typ"], &kind); err != nil {
		return invalid("its header does not say its type")
	}
	// RFC 9068: typ keeps other tokens of the issuer out, ID tokens above all.
	kind = strings.TrimPrefix(strings.ToLower(kind), "application/")
	if !slices.Contains(v.config.TokenTypes, kind) {
		return invalid("it is not of a type that is accepted")
	}
	return nil
}

// claims of an access token, as far as the bank reads them.
type claims struct {
	Issuer    string       `json:"iss"`
	Subject   string       `json:"sub"`
	Audience  oneOrMore    `json:"aud"`
	Expires   *numericDate `json:"exp"`
	NotBefore *numericDate `json:"nbf"`
	IssuedAt  *numericDate `json:"iat"`
	Nonce     string       `json:"nonce"`
	Scope     oneOrMore    `json:"scope"` // RFC 8693
	ScopeList oneOrMore    `json:"scp"`   // what some issuers call it
}

// read checks the claims of a token whose signature is good.
func (v *Verifier) read(payload []byte) (Principal, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil { // it refuses duplicate names
		return Principal{}, invalid("a claim is of another type, or there twice")
	}
	now, leeway := v.now(), v.config.Leeway
	switch {
	case c.Issuer != v.config.Issuer:
		return Principal{}, invalid("another issuer made it")
	case !slices.Contains(c.Audience, v.config.Audience):
		return Principal{}, invalid("it is for another audience")
	case c.Expires == nil:
		return Principal{}, invalid("it never expires")
	case !now.Before(c.Expires.Add(leeway)):
		return Principal{}, invalid("it has expired")
	case c.NotBefore != nil && now.Add(leeway).Before(c.NotBefore.Time):
		return Principal{}, invalid("it is not valid yet")
	case c.IssuedAt != nil && now.Add(leeway).Before(c.IssuedAt.Time):
		return Principal{}, invalid("it was issued in the future")
	case c.Nonce != "":
		return Principal{}, invalid("it has a nonce, as ID tokens have")
	case !isSubject(c.Subject):
		return Principal{}, invalid("it has no subject that can be used")
	}
	p := Principal{ID: ID(c.Issuer, c.Subject)}
	for _, list := range []oneOrMore{c.Scope, c.ScopeList} {
		for _, text := range list {
			for name := range strings.FieldsSeq(text) {
				if _, known := Scopes()[Scope(name)]; known && !slices.Contains(p.Scopes, Scope(name)) {
					p.Scopes = append(p.Scopes, Scope(name))
				}
			}
		}
	}
	return p, nil
}

// isSubject: OpenID Connect allows 255 ASCII characters.
func isSubject(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e })
}

// oneOrMore is a claim that is a string or a list of strings.
type oneOrMore []string

// UnmarshalJSON is for the decoder.
func (l *oneOrMore) UnmarshalJSON(raw []byte) error {
	if jsontext.Value(raw).Kind() == '"' {
		*l = []string{""}
		return json.Unmarshal(raw, &(*l)[0])
	}
	return json.Unmarshal(raw, (*[]string)(l))
}

// numericDate is seconds since the epoch (RFC 7519).
type numericDate struct{ time.Time }

// UnmarshalJSON is for the decoder.
func (d *numericDate) UnmarshalJSON(raw []byte) error {
	var seconds float64
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return err
	}
	// What lies outside of these years is a mistake or an attempt at an overflow.
	seconds = math.Max(0, math.Min(seconds, 253402300799))
	d.Time = time.UnixMilli(int64(seconds * 1000))
	return nil
}
