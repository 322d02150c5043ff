package config

// API says how much one caller of the API may ask for, per replica.
type API struct {
	// RequestsPerSecond is what a caller may ask for in the long run, and RequestBurst at once.
	RequestsPerSecond float64 `env:"API_REQUESTS_PER_SECOND, default=50"`
	RequestBurst      int     `env:"API_REQUEST_BURST, default=100"`
}
