package stripe_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v84/webhook"

	"quittance.dev/config"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/stripe"
)

const event = `{"id":"evt_1","object":"event","api_version":"2026-02-25.clover","created":1790000000,
 "data":{"object":{"id":"pi_1","object":"payment_intent","status":"succeeded","amount":12050,"metadata":{"payment_id":"pay-1"}}},
 "livemode":false,"type":"payment_intent.succeeded"}`

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// sign makes the header that Stripe would send.
func sign(payload, secret string, at time.Time) string {
	return webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{
		Payload: []byte(payload), Secret: secret, Timestamp: at,
	}).Header
}

// D1: who may knock.
func TestD1_Webhook(t *testing.T) {
	const old, other = "whsec_old", "whsec_of_another_tenant"
	good := sign(event, webhookSecret, now)
	stamp, signature, _ := strings.Cut(good, ",")
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, []byte(event)))
	both := []outside.Secret{outside.Literal(webhookSecret), outside.Literal(old)}
	seconds := func(n int) time.Time { return now.Add(time.Duration(n) * time.Second) }

	for name, tt := range map[string]struct {
		payload, header string
		secrets         []outside.Secret // both if nil
		accepted        bool
	}{
		"good":                          {event, good, nil, true},
		"the old secret in rotation":    {event, sign(event, old, now), nil, true},
		"signed with both":              {event, good + "," + strings.SplitN(sign(event, old, now), ",", 2)[1], nil, true},
		"a wrong one before the right":  {event, stamp + ",v1=" + strings.Repeat("0", 64) + "," + signature, nil, true},
		"300 s old":                     {event, sign(event, webhookSecret, seconds(-300)), nil, true},
		"300 s ahead":                   {event, sign(event, webhookSecret, seconds(300)), nil, true},
		"301 s old":                     {event, sign(event, webhookSecret, seconds(-301)), nil, false},
		"301 s ahead":                   {event, sign(event, webhookSecret, seconds(301)), nil, false},
		"header missing":                {event, "", nil, false},
		"header of nonsense":            {event, "good morning", nil, false},
		"time missing":                  {event, signature, nil, false},
		"time not a number":             {event, "t=now," + signature, nil, false},
		"time beyond all":               {event, "t=9223372036854775807," + signature, nil, false},
		"two times":                     {event, "t=1," + good, nil, false},
		"time changed":                  {event, fmt.Sprintf("t=%d,%s", now.Unix()+1, signature), nil, false},
		"signature missing":             {event, stamp, nil, false},
		"signature empty":               {event, stamp + ",v1=", nil, false},
		"signature truncated":           {event, good[:len(good)-2], nil, false},
		"signature wrong":               {event, stamp + ",v1=" + strings.Repeat("ab", 32), nil, false},
		"signature of the test scheme":  {event, strings.Replace(good, "v1=", "v0=", 1), nil, false},
		"another tenant's secret":       {event, sign(event, other, now), nil, false},
		"an empty secret":               {event, sign(event, "", now), []outside.Secret{{}, outside.Literal("")}, false},
		"no secret at all":              {event, good, []outside.Secret{}, false},
		"the secret that was withdrawn": {event, sign(event, old, now), both[:1], false},
		"body re-serialized":            {compact.String(), good, nil, false},
		"body with one byte more":       {event + " ", good, nil, false},
		"body empty":                    {"", good, nil, false},
		"body changed":                  {strings.Replace(event, "12050", "12051", 1), good, nil, false},
		"body too long":                 {strings.Repeat(" ", stripe.MaxWebhookBytes+1), sign(strings.Repeat(" ", stripe.MaxWebhookBytes+1), webhookSecret, now), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			secrets := tt.secrets
			if secrets == nil {
				secrets = both
			}
			n, err := stripe.VerifyWebhook([]byte(tt.payload), tt.header, now, secrets...)
			if tt.accepted {
				require.NoError(t, err)
				require.Equal(t, stripe.Notification{
					EventID: "evt_1", Type: "payment_intent.succeeded", IntentID: "pi_1", PaymentID: "pay-1",
					Status: stripe.StatusSucceeded, Created: time.Unix(1790000000, 0).UTC(),
				}, n)
				return
			}
			require.Error(t, err)
			require.Zero(t, n)
			require.NotErrorIs(t, err, stripe.ErrPayload, "nothing was parsed")
			if name != "an empty secret" { // a configuration without secrets is our fault, not the caller's
				require.ErrorIs(t, err, stripe.ErrSignature)
			}
			require.NotContains(t, err.Error(), "pi_1")
		})
	}
}

