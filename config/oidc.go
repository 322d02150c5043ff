package config

import "time"

// OIDC says whose access tokens are accepted: those of one OpenID Connect provider.
type OIDC struct {
	// Issuer is the provider's identifier, exactly as in the tokens. Without it no token is accepted.
	Issuer string `env:"OIDC_ISSUER"`
	// DiscoveryURL is where the provider's metadata are, if not below Issuer: an address inside the
	// cluster, for example.
	DiscoveryURL string `env:"OIDC_DISCOVERY_URL"`
	// Audience must be among those that a token is for.
	Audience string `env:"OIDC_AUDIENCE, default=quittance"`
	// Algorithms are those that the provider may sign with; asymmetric ones only.
	Algorithms []string `env:"OIDC_ALGORITHMS, default=RS256,PS256,ES256,EdDSA"`
	// TokenTypes are the accepted values of the header typ, without "application/". at+jwt is
	// RFC 9068's; add jwt for a provider that does not say more, and give the API an audience that
	// none of its clients has, so that ID tokens stay out.
	TokenTypes []string `env:"OIDC_TOKEN_TYPES, default=at+jwt"`
	// Leeway is how far the provider's clock may be off.
	Leeway time.Duration `env:"OIDC_LEEWAY, default=60s"`
	// Timeout bounds one request to the provider.
	Timeout time.Duration `env:"OIDC_TIMEOUT, default=3s"`
	// CAFile is who may have signed the provider's certificate; the machine's own authorities when
	// empty.
	CAFile string `env:"OIDC_CA_FILE"`
	// AllowPlainHTTP and AllowPrivateNetwork let the provider live inside the cluster, or in the
	// same process.
	AllowPlainHTTP      bool `env:"OIDC_ALLOW_PLAIN_HTTP"`
	AllowPrivateNetwork bool `env:"OIDC_ALLOW_PRIVATE_NETWORK"`
}
