package config

import "time"

// Mail says how e-mail leaves the bank: through an HTTP gateway or an SMTP server.
type Mail struct {
	// Via is "gateway" or "smtp". The gateway is the default because it knows idempotency keys: a
	// mail whose fate is unknown can be sent again without the customer getting it twice.
	Via string `env:"MAIL_VIA, default=gateway"`
	// From is the sender of every mail, "name <address>" or an address. Its domain also ends the
	// Message-ID.
	From string `env:"MAIL_FROM, default=Quittance <no-reply@quittance.invalid>"`

	Gateway MailGateway `env:", prefix=MAIL_GATEWAY_"`
	SMTP    SMTP        `env:", prefix=SMTP_"`
}

// MailGateway is an HTTP gateway that speaks Resend's API.
type MailGateway struct {
	BaseURL string `env:"BASE_URL, default=https://api.resend.com"`
	// APIKeyFile holds the API key (re_...).
	APIKeyFile string `env:"API_KEY_FILE"`
	// Timeout bounds one attempt; Tries bounds the attempts of one call, all with the same key.
	Timeout time.Duration `env:"TIMEOUT, default=8s"`
	Tries   int           `env:"TRIES, default=3"`
	// AllowPlainHTTP and AllowPrivateNetwork let BaseURL be an emulator on this machine.
	AllowPlainHTTP      bool `env:"ALLOW_PLAIN_HTTP"`
	AllowPrivateNetwork bool `env:"ALLOW_PRIVATE_NETWORK"`
}

// SMTP is a mail server that takes our mail for delivery.
type SMTP struct {
	Host string `env:"HOST, default=localhost"`
	Port int    `env:"PORT, default=587"`
	// TLS is "mandatory" (STARTTLS or nothing), "implicit" (TLS from the first byte, usually port
	// 465), "opportunistic" (STARTTLS where offered) or "none".
	TLS string `env:"TLS, default=mandatory"`
	// CAFile is a PEM file of the authorities that may have signed the server's certificate; the
	// machine's own when empty.
	CAFile string `env:"CA_FILE"`
	// User and PasswordFile authenticate us; no user, no authentication.
	User         string `env:"USER"`
	PasswordFile string `env:"PASSWORD_FILE"`
	// Hello is how we name ourselves to the server; the domain of the sender when empty.
	Hello string `env:"HELLO"`
	// Timeout bounds the whole conversation about one mail.
	Timeout time.Duration `env:"TIMEOUT, default=20s"`
}
