package mail_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/config"
	"quittance.dev/functions/mail"
	"quittance.dev/functions/mail/mailtest"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
)

const gatewayKey = "re_canary_c1tpEyD8_NKFusih9vKVQknRAQfmFcWCv"

func newGateway(url string, log *slog.Logger) *mail.Gateway {
	return mail.NewGateway(
		config.MailGateway{BaseURL: url + "/", Timeout: 250 * time.Millisecond, AllowPlainHTTP: true, AllowPrivateNetwork: true},
		outside.Options{
			Authorize: outside.Bearer(outside.Literal(gatewayKey)),
			WaitMin:   time.Millisecond, WaitMax: 5 * time.Millisecond, Logger: log,
		})
}

type gatewayRig struct {
	*mailtest.Gateway
	client *mail.Gateway
	url    string
}

func newGatewayRig(t *testing.T, c mailtest.GatewayConfig) *gatewayRig {
	t.Helper()
	c.APIKey = gatewayKey
	gateway, err := mailtest.NewGateway(c)
	require.NoError(t, err)
	server := httptest.NewServer(gateway)
	t.Cleanup(func() {
		gateway.Moods.Close()
		server.Close()
		require.NoError(t, gateway.Close())
	})
	return &gatewayRig{Gateway: gateway, client: newGateway(server.URL, quiet), url: server.URL}
}

func TestGateway_Delivers(t *testing.T) {
	r := newGatewayRig(t, mailtest.GatewayConfig{})
	m := withEverything()
	receipt, err := r.client.Send(t.Context(), m)
	require.NoError(t, err)
	require.Nil(t, receipt.Refusal)
	require.Len(t, r.Mails(), 1)
	got := r.Mails()[0]
	require.Equal(t, receipt.ProviderID, got.ID)
	require.Equal(t, m.Key, got.Key)
	require.Equal(t, m.From, got.From)
	require.Equal(t, m.To, got.To)
	require.Equal(t, m.Subject, got.Subject)
	require.Equal(t, m.Text, got.Text)
	require.Equal(t, m.HTML, got.HTML)
	require.Equal(t, "receipt-42.pdf", got.Attachments[0].Filename)
	require.Equal(t, len(m.Attachments[0].Content), got.Attachments[0].Bytes)
}

// F21: whatever goes wrong, the same mail again ends in one mail.
func TestGateway_EveryMood(t *testing.T) {
	t.Parallel()
	const all = 3 // as often as one call is attempted
	for name, tt := range map[string]struct {
		mood    outsidetest.Mood
		unknown bool
		notSent bool
	}{
		"500 once":                      {outsidetest.Mood{Kind: outsidetest.Status}, false, false},
		"500 always":                    {outsidetest.Mood{Kind: outsidetest.Status, Times: all}, true, false},
		"502 after delivery, always":    {outsidetest.Mood{Kind: outsidetest.StatusAfter, Status: 502, Times: all}, true, false},
		"429 once":                      {outsidetest.Mood{Kind: outsidetest.TooMany}, false, false},
		"429 for long":                  {outsidetest.Mood{Kind: outsidetest.TooMany, RetryAfter: outsidetest.Duration(time.Minute)}, true, true},
		"409 while another runs":        {outsidetest.Mood{Kind: outsidetest.InProgress}, true, false},
		"slow, beyond patience":         {outsidetest.Mood{Kind: outsidetest.Slow, Delay: outsidetest.Duration(400 * time.Millisecond)}, false, false},
		"timeout before, always":        {outsidetest.Mood{Kind: outsidetest.TimeoutBefore, Times: all}, true, false},
		"timeout after success, once":   {outsidetest.Mood{Kind: outsidetest.TimeoutAfter}, false, false},
		"timeout after success, always": {outsidetest.Mood{Kind: outsidetest.TimeoutAfter, Times: all}, true, false},
		"cut before, always":            {outsidetest.Mood{Kind: outsidetest.CutBefore, Times: all}, true, false},
		"cut after, always":             {outsidetest.Mood{Kind: outsidetest.CutAfter, Times: all}, true, false},
		"cut in the answer":             {outsidetest.Mood{Kind: outsidetest.CutMidBody}, true, false},
		"garbage":                       {outsidetest.Mood{Kind: outsidetest.Garbage}, true, false},
		"2 MiB":                         {outsidetest.Mood{Kind: outsidetest.Huge}, true, false},
		"redirect":                      {outsidetest.Mood{Kind: outsidetest.Redirect, Code: "http://127.0.0.1:1/"}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newGatewayRig(t, mailtest.GatewayConfig{})
			m := message()
			require.NoError(t, r.Moods.Script(tt.mood))
			receipt, err := r.client.Send(t.Context(), m)
			if tt.unknown {
				var unknown *outside.Unknown
				require.ErrorAs(t, err, &unknown)
				require.Equal(t, time.Duration(tt.mood.RetryAfter), unknown.RetryAfter)
				require.Equal(t, tt.notSent, errors.Is(err, mail.ErrNotSent))
				require.True(t, r.client.Resendable(time.Minute))
				receipt, err = r.client.Send(t.Context(), m)
			}
			require.NoError(t, err)
			require.Len(t, r.Mails(), 1)
			require.Equal(t, r.Mails()[0].ID, receipt.ProviderID)
		})
	}
}