func TestD1_WebhookIsParsedOnlyWhenSigned(t *testing.T) {
	for name, payload := range map[string]string{
		"not JSON":         `{`,
		"not an object":    `[]`,
		"not an event":     `{"object":"payment_intent","id":"pi_1"}`,
		"no id":            `{"object":"event","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1"}}}`,
		"no data":          `{"object":"event","id":"evt_1","type":"payment_intent.succeeded"}`,
		"data of nonsense": `{"object":"event","id":"evt_1","type":"payment_intent.succeeded","data":{"object":[]}}`,
		"no intent":        `{"object":"event","id":"evt_1","type":"payment_intent.succeeded","data":{"object":{}}}`,
		"nothing":          ``,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := stripe.VerifyWebhook([]byte(payload), "t=1,v1=00", now, outside.Literal(webhookSecret))
			require.ErrorIs(t, err, stripe.ErrSignature)
			require.NotErrorIs(t, err, stripe.ErrPayload)
			_, err = stripe.VerifyWebhook([]byte(payload), sign(payload, webhookSecret, now), now, outside.Literal(webhookSecret))
			require.ErrorIs(t, err, stripe.ErrPayload)
			require.NotErrorIs(t, err, stripe.ErrSignature)
		})
	}
}

func TestWebhook_OfOtherObjects(t *testing.T) {
	payload := `{"id":"evt_2","object":"event","created":1,"type":"charge.refunded","data":{"object":{"id":"ch_1"}}}`
	n, err := stripe.VerifyWebhook([]byte(payload), sign(payload, webhookSecret, now), now, outside.Literal(webhookSecret))
	require.NoError(t, err)
	require.Equal(t, "charge.refunded", n.Type)
	require.Empty(t, n.IntentID)
}

// F3: secrets rotate while the process runs; a secret that cannot be read is our trouble (503) and
// not the sender's (401).
func TestWebhookSecrets_RotateInTheirFiles(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	secrets := stripe.WebhookSecrets(config.Stripe{WebhookSecretFiles: []string{first, "", " " + second}})
	require.Len(t, secrets, 2)
	verify := func(secret string) error {
		_, err := stripe.VerifyWebhook([]byte(event), sign(event, secret, now), now, secrets...)
		return err
	}
	require.ErrorIs(t, verify("whsec_1"), outside.ErrMisconfigured)
	require.NoError(t, os.WriteFile(first, []byte("whsec_1\n"), 0o600))
	require.NoError(t, verify("whsec_1"), "one that fits is enough")
	require.NoError(t, os.WriteFile(second, []byte("whsec_2\n"), 0o600))
	require.NoError(t, verify("whsec_2"))
	require.NoError(t, os.WriteFile(first, []byte("whsec_3\n"), 0o600))
	require.ErrorIs(t, verify("whsec_1"), stripe.ErrSignature)
	require.NoError(t, verify("whsec_3"))
}

func FuzzVerifyWebhook(f *testing.F) {
	f.Add([]byte(event), sign(event, webhookSecret, now))
	f.Add([]byte(event), "t=1,v1=00")
	f.Add([]byte(`{}`), "t=,v1=,t=")
	f.Fuzz(func(t *testing.T, payload []byte, header string) {
		n, err := stripe.VerifyWebhook(payload, header, now, outside.Literal(webhookSecret))
		if err == nil && n.EventID == "" {
			t.Fatal("accepted without an event")
		}
		// Whatever the fuzzer signs must not crash the parser either.
		_, _ = stripe.VerifyWebhook(payload, sign(string(payload), "k", now), now, outside.Literal("k"))
	})
}
