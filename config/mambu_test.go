package config_test

import (
	"testing"
	"time"

	"github.com/sethvargo/go-envconfig"
	"github.com/stretchr/testify/require"

	"quittance.dev/config"
)

// An empty environment is a configuration, too: it calls nobody.
func TestMambuAndEWorkWhenAbsent(t *testing.T) {
	var c struct {
		Mambu config.Mambu
		E     config.ExternalE
	}
	load(t, map[string]string{}, &c)
	require.Equal(t, config.Mambu{Timeout: 5 * time.Second, Tries: 3}, c.Mambu)
	require.Equal(t, config.ExternalE{Timeout: 5 * time.Second, Tries: 3}, c.E)

	load(t, map[string]string{
		"MAMBU_BASE_URL": "https://bank.mambu.com/api", "MAMBU_API_KEY_FILE": "/secrets/mambu", "MAMBU_TIMEOUT": "2s",
		"E_BASE_URL": "https://e.bank.invalid", "E_TOKEN_FILE": "/secrets/e", "E_CERT_FILE": "/tls/tls.crt",
		"E_ALLOW_PRIVATE_NETWORK": "true", "E_TRIES": "5",
	}, &c)
	require.Equal(t, config.Mambu{
		BaseURL: "https://bank.mambu.com/api", APIKeyFile: "/secrets/mambu", Timeout: 2 * time.Second, Tries: 3,
	}, c.Mambu)
	require.Equal(t, config.ExternalE{
		BaseURL: "https://e.bank.invalid", TokenFile: "/secrets/e", CertFile: "/tls/tls.crt",
		AllowPrivateNetwork: true, Timeout: 5 * time.Second, Tries: 5,
	}, c.E)
}

func load(t *testing.T, env map[string]string, into any) {
	t.Helper()
	require.NoError(t, envconfig.ProcessWith(t.Context(), &envconfig.Config{
		Target: into, Lookuper: envconfig.MapLookuper(env), DefaultOverwrite: true,
	}))
}