// A 429 after an attempt that may have got in proves nothing.
func TestGateway_NotSentOnlyWhenCertain(t *testing.T) {
	r := newGatewayRig(t, mailtest.GatewayConfig{})
	require.NoError(t, r.Moods.Script(outsidetest.Mood{Kind: outsidetest.CutAfter}, outsidetest.Mood{Kind: outsidetest.TooMany, Times: 2}))
	_, err := r.client.Send(t.Context(), message())
	require.Error(t, err)
	require.NotErrorIs(t, err, mail.ErrNotSent)
	require.Len(t, r.Mails(), 1)
}

func TestGateway_Refuses(t *testing.T) {
	r := newGatewayRig(t, mailtest.GatewayConfig{})
	m := message()
	require.NoError(t, r.Moods.Script(outsidetest.Mood{Kind: outsidetest.Refuse, Code: "validation_error"}))
	receipt, err := r.client.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, &outside.Refusal{System: "mail-gateway", Code: "validation_error", Reason: "status 422"}, receipt.Refusal)
	require.Empty(t, r.Mails())
}

func TestGateway_TwentyAtOnceDeliverOnce(t *testing.T) {
	r := newGatewayRig(t, mailtest.GatewayConfig{Path: filepath.Join(t.TempDir(), "book")})
	m := withEverything()
	var gate, all sync.WaitGroup
	gate.Add(1)
	ids := make(chan string, 20)
	for range 20 {
		all.Go(func() {
			gate.Wait()
			for {
				receipt, err := r.client.Send(t.Context(), m)
				if err == nil {
					ids <- receipt.ProviderID
					return
				}
				var unknown *outside.Unknown
				if !errors.As(err, &unknown) || t.Context().Err() != nil {
					t.Errorf("send: %v", err)
					return
				}
			}
		})
	}
	gate.Done()
	all.Wait()
	close(ids)
	require.Len(t, r.Mails(), 1)
	for id := range ids {
		require.Equal(t, r.Mails()[0].ID, id)
	}
}

func TestGateway_KeyReusedForAnotherMail(t *testing.T) {
	r := newGatewayRig(t, mailtest.GatewayConfig{})
	m := message()
	_, err := r.client.Send(t.Context(), m)
	require.NoError(t, err)
	m.Text += "P.S."
	_, err = r.client.Send(t.Context(), m)
	require.ErrorIs(t, err, mail.ErrKeyReused)
	require.Len(t, r.Mails(), 1)
	r.ForgetKeys() // a day later the gateway takes it for a new mail: Resendable says so
	_, err = r.client.Send(t.Context(), m)
	require.NoError(t, err)
	require.Len(t, r.Mails(), 2)
}

func TestGateway_KeysSurviveItsDeath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book")
	first := newGatewayRig(t, mailtest.GatewayConfig{Path: path})
	m := message()
	receipt, err := first.client.Send(t.Context(), m)
	require.NoError(t, err)
	second := newGatewayRig(t, mailtest.GatewayConfig{Path: path}) // the first never closed its book
	again, err := second.client.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, receipt, again)
	require.Equal(t, first.Mails(), second.Mails())
}

func TestGateway_WrongKeyIsMisconfigured(t *testing.T) {
	r := newGatewayRig(t, mailtest.GatewayConfig{})
	client := mail.NewGateway(config.MailGateway{BaseURL: r.url, AllowPlainHTTP: true, AllowPrivateNetwork: true},
		outside.Options{Authorize: outside.Bearer(outside.Literal("re_other")), Logger: quiet})
	_, err := client.Send(t.Context(), message())
	require.ErrorIs(t, err, outside.ErrMisconfigured)
	require.ErrorIs(t, err, mail.ErrNotSent)
	client = mail.NewGateway(config.MailGateway{BaseURL: r.url}, outside.Options{Logger: quiet})
	_, err = client.Send(t.Context(), message())
	require.ErrorIs(t, err, outside.ErrMisconfigured, "plain HTTP, no key")
	require.Empty(t, r.Mails())
}

// F1, F2: no secret and no personal data in a log line, an error or a refusal.
func TestGateway_Discreet(t *testing.T) {
	r := newGatewayRig(t, mailtest.GatewayConfig{})
	book := &logBook{}
	client := newGateway(r.url, slog.New(slog.NewJSONHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug})))
	said := ""
	for _, mood := range []outsidetest.Mood{
		{Kind: outsidetest.Fine}, {Kind: outsidetest.Refuse}, {Kind: outsidetest.Garbage}, {Kind: outsidetest.CutAfter, Times: 3},
		{Kind: outsidetest.Status, Times: 3}, {Kind: outsidetest.InProgress},
	} {
		require.NoError(t, r.Moods.Script(mood))
		receipt, err := client.Send(t.Context(), withEverything())
		if err != nil {
			said += err.Error()
		}
		if receipt.Refusal != nil {
			said += receipt.Refusal.String()
		}
		r.Moods.Clear()
	}
	said += book.String()
	require.Contains(t, said, "outside call")
	for _, canary := range []string{gatewayKey, "Bearer", "zoe", "Zoë", "Thank you", "receipt-42"} {
		require.NotContains(t, said, canary)
	}
}

func TestGateway_Admin(t *testing.T) {
	r := newGatewayRig(t, mailtest.GatewayConfig{})
	_, err := r.client.Send(t.Context(), message())
	require.NoError(t, err)
	w := httptest.NewRecorder()
	r.Admin().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/mails", nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), r.Mails()[0].ID)
}
