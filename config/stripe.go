package config

import "time"

// Stripe says how the card processor is reached. Secrets come from files, which are read again when
// they change; no secret is ever in the environment.
type Stripe struct {
	// BaseURL is where the API is, without "/v1".
	BaseURL string `env:"STRIPE_BASE_URL, default=https://api.stripe.com"`
	// APIKeyFile holds the secret or restricted key (sk_..., rk_...). Without it every call ends
	// as misconfigured, before anything is sent.
	APIKeyFile string `env:"STRIPE_API_KEY_FILE"`
	// WebhookSecretFiles hold the endpoint's signing secrets (whsec_...), one per file: two during
	// a rotation. Without any, every webhook is refused.
	WebhookSecretFiles []string `env:"STRIPE_WEBHOOK_SECRET_FILES"`
	// Timeout bounds one attempt of a call. A card network may take several seconds to answer.
	Timeout time.Duration `env:"STRIPE_TIMEOUT, default=8s"`
	// Tries is how often one call is attempted, at most, with the same idempotency key.
	Tries int `env:"STRIPE_TRIES, default=3"`
	// AllowPlainHTTP and AllowPrivateNetwork let BaseURL be an emulator on this machine.
	AllowPlainHTTP      bool `env:"STRIPE_ALLOW_PLAIN_HTTP"`
	AllowPrivateNetwork bool `env:"STRIPE_ALLOW_PRIVATE_NETWORK"`
}
