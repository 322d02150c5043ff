package config

import "time"

// ExternalE says how the external system E is reached (docs/external-e.md). Secrets come from files,
// which are read again when they change; no secret is ever in the environment.
type ExternalE struct {
	// BaseURL is where E is, without "/v1". Without it every call ends as misconfigured, before
	// anything is sent.
	BaseURL string `env:"E_BASE_URL"`
	// TokenFile holds the bearer token.
	TokenFile string `env:"E_TOKEN_FILE"`
	// CertFile and KeyFile are our client certificate; CAFile is who may have signed E's, the
	// machine's own authorities when empty.
	CertFile string `env:"E_CERT_FILE"`
	KeyFile  string `env:"E_KEY_FILE"`
	CAFile   string `env:"E_CA_FILE"`
	// ServerName is the name on E's certificate, if it is not the host of BaseURL.
	ServerName string `env:"E_SERVER_NAME"`
	// Timeout bounds one attempt of a call; Tries bounds the attempts, all with the same key.
	Timeout time.Duration `env:"E_TIMEOUT, default=5s"`
	Tries   int           `env:"E_TRIES, default=3"`
	// AllowPlainHTTP lets BaseURL be an emulator on this machine. AllowPrivateNetwork lets E live
	// in the bank's own network.
	AllowPlainHTTP      bool `env:"E_ALLOW_PLAIN_HTTP"`
	AllowPrivateNetwork bool `env:"E_ALLOW_PRIVATE_NETWORK"`
}
