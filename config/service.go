package config

import "time"

// Service is what every deployed function is told.
type Service struct {
	// Port is where the function listens; Knative Serving sets it.
	Port int `env:"PORT, default=8080"`
	// LogLevel is DEBUG, INFO, WARN or ERROR.
	LogLevel string `env:"LOG_LEVEL, default=INFO"`
	// Deadline bounds one delivery; it must be under the Triggers' timeout.
	Deadline time.Duration `env:"DELIVERY_DEADLINE, default=8s"`
	// Drain is how long the function goes on answering after it was told to
	// stop, so that the platform can take it out of its lists first.
	Drain time.Duration `env:"DRAIN, default=5s"`

	// EventKeysFile holds the keys with which the function checks that an event is
	// the bank's own: one line per key, its id and the base64 of 32 random bytes.
	// Read again when it changes. The functions that move money or close
	// accounts (events.Verifying) do not start without it.
	EventKeysFile string `env:"EVENT_KEYS_FILE"`

	// DirectEventKeysFile holds the keys that the function shares with the one that
	// posts events of its own straight to it (events.Caller), likewise. Without it
	// nobody does.
	DirectEventKeysFile string `env:"DIRECT_EVENT_KEYS_FILE"`

	Postgres  Postgres  `env:", prefix=POSTGRES_"`
	Telemetry Telemetry `env:", prefix=OTEL_"`
}

// Postgres says how the database is reached.
type Postgres struct {
	// Host is a host name or a directory with a Unix socket.
	Host     string `env:"HOST, default=localhost"`
	Port     int    `env:"PORT, default=5432"`
	Database string `env:"DATABASE, default=quittance"`
	// User is the function's own role.
	User string `env:"USER"`
	// PasswordFile holds the role's password; read for every new connection.
	PasswordFile string `env:"PASSWORD_FILE"`
	// TLS is a libpq sslmode; verify-full with CAFile outside a laptop.
	TLS    string `env:"TLS, default=prefer"`
	CAFile string `env:"CA_FILE"`
	// MaxConnections caps the function's pool. One is enough for the group of
	// transactions; the others serve reads and records of failures.
	MaxConnections int `env:"MAX_CONNECTIONS, default=4"`
}

// Telemetry follows OpenTelemetry's own names of environment variables.
type Telemetry struct {
	// Endpoint is where traces go, over OTLP/HTTP. None is sent without it.
	Endpoint string `env:"EXPORTER_OTLP_ENDPOINT"`
	// SampleRatio is the share of new traces that are kept; a caller's
	// decision is followed.
	SampleRatio float64 `env:"TRACES_SAMPLER_ARG, default=1"`
}

// Relay says where events go.
type Relay struct {
	// Sink is the address of one Broker, as a SinkBinding gives it; the others
	// differ in the last segment of the path only.
	Sink string `env:"K_SINK, default=http://broker-ingress.knative-eventing.svc.cluster.local/quittance/requests"`
	// CACerts are the authorities whose certificate the Broker may show, in PEM,
	// besides the system's; a SinkBinding gives them where transport is encrypted.
	CACerts string `env:"K_CA_CERTS"`
	// TrustDir is a folder with more of them, which is where the platform mounts
	// its trust bundles. Read again for each connection; it need not be there.
	TrustDir string `env:"RELAY_TRUST_DIR, default=/knative-custom-certs"`
	// ConsumerURL is where a function takes events; {name} is its name.
	ConsumerURL string `env:"CONSUMER_URL, default=http://{name}.quittance.svc.cluster.local"`
	// TokensDir is a folder with one token per Broker, named like it, for a
	// platform whose Brokers ask who posts. None is sent without it.
	TokensDir string `env:"RELAY_TOKENS_DIR"`
	// EventKeysDir is a folder with one file of event keys for each function that
	// checks signatures, named like the function and with the same lines as that
	// function's own file; the first key of each signs. The relay does not start
	// without it.
	EventKeysDir string `env:"EVENT_KEYS_DIR"`
	// InFlight bounds the events posted at a time.
	InFlight int `env:"RELAY_IN_FLIGHT, default=128"`
}

// Audit says when an event counts as lost.
type Audit struct {
	// Deadline is how long after its Broker took an event every consumer must
	// have handled it; over the Triggers' whole span of retries.
	Deadline time.Duration `env:"AUDIT_DEADLINE, default=60s"`
}
