package sms_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/config"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
	"quittance.dev/functions/sms"
	"quittance.dev/functions/sms/smstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account = "AC0123456789abcdef0123456789abcdef"
	secret  = "canary-1f8d3c9b7a6e5d4c"
	phone   = "+4917012345678"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func newClient(url string, log *slog.Logger) *sms.Client {
	return sms.New(
		config.SMS{BaseURL: url, AccountSID: account, From: "+15005550006", Timeout: 250 * time.Millisecond, AllowPlainHTTP: true, AllowPrivateNetwork: true},
		outside.Options{
			Authorize: outside.Basic(account, outside.Literal(secret)),
			WaitMin:   time.Millisecond, WaitMax: 5 * time.Millisecond, Logger: log,
		})
}

type rig struct {
	*smstest.Emulator
	client *sms.Client
	url    string
}

func newRig(t *testing.T, c smstest.Config) *rig {
	t.Helper()
	c.User, c.Secret = account, secret
	emulator, err := smstest.New(c)
	require.NoError(t, err)
	server := httptest.NewServer(emulator)
	t.Cleanup(func() {
		emulator.Moods.Close()
		server.Close()
		require.NoError(t, emulator.Close())
	})
	return &rig{Emulator: emulator, client: newClient(server.URL, quiet), url: server.URL}
}

func message(key string) sms.Message {
	return sms.Message{Key: key, To: phone, Text: "Your account was closed.\nGrüße"}
}

func TestSend_Delivers(t *testing.T) {
	r := newRig(t, smstest.Config{})
	receipt, err := r.client.Send(t.Context(), message("k"))
	require.NoError(t, err)
	require.Nil(t, receipt.Refusal)
	require.Len(t, r.Texts(), 1)
	got := r.Texts()[0]
	require.Equal(t, receipt.ProviderID, got.SID)
	require.Equal(t, phone, got.To)
	require.Equal(t, "+15005550006", got.From)
	require.Equal(t, "Your account was closed.\nGrüße\nRef "+sms.Reference("k"), got.Body)
	require.Len(t, sms.Reference("k"), 8)
	require.False(t, r.client.Resendable(0))
}

// F17: a request that may have arrived is never repeated; what is unknown is looked up, and found
// exactly when a text went out.
func TestSend_EveryMood(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		mood    outsidetest.Mood
		unknown bool
		notSent bool
		texts   int
	}{
		"500":                   {outsidetest.Mood{Kind: outsidetest.Status}, true, false, 0},
		"500 after it was sent": {outsidetest.Mood{Kind: outsidetest.StatusAfter}, true, false, 1},
		"429 once":              {outsidetest.Mood{Kind: outsidetest.TooMany}, false, false, 1},
		"429 always":            {outsidetest.Mood{Kind: outsidetest.TooMany, Times: 3}, true, true, 0},
		"429 for long":          {outsidetest.Mood{Kind: outsidetest.TooMany, RetryAfter: outsidetest.Duration(time.Minute)}, true, true, 0},
		"slow":                  {outsidetest.Mood{Kind: outsidetest.Slow, Delay: outsidetest.Duration(50 * time.Millisecond)}, false, false, 1},
		"timeout before":        {outsidetest.Mood{Kind: outsidetest.TimeoutBefore}, true, false, 0},
		"timeout after success": {outsidetest.Mood{Kind: outsidetest.TimeoutAfter}, true, false, 1},
		"cut before":            {outsidetest.Mood{Kind: outsidetest.CutBefore}, true, false, 0},
		"cut after":             {outsidetest.Mood{Kind: outsidetest.CutAfter}, true, false, 1},
		"cut in the answer":     {outsidetest.Mood{Kind: outsidetest.CutMidBody}, true, false, 1},
		"garbage":               {outsidetest.Mood{Kind: outsidetest.Garbage}, true, false, 1},
		"2 MiB":                 {outsidetest.Mood{Kind: outsidetest.Huge}, true, false, 1},
		"redirect":              {outsidetest.Mood{Kind: outsidetest.Redirect, Code: "http://127.0.0.1:1/"}, true, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, smstest.Config{})
			m, began := message("k"), time.Now()
			require.NoError(t, r.Moods.Script(tt.mood))
			receipt, err := r.client.Send(t.Context(), m)
			if !tt.unknown {
				require.NoError(t, err)
				require.NotEmpty(t, receipt.ProviderID)
			} else {
				var unknown *outside.Unknown
				require.ErrorAs(t, err, &unknown)
				require.Equal(t, tt.notSent, errors.Is(err, sms.ErrNotSent))
				require.Equal(t, time.Duration(tt.mood.RetryAfter), unknown.RetryAfter)
			}
			require.Len(t, r.Texts(), tt.texts)
			found, err := r.client.Find(t.Context(), m, began)
			if tt.texts == 0 {
				require.ErrorIs(t, err, sms.ErrNotFound)
				return
			}
			require.NoError(t, err)
			require.Equal(t, r.Texts()[0].SID, found.ProviderID)
		})
	}
}

