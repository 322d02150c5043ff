package config_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/config"
)

// The names are a promise to those who deploy us.
func TestNamesOfTheOutsideBlocks(t *testing.T) {
	type blocks struct {
		Stripe config.Stripe
		Mail   config.Mail
		SMS    config.SMS
	}
	var c blocks
	require.NoError(t, config.Load(context.Background(), from(nil), &c))
	require.Equal(t, "https://api.stripe.com", c.Stripe.BaseURL)
	require.Equal(t, "gateway", c.Mail.Via)
	require.Equal(t, "https://api.resend.com", c.Mail.Gateway.BaseURL)
	require.Equal(t, "mandatory", c.Mail.SMTP.TLS)
	require.Equal(t, "https://api.twilio.com", c.SMS.BaseURL)
	require.False(t, c.Stripe.AllowPlainHTTP || c.Mail.Gateway.AllowPlainHTTP || c.SMS.AllowPlainHTTP)

	c = blocks{}
	require.NoError(t, config.Load(context.Background(), from(map[string]string{
		"STRIPE_WEBHOOK_SECRET_FILES": "/a,/b", "STRIPE_API_KEY_FILE": "/k", "STRIPE_TIMEOUT": "3s", "STRIPE_ALLOW_PRIVATE_NETWORK": "true",
		"MAIL_VIA": "smtp", "MAIL_FROM": "a@b.example", "MAIL_GATEWAY_API_KEY_FILE": "/m", "SMTP_HOST": "mail", "SMTP_PORT": "25", "SMTP_PASSWORD_FILE": "/p",
		"SMS_ACCOUNT_SID": "AC1", "SMS_SECRET_FILE": "/s", "SMS_FROM": "+1", "SMS_TRIES": "2",
	}), &c))
	require.Equal(t, []string{"/a", "/b"}, c.Stripe.WebhookSecretFiles)
	require.Equal(t, "/k", c.Stripe.APIKeyFile)
	require.Equal(t, 3*time.Second, c.Stripe.Timeout)
	require.True(t, c.Stripe.AllowPrivateNetwork)
	require.Equal(t, "smtp", c.Mail.Via)
	require.Equal(t, "a@b.example", c.Mail.From)
	require.Equal(t, "/m", c.Mail.Gateway.APIKeyFile)
	require.Equal(t, config.SMTP{Host: "mail", Port: 25, TLS: "mandatory", PasswordFile: "/p", Timeout: 20 * time.Second}, c.Mail.SMTP)
	require.Equal(t, "AC1", c.SMS.AccountSID)
	require.Equal(t, "/s", c.SMS.SecretFile)
	require.Equal(t, 2, c.SMS.Tries)
}
