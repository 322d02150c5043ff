package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"quittance.dev/config"
	"quittance.dev/functions/outside"
)

var (
	// ErrInvalid means that the token is none that the bank accepts now. Another
	// one may be; the same one will not.
	ErrInvalid = errors.New("access token not accepted")
	// ErrUnavailable means that nobody can tell: the issuer's keys cannot be had.
	ErrUnavailable = errors.New("the issuer's keys are not available")
)

// DiscoveryURL is where the issuer's metadata are for everybody.
func (v *Verifier) DiscoveryURL() string { return wellKnown(v.config.Issuer) }

// maxToken caps a token, in bytes, before anything looks into it.
const maxToken = 8 << 10

// Options are what a Verifier needs besides its configuration.
type Options struct {
	Transport http.RoundTripper // replaces the network; may be nil
	Logger    *slog.Logger      // default slog.Default
	Now       func() time.Time  // default time.Now
}

// Verifier verifies access tokens of one issuer. It is safe for concurrent use.
type Verifier struct {
	config     config.OIDC
	algorithms []jose.SignatureAlgorithm
	keys       *keys
	now        func() time.Time
}

// NewVerifier makes a Verifier. It fetches nothing yet.
func NewVerifier(c config.OIDC, o Options) (*Verifier, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	v := &Verifier{config: c, now: o.Now}
	for _, name := range c.Algorithms {
		if !asymmetric[jose.SignatureAlgorithm(name)] {
			return nil, fmt.Errorf("identity: %q is no algorithm that an issuer may sign with", name)
		}
		v.algorithms = append(v.algorithms, jose.SignatureAlgorithm(name))
	}
	if len(v.algorithms) == 0 || c.Audience == "" {
		return nil, errors.New("identity: an audience and an algorithm must be configured")
	}
	v.keys = newKeys(c, outside.New(outside.Options{
		System: "issuer", Transport: o.Transport, Logger: o.Logger, Tries: 1, AttemptTimeout: c.Timeout,
		AllowPlainHTTP: c.AllowPlainHTTP, AllowPrivateNetwork: c.AllowPrivateNetwork, TLS: outside.TLSFiles{CA: c.CAFile},
	}), o)
	return v, nil
}

// asymmetric are the algorithms with which an issuer can sign and we cannot.
var asymmetric = map[jose.SignatureAlgorithm]bool{
	jose.RS256: true, jose.RS384: true, jose.RS512: true, jose.PS256: true, jose.PS384: true, jose.PS512: true,
	jose.ES256: true, jose.ES384: true, jose.ES512: true, jose.EdDSA: true,
}

// Verify tells who bears the token. Errors match ErrInvalid or ErrUnavailable.
// Their text is for the log: it never quotes the token.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return Principal{}, invalid("it is no compact JWS of at most %d bytes", maxToken)
	}
	if err := v.checkHeader(token); err != nil {
		return Principal{}, err
	}
	signed, err := jose.ParseSignedCompact(token, v.algorithms)
	if err != nil { // the library's words may quote the token
		return Principal{}, invalid("it cannot be parsed, or its algorithm is not allowed")
	}
	header := signed.Signatures[0].Header
	candidates, err := v.keys.find(ctx, header.KeyID)
	if err != nil {
		return Principal{}, err
	}
	for _, key := range candidates {
		if key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := signed.Verify(key.Key); err == nil {
			return v.read(payload)
		}
	}
	return Principal{}, invalid("no key of the issuer verifies its signature")
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