func TestSend_Refusals(t *testing.T) {
	r := newRig(t, smstest.Config{})
	for to, code := range map[string]string{"+15005550001": "21211", "+15005550004": "21610", "+15005550009": "21614"} {
		m := message("k")
		m.To = to
		receipt, err := r.client.Send(t.Context(), m)
		require.NoError(t, err)
		require.Equal(t, code, receipt.Refusal.Code)
		require.NotContains(t, receipt.Refusal.String(), to)
	}
	require.NoError(t, r.Moods.Script(outsidetest.Mood{Kind: outsidetest.Refuse, Code: "30007"}))
	receipt, err := r.client.Send(t.Context(), message("k"))
	require.NoError(t, err)
	require.Equal(t, "30007", receipt.Refusal.Code)
	require.Empty(t, r.Texts())
}

func TestSend_RefusesBeforeAnythingIsSent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("something was sent") }))
	defer server.Close()
	client := newClient(server.URL, quiet)
	for name, change := range map[string]func(*sms.Message){
		"no key":            func(m *sms.Message) { m.Key = "" },
		"no number":         func(m *sms.Message) { m.To = "" },
		"national number":   func(m *sms.Message) { m.To = "0170123456" },
		"letters":           func(m *sms.Message) { m.To = "+49170abc" },
		"another channel":   func(m *sms.Message) { m.To = "whatsapp:+4917012345678" },
		"two numbers":       func(m *sms.Message) { m.To = phone + "&To=+15005550006" },
		"no text":           func(m *sms.Message) { m.Text = " \n" },
		"control character": func(m *sms.Message) { m.Text = "a\x1bb" },
		"carriage return":   func(m *sms.Message) { m.Text = "a\rb" },
		"bad utf-8":         func(m *sms.Message) { m.Text = "a\xff" },
		"too long":          func(m *sms.Message) { m.Text = strings.Repeat("x", sms.MaxTextLength-12) },
	} {
		t.Run(name, func(t *testing.T) {
			m := message("k")
			change(&m)
			receipt, err := client.Send(t.Context(), m)
			require.NoError(t, err)
			require.Equal(t, "invalid_message", receipt.Refusal.Code)
			_, err = client.Find(t.Context(), m, time.Now())
			require.ErrorIs(t, err, sms.ErrNotFound)
		})
	}
}

func TestSend_OurOwnFaultIsMisconfigured(t *testing.T) {
	r := newRig(t, smstest.Config{})
	ok := config.SMS{BaseURL: r.url, AccountSID: account, From: "+15005550006", AllowPlainHTTP: true, AllowPrivateNetwork: true}
	right := outside.Basic(account, outside.Literal(secret))
	for name, tt := range map[string]struct {
		change    func(*config.SMS)
		authorize func(*http.Request) error
	}{
		"wrong secret":           {func(*config.SMS) {}, outside.Basic(account, outside.Literal("guess"))},
		"secret unreadable":      {func(c *config.SMS) { c.SecretFile = "/absent" }, nil},
		"no account":             {func(c *config.SMS) { c.AccountSID = "" }, right},
		"no sender":              {func(c *config.SMS) { c.From = "" }, right},
		"a sender that is not":   {func(c *config.SMS) { c.From = "+15005550001" }, right},
		"a sender of somebody":   {func(c *config.SMS) { c.From = "+15005550007" }, right},
		"another path":           {func(c *config.SMS) { c.BaseURL += "/v2" }, right},
		"plain http not allowed": {func(c *config.SMS) { c.AllowPlainHTTP = false }, right},
	} {
		t.Run(name, func(t *testing.T) {
			c := ok
			tt.change(&c)
			_, err := sms.New(c, outside.Options{Authorize: tt.authorize, Logger: quiet}).Send(t.Context(), message("k"))
			require.ErrorIs(t, err, outside.ErrMisconfigured)
			require.Empty(t, r.Texts())
		})
	}
}

func TestSend_NobodyThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	url := server.URL
	server.Close()
	_, err := newClient(url, quiet).Send(t.Context(), message("k"))
	require.ErrorIs(t, err, sms.ErrNotSent)
	require.NotErrorIs(t, err, outside.ErrMisconfigured)
}

func TestFind_AmongManyOthers(t *testing.T) {
	r := newRig(t, smstest.Config{})
	began := time.Now()
	_, err := r.client.Send(t.Context(), message("wanted"))
	require.NoError(t, err)
	for i := range 250 { // three pages to the same number, and one to another
		_, err := r.client.Send(t.Context(), message(fmt.Sprintf("other-%d", i)))
		require.NoError(t, err)
	}
	found, err := r.client.Find(t.Context(), message("wanted"), began)
	require.NoError(t, err)
	require.Equal(t, r.Texts()[0].SID, found.ProviderID)

	other := message("wanted")
	other.To = "+4917087654321"
	_, err = r.client.Find(t.Context(), other, began)
	require.ErrorIs(t, err, sms.ErrNotFound)
	_, err = r.client.Find(t.Context(), message("wanted"), began.Add(time.Hour))
	require.ErrorIs(t, err, sms.ErrNotFound, "texts from before this one was tried are not looked at")
}

