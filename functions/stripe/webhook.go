package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v84/webhook"

	"quittance.dev/config"
	"quittance.dev/functions/outside"
)

// Tolerance is how far a webhook's timestamp may lie from our clock, in either direction. Stripe's
// own libraries use five minutes for the past; we hold the future to the same, because a signature
// that was made out ahead is a replay kept in store.
const Tolerance = webhook.DefaultTolerance

// MaxWebhookBytes caps a webhook before it is hashed. Stripe's events for PaymentIntents are a few
// kilobytes.
const MaxWebhookBytes = 256 << 10

var (
	// ErrSignature means that nobody who holds one of our secrets signed this payload now: the
	// header is missing, malformed, wrong or stale. The caller answers 401 and must not look into
	// the payload.
	ErrSignature = errors.New("stripe webhook: signature not accepted")
	// ErrPayload means that the signature is good and the payload is not an event that we can read.
	// The caller answers 400; Stripe shows it in its dashboard.
	ErrPayload = errors.New("stripe webhook: payload is not a Stripe event")
)

// Notification is what a webhook tells us: that something about an intent may have changed. It is a
// hint and not the truth: webhooks arrive late, twice and out of order, so the receiver keeps
// EventID to know a repetition, and reads the intent (Client.Read) before it moves money.
type Notification struct {
	EventID   string    // evt_..., the same on every redelivery
	Type      string    // for example "payment_intent.succeeded"
	IntentID  string    // pi_..., or "" when the event is not about a PaymentIntent
	PaymentID string    // our payment, from the intent's metadata; "" when the intent is not ours
	Status    Status    // the intent's status when the event was made
	Created   time.Time // when Stripe made the event; order by the intent's own state, not by this
	Livemode  bool      // false for Stripe's test mode
}

// VerifyWebhook checks that payload, exactly as it came over the wire, carries a signature made with
// one of secrets within Tolerance of now, and only then parses it. header is the value of
// Stripe-Signature. Several secrets are accepted for the time of a rotation; with none every payload
// is refused.
//
// Errors wrap ErrSignature or ErrPayload, or match outside.ErrMisconfigured when a secret could not
// be read and no other fitted: the caller then answers 503, and Stripe sends the webhook again. The
// error text never quotes the payload or the header.
func VerifyWebhook(payload []byte, header string, now time.Time, secrets ...outside.Secret) (Notification, error) {
	if len(payload) > MaxWebhookBytes {
		return Notification{}, fmt.Errorf("%w: %d bytes are more than %d", ErrSignature, len(payload), MaxWebhookBytes)
	}
	stamp, err := signedAt(header)
	if err != nil {
		return Notification{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if age := now.Sub(stamp); age > Tolerance || age < -Tolerance {
		return Notification{}, fmt.Errorf("%w: %w", ErrSignature, webhook.ErrTooOld)
	}
	if err := signedByAny(payload, header, secrets); err != nil {
		return Notification{}, err
	}
	return parseEvent(payload)
}

// signedByAny tries every secret, also after one fitted, so that the time it takes says nothing
// about which of them is in use.
func signedByAny(payload []byte, header string, secrets []outside.Secret) error {
	fits := false
	var unreadable error
	for _, secret := range secrets {
		key, err := secret.Reveal() // never "": an empty key would be everybody's
		if err != nil {
			unreadable = err
			continue
		}
		// The age was checked against the caller's clock; here the library checks the signature,
		// in constant time.
		if webhook.ValidatePayloadIgnoringTolerance(payload, header, key) == nil {
			fits = true
		}
	}
	switch {
	case fits:
		return nil
	case unreadable != nil:
		return fmt.Errorf("stripe webhook: signing secret: %w", unreadable)
	}
	return fmt.Errorf("%w: %w", ErrSignature, webhook.ErrNoValidSignature)
}

// signedAt reads the one timestamp of a Stripe-Signature header, which is "t=<unix>,v1=<hex>,...".
// The library takes the last of several timestamps; two of them are never honest.
func signedAt(header string) (time.Time, error) {
	if header == "" {
		return time.Time{}, webhook.ErrNotSigned
	}
	var stamp time.Time
	found := false
	for pair := range strings.SplitSeq(header, ",") {
		value, ok := strings.CutPrefix(pair, "t=")
		if !ok {
			continue
		}
		unix, err := strconv.ParseInt(value, 10, 64)
		if err != nil || found {
			return time.Time{}, webhook.ErrInvalidHeader
		}
		stamp, found = time.Unix(unix, 0), true
	}
	if !found {
		return time.Time{}, webhook.ErrInvalidHeader
	}
	return stamp, nil
}

// event is what is read of one of Stripe's, and intent of the PaymentIntent that
// it is about (docs.stripe.com/api/events/object). The library's own types for
// them would bring all of Stripe into a binary that only hears webhooks.
type event struct {
	Object   string `json:"object"`
	ID       string `json:"id"`
	Type     string `json:"type"`
	Created  int64  `json:"created"`
	Livemode bool   `json:"livemode"`
	Data     *struct {
		Object json.RawMessage `json:"object"`
	} `json:"data"`
}

type intent struct {
	ID       string            `json:"id"`
	Status   string            `json:"status"`
	Metadata map[string]string `json:"metadata"`
}

func parseEvent(payload []byte) (Notification, error) {
	var event event
	if err := json.Unmarshal(payload, &event); err != nil {
		return Notification{}, ErrPayload // without the cause: it may quote the payload
	}
	if event.Object != "event" || event.ID == "" || event.Type == "" || event.Data == nil {
		return Notification{}, fmt.Errorf("%w: id, type or data missing", ErrPayload)
	}
	n := Notification{
		EventID:  event.ID,
		Type:     event.Type,
		Created:  time.Unix(event.Created, 0).UTC(),
		Livemode: event.Livemode,
	}
	if !strings.HasPrefix(n.Type, "payment_intent.") {
		return n, nil
	}
	var intent intent
	if err := json.Unmarshal(event.Data.Object, &intent); err != nil || intent.ID == "" {
		return Notification{}, fmt.Errorf("%w: no PaymentIntent in %s", ErrPayload, event.ID)
	}
	n.IntentID = intent.ID
	n.PaymentID = intent.Metadata[metadataPaymentID]
	n.Status = Status(intent.Status)
	return n, nil
}

// WebhookSecrets gives the signing secrets that c names. Their files are read at every use, so that
// a rotated secret works at once.
func WebhookSecrets(c config.Stripe) []outside.Secret {
	secrets := make([]outside.Secret, 0, len(c.WebhookSecretFiles))
	for _, path := range c.WebhookSecretFiles {
		if path = strings.TrimSpace(path); path != "" {
			secrets = append(secrets, outside.FromFile(path))
		}
	}
	return secrets
}
