// Package identitytest stands for an OpenID Connect provider in tests: discovery,
// a key set, and tokens, honest ones and any other.
package identitytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"quittance.dev/config"
	"quittance.dev/functions/identity"
)

// Name is the issuer's identifier; it is reached by its transport only.
const Name = "https://issuer.example"

// Audience of its tokens.
const Audience = "quittance"

// Issuer signs tokens with ES256.
type Issuer struct {
	t testing.TB

	mu      sync.Mutex
	key     *ecdsa.PrivateKey
	id      int
	hidden  bool
	fetches int
}

// New makes an issuer with a key.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t}
	i.Rotate()
	return i
}

// Config of a verifier that trusts this issuer.
func Config(t testing.TB) config.OIDC {
	t.Helper()
	var c config.OIDC
	if err := config.Load(t.Context(), func(string) (string, bool) { return "", false }, &c); err != nil {
		t.Fatal(err)
	}
	c.Issuer, c.Audience = Name, Audience
	return c
}

// Verifier trusts this issuer and reaches it without a network.
func (i *Issuer) Verifier() *identity.Verifier {
	i.t.Helper()
	v, err := identity.NewVerifier(Config(i.t), identity.Options{Transport: i, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		i.t.Fatal(err)
	}
	return v
}

// Rotate replaces the key. The old one is gone at once.
func (i *Issuer) Rotate() {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key, i.id = key, i.id+1
}

// Hide makes the issuer unreachable, or reachable again.
func (i *Issuer) Hide(hidden bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.hidden = hidden
}

// Fetches counts how often the key set was asked for.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

// KeyID is the id of the present key.
func (i *Issuer) KeyID() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return fmt.Sprint("key-", i.id)
}

// Key is the present key.
func (i *Issuer) Key() *ecdsa.PrivateKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.key
}

// RoundTrip answers as the issuer does.
func (i *Issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.hidden {
		return nil, fmt.Errorf("identitytest: the issuer is out of reach")
	}
	w := httptest.NewRecorder()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": Name, "jwks_uri": Name + "/keys"})
	case "/keys":
		i.fetches++
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
			{Key: i.key.Public(), KeyID: fmt.Sprint("key-", i.id), Algorithm: "ES256", Use: "sig"},
		}})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
	response := w.Result()
	response.Request = r
	return response, nil
}

// Claims of an honest token of subject, good for an hour.
func Claims(subject string, scopes ...identity.Scope) map[string]any {
	names := make([]string, len(scopes))
	for n, s := range scopes {
		names[n] = string(s)
	}
	now := time.Now()
	return map[string]any{
		"iss": Name, "sub": subject, "aud": Audience, "client_id": "test", "jti": fmt.Sprint(now.UnixNano()),
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "scope": strings.Join(names, " "),
	}
}

// Token is an honest token.
func (i *Issuer) Token(subject string, scopes ...identity.Scope) string {
	i.t.Helper()
	return i.Sign(Claims(subject, scopes...))
}

// Sign signs any claims with the present key, as an access token.
func (i *Issuer) Sign(claims map[string]any) string {
	i.t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		i.t.Fatal(err)
	}
	return i.SignRaw(map[string]any{"typ": "at+jwt", "kid": i.KeyID()}, payload)
}

// SignRaw signs any payload with the present key under a header, to which it adds
// the algorithm.
func (i *Issuer) SignRaw(header map[string]any, payload []byte) string {
	i.t.Helper()
	return SignWith(i.t, jose.ES256, i.Key(), header, payload)
}

// SignWith signs with any key.
func SignWith(t testing.TB, algorithm jose.SignatureAlgorithm, key any, header map[string]any, payload []byte) string {
	t.Helper()
	o := &jose.SignerOptions{}
	for name, value := range header {
		o.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