func TestFind_ShowsWhatBecameOfIt(t *testing.T) {
	r := newRig(t, smstest.Config{Path: filepath.Join(t.TempDir(), "book")})
	began := time.Now()
	sent, err := r.client.Send(t.Context(), message("k"))
	require.NoError(t, err)
	require.NoError(t, r.Settle(sent.ProviderID, "undelivered", 30003))
	found, err := r.client.Find(t.Context(), message("k"), began)
	require.NoError(t, err)
	require.Equal(t, sent.ProviderID, found.ProviderID)
	require.Equal(t, "30003", found.Refusal.Code)
	require.Error(t, r.Settle("SM-absent", "sent", 0))
}

// F20: trouble with the look-up is unknown and never "not found".
func TestFind_Trouble(t *testing.T) {
	r := newRig(t, smstest.Config{})
	for _, mood := range []outsidetest.Mood{
		{Kind: outsidetest.Status, Times: 3}, {Kind: outsidetest.TooMany, Times: 3}, {Kind: outsidetest.CutBefore, Times: 30},
		{Kind: outsidetest.Garbage}, {Kind: outsidetest.Huge, Times: 3}, {Kind: outsidetest.CutMidBody, Times: 3},
		{Kind: outsidetest.TimeoutBefore, Times: 3},
	} {
		require.NoError(t, r.Moods.Script(mood))
		_, err := r.client.Find(t.Context(), message("k"), time.Now())
		var unknown *outside.Unknown
		require.ErrorAs(t, err, &unknown, mood.Kind)
		require.NotErrorIs(t, err, sms.ErrNotFound)
		r.Moods.Clear()
	}
}

// E1: an answer cannot send our credentials elsewhere.
func TestFind_FollowsNoPageOfAnotherHost(t *testing.T) {
	for _, next := range []string{"http://127.0.0.1:1/2010-04-01/Accounts/" + account + "/Messages.json", "//127.0.0.1:1/x", "/elsewhere", "%zz"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			outsidetest.WriteJSON(w, http.StatusOK, map[string]any{"messages": []any{}, "next_page_uri": next})
		}))
		_, err := newClient(server.URL, quiet).Find(t.Context(), message("k"), time.Now())
		server.Close()
		var unknown *outside.Unknown
		require.ErrorAs(t, err, &unknown, next)
		require.Contains(t, err.Error(), "next page")
	}
}

func TestEmulator_BookSurvivesItsDeath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book")
	first := newRig(t, smstest.Config{Path: path})
	began := time.Now()
	_, err := first.client.Send(t.Context(), message("k"))
	require.NoError(t, err)
	second := newRig(t, smstest.Config{Path: path}) // the first never closed its book
	require.Equal(t, first.Texts(), second.Texts())
	_, err = second.client.Find(t.Context(), message("k"), began)
	require.NoError(t, err)
}

func TestEmulator_Admin(t *testing.T) {
	r := newRig(t, smstest.Config{})
	receipt, err := r.client.Send(t.Context(), message("k"))
	require.NoError(t, err)
	do := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		r.Admin().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	status, _ := do("POST", "/settle", `{"sid":"`+receipt.ProviderID+`","status":"failed","code":30005}`)
	require.Equal(t, http.StatusNoContent, status)
	status, _ = do("POST", "/settle", `{"sid":"SM1"}`)
	require.Equal(t, http.StatusConflict, status)
	status, body := do("GET", "/texts", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `"error_code":30005`)
}

// F1, F2: neither secret nor number nor text in a log line, an error or a refusal.
func TestDiscreet(t *testing.T) {
	r := newRig(t, smstest.Config{})
	book := &logBook{}
	client := newClient(r.url, slog.New(slog.NewJSONHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug})))
	said := ""
	for i, mood := range []outsidetest.Mood{
		{Kind: outsidetest.Fine}, {Kind: outsidetest.Refuse}, {Kind: outsidetest.CutAfter}, {Kind: outsidetest.Garbage},
		{Kind: outsidetest.Status}, {Kind: outsidetest.TooMany, Times: 3}, {Kind: outsidetest.TimeoutAfter},
	} {
		m := message(fmt.Sprint("k", i))
		require.NoError(t, r.Moods.Script(mood))
		receipt, err := client.Send(t.Context(), m)
		if err != nil {
			said += err.Error()
		}
		if receipt.Refusal != nil {
			said += receipt.Refusal.String()
		}
		if _, err = client.Find(t.Context(), m, time.Now()); err != nil {
			said += err.Error()
		}
		require.NoError(t, r.Moods.Script(outsidetest.Mood{Kind: outsidetest.CutBefore, Times: 30, Op: "find"}))
		_, err = client.Find(t.Context(), m, time.Now())
		require.Error(t, err)
		r.Moods.Clear()
		said += err.Error()
	}
	said += book.String()
	require.Contains(t, said, "outside call")
	for _, canary := range []string{secret, "Basic", strings.TrimPrefix(phone, "+"), "account was closed"} {
		require.NotContains(t, said, canary)
	}
}

type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
