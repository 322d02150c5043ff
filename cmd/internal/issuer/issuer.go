package issuer

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"quittance.dev/functions/identity"
)

// lifetime of a token.
const lifetime = time.Hour

// Options of an issuer.
type Options struct {
	Name     string // its identifier, in the tokens and their verifiers
	Audience string // of its tokens
	KeyFile  string // where its key is kept, so that tokens outlive the process
}

// Issuer signs tokens and serves everything that a client and a verifier ask for.
type Issuer struct {
	options Options
	signer  jose.Signer
	keys    jose.JSONWebKeySet
	mux     *http.ServeMux

	mu      sync.Mutex
	devices map[string]*device // by device code
}

// New makes an issuer. The first time it makes its key.
func New(o Options) (*Issuer, error) {
	key, err := readKey(o.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	public := jose.JSONWebKey{Key: key.Public(), Algorithm: string(jose.RS256), Use: "sig"}
	print, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	public.KeyID = hex.EncodeToString(print[:8])
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: public.KeyID}},
		(&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	i := &Issuer{
		options: o, signer: signer, keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}},
		mux: http.NewServeMux(), devices: map[string]*device{},
	}
	i.mux.HandleFunc("GET /.well-known/openid-configuration", i.metadata)
	i.mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, i.keys) })
	i.mux.HandleFunc("POST /login", i.login)
	i.mux.HandleFunc("POST /device_authorization", i.authorizeDevice)
	i.mux.HandleFunc("GET /device", devicePage)
	i.mux.HandleFunc("POST /device", i.confirmDevice)
	i.mux.HandleFunc("POST /token", i.token)
	return i, nil
}

// readKey reads the key, or makes one and keeps it.
func readKey(file string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(file)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	if key, ok := key.(*rsa.PrivateKey); ok {
		return key, nil
	}
	return nil, fmt.Errorf("%s holds no RSA key", file)
}

func makeKey(file string) (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	// In one step: a kill leaves no half a key.
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return nil, err
	}
	return key, os.Rename(file+".new", file)
}

// ServeHTTP serves the issuer.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'")
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	i.mux.ServeHTTP(w, r)
}

// metadata is the discovery document. Where things are depends on the way that the
// caller came: the bank reaches the issuer in memory, a terminal by loopback. What
// it is called does not.
func (i *Issuer) metadata(w http.ResponseWriter, r *http.Request) {
	base := baseOf(r)
	answer(w, http.StatusOK, map[string]any{
		"issuer": i.options.Name, "jwks_uri": base + "/keys", "token_endpoint": base + "/token",
		"device_authorization_endpoint":         base + "/device_authorization",
		"grant_types_supported":                 []string{deviceGrant},
		"response_types_supported":              []string{"none"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"token_endpoint_auth_methods_supported": []string{"none"},
		"scopes_supported":                      scopesSupported(),
	})
}

func scopesSupported() []string {
	var names []string
	for scope := range identity.Scopes() {
		names = append(names, string(scope))
	}
	return names
}

// baseOf is the address under which the caller sees the issuer.
func baseOf(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host + strings.TrimSuffix(path, r.URL.Path)
}

// login exchanges e-mail and password for a token: development only.
func (i *Issuer) login(w http.ResponseWriter, r *http.Request) {
	// A page of another origin cannot send this type without asking first, and
	// nobody answers it.
	if r.Header.Get("Content-Type") != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "invalid_request")
		return
	}
	var body struct{ Email, Password string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request")
		return
	}
	user, ok := signIn(body.Email, body.Password)
	if !ok {
		refuse(w, http.StatusUnauthorized, "invalid_grant")
		return
	}
	i.give(w, user)
}

// give answers with a token (RFC 6749, 5.1).
func (i *Issuer) give(w http.ResponseWriter, u User) {
	token, err := i.Token(u)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error")
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": int(lifetime.Seconds()), "scope": scopeOf(u),
	})
}

// Token is an access token of the user, good for an hour.
func (i *Issuer) Token(u User) (string, error) {
	now := time.Now()
	payload, err := json.Marshal(map[string]any{
		"iss": i.options.Name, "aud": i.options.Audience, "sub": u.Subject(), "client_id": "laptop", "scope": scopeOf(u),
		"iat": now.Unix(), "exp": now.Add(lifetime).Unix(), "jti": random(16),
	})
	if err != nil {
		return "", err
	}
	signed, err := i.signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

func scopeOf(u User) string {
	names := make([]string, len(u.Scopes))
	for n, s := range u.Scopes {
		names[n] = string(s)
	}
	return strings.Join(names, " ")
}

func random(bytes int) string {
	raw := make([]byte, bytes)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	return hex.EncodeToString(raw)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller has left
}

// refuse answers as RFC 6749, 5.2 wants it.
func refuse(w http.ResponseWriter, status int, code string) {
	answer(w, status, map[string]string{"error": code})
}
