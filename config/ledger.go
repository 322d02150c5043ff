package config

// Ledger is how the API reaches ledger-posting for what cannot wait for the broker.
type Ledger struct {
	// URL is its door for events.
	URL string `env:"LEDGER_URL, default=http://ledger-posting.quittance.svc.cluster.local"`
	// EventKeysFile holds the keys that the two share, as of Service.EventKeysFile; the
	// first one signs. The API does not start without it.
	EventKeysFile string `env:"LEDGER_EVENT_KEYS_FILE"`
}
