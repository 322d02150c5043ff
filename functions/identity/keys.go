package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"quittance.dev/config"
	"quittance.dev/functions/outside"
)

const (
	// fresh is how long keys are used without asking again.
	fresh = 10 * time.Minute
	// usable is how long keys are used when they cannot be had again.
	usable = 70 * time.Minute
	// askAgain is the least time between two fetches that worked; a token with an
	// unknown key id asks for one.
	askAgain = time.Minute
	// tryAgain is the least time after one that did not.
	tryAgain = 5 * time.Second
	// maxKeys of a set are read.
	maxKeys = 50
)

// keys are the issuer's, as far as we know.
type keys struct {
	config config.OIDC
	client *outside.Client
	now    func() time.Time
	logger *slog.Logger

	mu      sync.Mutex
	set     []jose.JSONWebKey
	fetched time.Time     // when set came
	next    time.Time     // when the next fetch may start
	running chan struct{} // closed when the fetch that is under way ends; nil when there is none
}

func newKeys(c config.OIDC, client *outside.Client, o Options) *keys {
	return &keys{config: c, client: client, now: o.Now, logger: o.Logger}
}

// find returns the keys that may have signed a token with the key id. It asks the
// issuer when it must and may.
func (k *keys) find(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	known, age, running := k.look(id, true)
	switch {
	case len(known) > 0 && age < fresh:
		return known, nil
	case running != nil && (len(known) == 0 || age >= usable):
		select {
		case <-running:
			known, age, _ = k.look(id, false)
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
	switch {
	case age >= usable:
		return nil, ErrUnavailable
	case len(known) == 0:
		return nil, invalid("the issuer has no key of its id")
	}
	return known, nil
}

// look finds the keys at hand and their age. If they do not do and a fetch may
// start, it starts one; running ends with the fetch that is under way.
func (k *keys) look(id string, mayFetch bool) (known []jose.JSONWebKey, age time.Duration, running <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	age = now.Sub(k.fetched)
	for _, key := range k.set {
		if id == key.KeyID || (id == "" && len(k.set) == 1) {
			known = append(known, key)
		}
	}
	if len(known) > 0 && age < fresh {
		return known, age, nil
	}
	if k.running == nil && mayFetch && !now.Before(k.next) {
		k.running = make(chan struct{})
		go k.refresh(k.running)
	}
	return known, age, k.running
}

// refresh fetches the keys for whoever waits; it outlives the request that asked.
func (k *keys) refresh(done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*k.config.Timeout)
	defer cancel()
	set, err := k.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.next = k.now().Add(tryAgain)
	if err != nil {
		k.logger.Warn("the issuer's keys cannot be had", "issuer", k.config.Issuer, "error", err)
	} else {
		k.set, k.fetched, k.next = set, k.now(), k.now().Add(askAgain)
	}
	k.running = nil
	close(done)
}

// fetch asks the issuer where its keys are, then for the keys.
func (k *keys) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	var metadata struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := k.get(ctx, "discover", k.where(), &metadata); err != nil {
		return nil, err
	}
	if metadata.Issuer != k.config.Issuer { // OpenID Connect Discovery 4.3
		return nil, fmt.Errorf("identity: the metadata are another issuer's")
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := k.get(ctx, "read keys", metadata.JWKS, &set); err != nil {
		return nil, err
	}
	var usable []jose.JSONWebKey
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var key jose.JSONWebKey
		// RFC 7517, 5: keys that we do not understand are not ours to use.
		if err := json.Unmarshal(raw, &key); err == nil && key.Valid() && key.IsPublic() && (key.Use == "" || key.Use == "sig") {
			usable = append(usable, key)
		}
	}
	if len(usable) == 0 {
		return nil, fmt.Errorf("identity: the issuer has no key to sign with")
	}
	return usable, nil
}

// where we find the issuer's metadata.
func (k *keys) where() string {
	if k.config.DiscoveryURL != "" {
		return k.config.DiscoveryURL
	}
	return wellKnown(k.config.Issuer)
}

func wellKnown(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

func (k *keys) get(ctx context.Context, op, where string, into any) error {
	answer, err := k.client.Do(ctx, outside.Call{Op: op, URL: where})
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return fmt.Errorf("identity: %s: status %d", op, answer.Status)
	}
	// An issuer may say more than we know; the lenient reader is meant.
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return fmt.Errorf("identity: %s: %w", op, err)
	}
	return nil
}
