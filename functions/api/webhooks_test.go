package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/stripe"
)

func notice(id, eventType, intent, payment string) string {
	return fmt.Sprintf(`{"id":%q,"object":"event","type":%q,"created":1700000000,"livemode":false,
		"data":{"object":{"id":%q,"object":"payment_intent","status":"succeeded","metadata":{"payment_id":%q}}}}`, id, eventType, intent, payment)
}

// sign makes Stripe's header (docs.stripe.com/webhooks, "Verify manually").
func sign(body, secret string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strconv.FormatInt(at.Unix(), 10) + "." + body))
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

func TestF24_AWebhookIsHeardOnce(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	payment := uuid.NewString()
	body := notice("evt_1", "payment_intent.succeeded", "pi_1", payment)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			got := b.post("/webhooks/stripe", body, "Stripe-Signature", sign(body, webhookSecret, b.now))
			require.Equal(t, 200, got.status, got.body)
			require.Empty(t, got.body)
		})
	}
	wg.Wait()
	require.Equal(t, 1, b.said("processor.notified"))
	require.Equal(t, `{"processor":"stripe","notification_id":"evt_1","processor_reference":"pi_1"}`, one[string](b, `select data::text from delivery.outbox`))
	require.Equal(t, payment, one[string](b, `select correlation_id from delivery.outbox`), "it belongs to the payment's journey")

	again := notice("evt_2", "payment_intent.succeeded", "pi_1", "not ours")
	require.Equal(t, 200, b.post("/webhooks/stripe", again, "Stripe-Signature", sign(again, webhookSecret, b.now)).status)
	require.Equal(t, 2, b.said("processor.notified"), "another notification is another hint")
	before := b.rows()
	other := strings.Replace(notice("evt_3", "customer.created", "cus_1", ""), "payment_intent\"", "customer\"", 1)
	require.Equal(t, 200, b.post("/webhooks/stripe", other, "Stripe-Signature", sign(other, webhookSecret, b.now)).status)
	require.Equal(t, before, b.rows(), "not about a payment")
}

func TestD1_ASignatureThatIsNoneIsRefusedBeforeTheBodyIsRead(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	before := b.rows()
	body := notice("evt_1", "payment_intent.succeeded", "pi_1", uuid.NewString())
	good := sign(body, webhookSecret, b.now)
	for what, signature := range map[string]string{
		"none": "", "junk": "junk", "other secret": sign(body, "whsec_other", b.now), "cut": good[:len(good)-1],
		"other body": sign(body+" ", webhookSecret, b.now), "stale": sign(body, webhookSecret, b.now.Add(-stripe.Tolerance-time.Second)),
		"early": sign(body, webhookSecret, b.now.Add(stripe.Tolerance+2*time.Second)), "empty secret": sign(body, "", b.now),
	} {
		for _, sent := range []string{body, "{", strings.Repeat("[", 100000), "\x00", ""} {
			pairs := []string{"Stripe-Signature", signature}
			if sent != body && strings.HasPrefix(signature, "t=") {
				pairs = []string{"Stripe-Signature", sign(sent, "whsec_other", b.now)}
			}
			got := b.post("/webhooks/stripe", sent, pairs...)
			require.Equal(t, 401, got.status, what)
			refused(t, got, badSignature)
			require.NotEmpty(t, got.header.Get("WWW-Authenticate"))
		}
	}
	r := b.request("POST", "/webhooks/stripe", body)
	r.Header["Stripe-Signature"] = []string{good, good}
	refused(t, b.do(r), badSignature)
	refused(t, b.post("/webhooks/stripe", strings.Repeat("x", stripe.MaxWebhookBytes+1), "Stripe-Signature", good), tooLarge)
	refused(t, b.post("/webhooks/stripe", body, "Stripe-Signature", good, "Content-Encoding", "gzip"), wrongEncoding)
	for _, signed := range []string{`{}`, `[]`, `{"object":"event"}`, "{", "\xff"} {
		refused(t, b.post("/webhooks/stripe", signed, "Stripe-Signature", sign(signed, webhookSecret, b.now)), malformedRequest)
	}
	require.Equal(t, before, b.rows())

	require.Equal(t, 200, b.post("/webhooks/stripe", body, "Stripe-Signature", good).status)
	b.api.webhooks = refuseAll{}
	refused(t, b.post("/webhooks/stripe", body, "Stripe-Signature", good), badSignature)
}
