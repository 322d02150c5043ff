package config

// API says how much one caller of the API may ask for, per replica.
type API struct {
	// RequestsPerSecond is what a caller may ask for in the long run, and RequestBurst at once.
	RequestsPerSecond float64 `env:"API_REQUESTS_PER_SECOND, default=50"`
	RequestBurst      int     `env:"API_REQUEST_BURST, default=100"`
	// OpenReports is how many reports a caller may have open; this holds for all replicas together.
	OpenReports int `env:"API_OPEN_REPORTS, default=100"`
	// ReportKeysFile holds the keys that sign the cursors of reports, in the form of those of events:
	// the first line signs, all verify. Read again when it changes. Without it a replica makes up a
	// key of its own, and a cursor holds there only.
	ReportKeysFile string `env:"REPORT_KEYS_FILE"`
}
