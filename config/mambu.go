package config

import "time"

// Mambu says how the core banking system is reached. Secrets come from files, which are read again
// when they change; no secret is ever in the environment.
type Mambu struct {
	// BaseURL is the tenant's API, with "/api": https://<tenant>.mambu.com/api. Without it every
	// call ends as misconfigured, before anything is sent.
	BaseURL string `env:"MAMBU_BASE_URL"`
	// APIKeyFile holds the key of an API consumer, sent as the apikey header. It goes before user
	// and password.
	APIKeyFile string `env:"MAMBU_API_KEY_FILE"`
	// User and PasswordFile sign in with HTTP Basic.
	User         string `env:"MAMBU_USER"`
	PasswordFile string `env:"MAMBU_PASSWORD_FILE"`
	// CertFile and KeyFile are our client certificate, where a gateway in front asks for one;
	// CAFile is who may have signed the server's, the machine's own authorities when empty.
	CertFile string `env:"MAMBU_CERT_FILE"`
	KeyFile  string `env:"MAMBU_KEY_FILE"`
	CAFile   string `env:"MAMBU_CA_FILE"`
	// ServerName is the name on the server's certificate, if it is not the host of BaseURL.
	ServerName string `env:"MAMBU_SERVER_NAME"`
	// Timeout bounds one attempt of a call; Tries bounds the attempts, all with the same key.
	Timeout time.Duration `env:"MAMBU_TIMEOUT, default=5s"`
	Tries   int           `env:"MAMBU_TRIES, default=3"`
	// AllowPlainHTTP and AllowPrivateNetwork let BaseURL be an emulator on this machine.
	AllowPlainHTTP      bool `env:"MAMBU_ALLOW_PLAIN_HTTP"`
	AllowPrivateNetwork bool `env:"MAMBU_ALLOW_PRIVATE_NETWORK"`
}
