package config

import "time"

// SMS says how text messages leave the bank: through Twilio's Messages API.
type SMS struct {
	// BaseURL is where the API is, without "/2010-04-01".
	BaseURL string `env:"SMS_BASE_URL, default=https://api.twilio.com"`
	// AccountSID is the account (AC...) whose messages these are.
	AccountSID string `env:"SMS_ACCOUNT_SID"`
	// KeySID is the API key (SK...) that signs in; the account itself when empty.
	KeySID string `env:"SMS_KEY_SID"`
	// SecretFile holds the API key's secret, or the account's auth token.
	SecretFile string `env:"SMS_SECRET_FILE"`
	// From is the sending number in E.164 form, or an alphanumeric sender.
	From string `env:"SMS_FROM"`
	// Timeout bounds one attempt of a call; Tries bounds the attempts of a look-up. A send is never
	// repeated by itself after it may have arrived, because Twilio knows no idempotency keys.
	Timeout time.Duration `env:"SMS_TIMEOUT, default=8s"`
	Tries   int           `env:"SMS_TRIES, default=3"`
	// AllowPlainHTTP and AllowPrivateNetwork let BaseURL be an emulator on this machine.
	AllowPlainHTTP      bool `env:"SMS_ALLOW_PLAIN_HTTP"`
	AllowPrivateNetwork bool `env:"SMS_ALLOW_PRIVATE_NETWORK"`
}
