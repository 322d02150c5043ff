package config_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/config"
)

func from(m map[string]string) func(string) (string, bool) {
	return func(key string) (string, bool) { v, ok := m[key]; return v, ok }
}

func TestEveryBlockWorksWhenNothingIsSet(t *testing.T) {
	var c struct {
		config.Service
		config.Relay
		Audit config.Audit
		config.Mambu
		config.ExternalE
		config.Stripe
		config.Mail
		config.SMS
		config.Migrate
	}
	require.NoError(t, config.Load(context.Background(), from(nil), &c))
	require.Equal(t, 8080, c.Port)
	require.Equal(t, 8*time.Second, c.Deadline)
	require.Equal(t, "quittance", c.Postgres.Database)
	require.Equal(t, time.Minute, c.Audit.Deadline)
	require.Equal(t, 2*time.Minute, c.Wait)
	require.Empty(t, c.RolePasswordsDir)
}

func TestABrokenValueIsAnErrorThatNamesTheField(t *testing.T) {
	var c config.Service
	err := config.Load(context.Background(), from(map[string]string{"POSTGRES_PORT": "many"}), &c)
	require.ErrorContains(t, err, "Port")
}
