// Package emulators runs the outside world of a bank that is only tried: Mambu, the
// external system E, the card processor, the mail gateway, the SMS gateway, and the
// issuer of access tokens.
// Each speaks its system's real protocol and keeps its own books on disk, so
// that what really happened outside can be compared with what the bank says.
//
// A bank in one process reaches them over memory ([Set.Clients]). On a cluster
// they are a process of their own (cmd/emulators), which serves [Set.Doors].
package emulators

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"quittance.dev/cmd/internal/issuer"
	"quittance.dev/cmd/internal/memnet"
	"quittance.dev/config"
	"quittance.dev/functions/externale"
	"quittance.dev/functions/externale/externaletest"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/mail"
	"quittance.dev/functions/mail/mailtest"
	"quittance.dev/functions/mambu"
	"quittance.dev/functions/mambu/mambutest"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
	"quittance.dev/functions/sms"
	"quittance.dev/functions/sms/smstest"
	"quittance.dev/functions/stripe"
	"quittance.dev/functions/stripe/stripetest"
)

// The names under which the bank reaches them.
const (
	mambuHost  = "mambu.outside.test"
	eHost      = "e.outside.test"
	stripeHost = "stripe.outside.test"
	mailHost   = "mail.outside.test"
	smsHost    = "sms.outside.test"
	issuerHost = "issuer.outside.test"
)

// accountSID is the bank's account at the SMS gateway; overlays/kind says the same.
const accountSID = "AC00000000000000000000000000000001"

// audience of the tokens that the bank takes.
const audience = "quittance"

// From is the sender of the bank's mails.
const From = "Quittance <no-reply@quittance.invalid>"

// Options of the outside world.
type Options struct {
	Folder string // of the books
	// Credentials is a folder with what callers must show, one file each; one that
	// is missing is made. Empty means the folder "credentials" beside the books.
	Credentials string
	// ClientCertificates has E turn away connections that are not mutual TLS.
	ClientCertificates bool
	WebhookURL         string // where the card processor posts its webhooks
	// Webhooks carries them.
	Webhooks http.RoundTripper
	Logger   *slog.Logger
}

// Set is the whole outside world.
type Set struct {
	Mambu  *mambutest.Emulator
	E      *externaletest.Emulator
	Stripe *stripetest.Emulator
	Mail   *mailtest.Gateway
	SMS    *smstest.Emulator
	Issuer *issuer.Issuer // of access tokens

	doors   map[string]http.Handler
	network *memnet.Network
	secrets map[string]string // name to file
	logger  *slog.Logger
}

// Start opens the books and starts answering.
func Start(o Options) (_ *Set, err error) {
	s := &Set{network: memnet.New(), secrets: map[string]string{}, logger: o.Logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	credentials := cmp.Or(o.Credentials, filepath.Join(o.Folder, "credentials"))
	values := map[string]string{}
	for _, name := range []string{"mambu-api-key", "e-token", "stripe-api-key", "stripe-webhook-secret", "mail-api-key", "sms-secret"} {
		file := filepath.Join(credentials, name)
		if values[name], err = credential(file); err != nil {
			return nil, err
		}
		s.secrets[name] = file
	}
	book := func(name string) string { return filepath.Join(o.Folder, name+".book") }
	clock := new(outsidetest.Clock)
	if s.Mambu, err = mambutest.New(mambutest.Options{Journal: book("mambu"), APIKey: values["mambu-api-key"], AdoptUnknown: true, Clock: clock}); err != nil {
		return nil, fmt.Errorf("mambu: %w", err)
	}
	if s.E, err = externaletest.New(externaletest.Options{Journal: book("e"), Tokens: []string{values["e-token"]}, AdoptUnknown: true, Clock: clock,
		RequireClientCertificate: o.ClientCertificates}); err != nil {
		return nil, fmt.Errorf("e: %w", err)
	}
	if s.Stripe, err = stripetest.New(stripetest.Config{
		Path: book("stripe"), APIKey: values["stripe-api-key"], Clock: clock, Logger: o.Logger,
		WebhookURL: o.WebhookURL, WebhookSecret: values["stripe-webhook-secret"],
		HTTP: &http.Client{Transport: o.Webhooks},
	}); err != nil {
		return nil, fmt.Errorf("stripe: %w", err)
	}
	if s.Mail, err = mailtest.NewGateway(mailtest.GatewayConfig{Path: book("mail"), APIKey: values["mail-api-key"], Clock: clock}); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	if s.SMS, err = smstest.New(smstest.Config{Path: book("sms"), User: accountSID, Secret: values["sms-secret"], Clock: clock}); err != nil {
		return nil, fmt.Errorf("sms: %w", err)
	}
	if s.Issuer, err = issuer.New(issuer.Options{
		Name: "http://" + issuerHost, Audience: audience, KeyFile: filepath.Join(o.Folder, "issuer", "key.pem"),
	}); err != nil {
		return nil, err
	}
	s.doors = map[string]http.Handler{
		"mambu": http.StripPrefix("/api", s.Mambu), "e": s.E, "stripe": s.Stripe, "mail": s.Mail, "sms": s.SMS, "issuer": s.Issuer,
	}
	for name, host := range map[string]string{
		"mambu": mambuHost, "e": eHost, "stripe": stripeHost, "mail": mailHost, "sms": smsHost, "issuer": issuerHost,
	} {
		if err := s.network.Handle(host, s.doors[name]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Doors are the systems' own APIs, by the names that Admin uses: mambu, e,
// stripe, mail and sms; and the issuer.
func (s *Set) Doors() map[string]http.Handler { return maps.Clone(s.doors) }

// credential reads a secret from file, or makes one up and keeps it there.
func credential(file string) (string, error) {
	if text, err := os.ReadFile(file); err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	random := make([]byte, 24)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	value := hex.EncodeToString(random)
	if strings.HasSuffix(file, "stripe-api-key") {
		value = "sk_test_" + value
	}
	if strings.HasSuffix(file, "webhook-secret") {
		value = "whsec_" + value
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", fmt.Errorf("keep a credential: %w", err)
	}
	if err := os.WriteFile(file, []byte(value+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep a credential: %w", err)
	}
	return value, nil
}

// Clients are the bank's own clients, pointed at the emulators.
type Clients struct {
	Mambu    *mambu.Client
	E        *externale.Client
	Stripe   *stripe.Client
	Mail     mail.Sender
	SMS      *sms.Client
	Webhooks []outside.Secret
	Tokens   *identity.Verifier
}

// Clients makes the bank's clients.
func (s *Set) Clients() (Clients, error) {
	options := outside.Options{Transport: s.network.Transport(), AllowPlainHTTP: true, Logger: s.logger}
	m := mambu.ConfigFrom(config.Mambu{BaseURL: "http://" + mambuHost + "/api", APIKeyFile: s.secrets["mambu-api-key"]})
	m.HTTP.Transport, m.HTTP.AllowPlainHTTP, m.HTTP.Logger = options.Transport, true, s.logger
	e := externale.ConfigFrom(config.ExternalE{BaseURL: "http://" + eHost, TokenFile: s.secrets["e-token"]})
	e.HTTP.Transport, e.HTTP.AllowPlainHTTP, e.HTTP.Logger = options.Transport, true, s.logger
	cards := config.Stripe{BaseURL: "http://" + stripeHost, APIKeyFile: s.secrets["stripe-api-key"],
		WebhookSecretFiles: []string{s.secrets["stripe-webhook-secret"]}, AllowPlainHTTP: true}
	post, err := mail.New(config.Mail{Via: "gateway", From: From,
		Gateway: config.MailGateway{BaseURL: "http://" + mailHost, APIKeyFile: s.secrets["mail-api-key"], AllowPlainHTTP: true}}, options)
	if err != nil {
		return Clients{}, err
	}
	tokens, err := s.verifier()
	if err != nil {
		return Clients{}, err
	}
	return Clients{
		Mambu: mambu.New(m), E: externale.New(e), Stripe: stripe.New(cards, options), Mail: post,
		SMS: sms.New(config.SMS{BaseURL: "http://" + smsHost, AccountSID: accountSID, SecretFile: s.secrets["sms-secret"],
			From: "Quittance", AllowPlainHTTP: true}, options),
		Webhooks: stripe.WebhookSecrets(cards), Tokens: tokens,
	}, nil
}

// verifier trusts the laptop's issuer.
func (s *Set) verifier() (*identity.Verifier, error) {
	var c config.OIDC
	known := map[string]string{"OIDC_ISSUER": "http://" + issuerHost, "OIDC_AUDIENCE": audience, "OIDC_ALLOW_PLAIN_HTTP": "true"}
	lookup := func(name string) (string, bool) { value, ok := known[name]; return value, ok }
	if err := config.Load(context.Background(), lookup, &c); err != nil {
		return nil, err
	}
	return identity.NewVerifier(c, identity.Options{Transport: s.network.Transport(), Logger: s.logger})
}

// Admin shows the books and sets the moods, one path per system.
func (s *Set) Admin() http.Handler {
	mux := http.NewServeMux()
	for name, admin := range map[string]http.Handler{
		"mambu": s.Mambu.Admin(), "e": s.E.Admin(), "stripe": s.Stripe.Admin(), "mail": s.Mail.Admin(), "sms": s.SMS.Admin(),
	} {
		mux.Handle("/"+name+"/", http.StripPrefix("/"+name, admin))
	}
	mux.Handle("/issuer/", http.StripPrefix("/issuer", s.Issuer)) // where people sign in
	return mux
}

// Close ends the emulators; what is under way is cut, as by a real outage.
func (s *Set) Close() error {
	var errs []error
	for _, close := range s.closers() {
		errs = append(errs, close())
	}
	return errors.Join(append(errs, s.network.Close())...)
}

func (s *Set) closers() (closers []func() error) {
	if s.Mambu != nil {
		closers = append(closers, s.Mambu.Close)
	}
	if s.E != nil {
		closers = append(closers, s.E.Close)
	}
	if s.Stripe != nil {
		closers = append(closers, s.Stripe.Close)
	}
	if s.Mail != nil {
		closers = append(closers, s.Mail.Close)
	}
	if s.SMS != nil {
		closers = append(closers, s.SMS.Close)
	}
	return closers
}
