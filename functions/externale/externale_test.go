package externale_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/config"
	"quittance.dev/functions/externale"
	"quittance.dev/functions/externale/externaletest"
	"quittance.dev/functions/mambu"
	"quittance.dev/functions/mambu/mambutest"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account = "acc-1"
	token   = "a-token"
)

// bench is one emulator with a client on it.
type bench struct {
	emulator *externaletest.Emulator
	client   *externale.Client
	request  externale.CloseRequest
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func fast(transport http.RoundTripper) outside.Options {
	return outside.Options{
		Transport: transport, Logger: quiet(),
		WaitMin: time.Millisecond, WaitMax: 4 * time.Millisecond,
		AttemptTimeout: 150 * time.Millisecond, MinAttempt: 10 * time.Millisecond,
	}
}

func newBench(t *testing.T, o externaletest.Options, change ...func(*externale.Config)) *bench {
	t.Helper()
	o.Tokens = []string{token}
	emulator, err := externaletest.New(o)
	require.NoError(t, err)
	server := outsidetest.Listen(emulator)
	t.Cleanup(func() {
		emulator.Moods.Close()
		require.NoError(t, server.Close())
		require.NoError(t, emulator.Close())
	})
	require.NoError(t, emulator.Put(account))
	c := externale.Config{BaseURL: "http://e.invalid/", Token: outside.Literal(token), HTTP: fast(server.Transport())}
	for _, f := range change {
		f(&c)
	}
	return &bench{emulator: emulator, client: externale.New(c), request: newRequest()}
}

func newRequest() externale.CloseRequest {
	id := uuid.NewString()
	return externale.CloseRequest{AccountID: account, ClosureID: id, Key: id}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// A05, A19: every way an attempt can go wrong, and what Close makes of it.
func TestA19_EveryMoodEndsInOneOfThreeOutcomes(t *testing.T) {
	const confirmed, refused, unknown, alarm = "confirmed", "refused", "unknown", "misconfigured"
	times := func(kind outsidetest.Kind, n int) outsidetest.Mood {
		return outsidetest.Mood{Kind: kind, Op: "close", Times: n}
	}
	refuse := func(code string, status int) outsidetest.Mood {
		return outsidetest.Mood{Kind: outsidetest.Refuse, Op: "close", Code: code, Status: status, Times: 9}
	}
	for name, c := range map[string]struct {
		mood   outsidetest.Mood
		want   string
		closes int
	}{
		"fine":                     {times(outsidetest.Fine, 1), confirmed, 1},
		"500 twice":                {times(outsidetest.Status, 2), confirmed, 1},
		"500 always":               {times(outsidetest.Status, 9), unknown, 0},
		"500 after success":        {times(outsidetest.StatusAfter, 9), confirmed, 1},
		"429 once":                 {times(outsidetest.TooMany, 1), confirmed, 1},
		"429 always":               {times(outsidetest.TooMany, 9), unknown, 0},
		"timeout before":           {times(outsidetest.TimeoutBefore, 2), confirmed, 1},
		"timeout before, always":   {times(outsidetest.TimeoutBefore, 9), unknown, 0},
		"timeout after success":    {times(outsidetest.TimeoutAfter, 9), confirmed, 1},
		"cut before, always":       {times(outsidetest.CutBefore, 9), unknown, 0},
		"cut after success":        {times(outsidetest.CutAfter, 9), confirmed, 1},
		"cut in the answer":        {times(outsidetest.CutMidBody, 9), confirmed, 1},
		"unreadable answer":        {times(outsidetest.Garbage, 9), confirmed, 1},
		"answer over 1 MiB":        {times(outsidetest.Huge, 9), confirmed, 1},
		"in progress":              {times(outsidetest.InProgress, 9), unknown, 0},
		"locked":                   {times(outsidetest.Locked, 9), unknown, 0},
		"redirect":                 {outsidetest.Mood{Kind: outsidetest.Redirect, Op: "close", Code: "http://x.invalid/"}, alarm, 0},
		"refused":                  {refuse("account_blocked", 0), refused, 0},
		"refused, no such account": {refuse("account_not_found", 404), refused, 0},
		"404 of something else":    {refuse("no_such_route", 404), alarm, 0},
		"400":                      {refuse("malformed_request", 400), alarm, 0},
		"403":                      {refuse("no_right", 403), alarm, 0},
		"422 without a code":       {refuse("Not A Code", 422), alarm, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, externaletest.Options{})
			require.NoError(t, b.emulator.Moods.Script(c.mood))
			result, err := b.client.Close(within(t, 5*time.Second), b.request)
			book := b.emulator.Book()
			switch c.want {
			case confirmed:
				require.NoError(t, err)
				require.True(t, result.Confirmed())
				require.Equal(t, book.Closes[0].At, result.ClosedAt)
			case refused:
				require.NoError(t, err)
				require.Equal(t, c.mood.Code, result.Refused.Code)
				require.Equal(t, "e", result.Refused.System)
			default:
				var u *outside.Unknown
				require.ErrorAs(t, err, &u)
				require.Equal(t, c.want == alarm, u.Misconfigured, "%v", err)
			}
			require.Len(t, book.Closes, c.closes)
			for _, a := range book.Attempts { // A19: one key, one body
				if a.Op == "close" {
					require.Equal(t, b.request.Key, a.Key)
					require.Equal(t, book.Attempts[0].SHA256, a.SHA256)
				}
			}
		})
	}
}

func TestTheContractOnKeys(t *testing.T) {
	b := newBench(t, externaletest.Options{})
	first, err := b.client.Close(within(t, 5*time.Second), b.request)
	require.NoError(t, err)
	again, err := b.client.Close(within(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.Equal(t, first, again, "a repeated request is the same request")

	other := newRequest()
	again, err = b.client.Close(within(t, 5*time.Second), other)
	require.NoError(t, err)
	require.Equal(t, first, again, "closing a closed account is a success")

	reused := b.request
	reused.Reason = "customer_request"
	again, err = b.client.Close(within(t, 5*time.Second), reused)
	require.NoError(t, err)
	require.Equal(t, first, again, "refused for its key, found closed by reading back")

	require.NoError(t, b.emulator.Put("acc-2"))
	reused.AccountID = "acc-2"
	again, err = b.client.Close(within(t, 5*time.Second), reused)
	require.NoError(t, err)
	require.Equal(t, "idempotency_key_reused", again.Refused.Code)
	require.Len(t, b.emulator.Book().Closes, 1)
}

func TestSecondCallWithTheKeyMeetsTheFirst(t *testing.T) {
	b := newBench(t, externaletest.Options{}, func(c *externale.Config) { c.HTTP.AttemptTimeout = time.Minute })
	require.NoError(t, b.emulator.Moods.Script(outsidetest.Mood{
		Kind: outsidetest.Busy, Delay: outsidetest.Duration(300 * time.Millisecond),
	}))
	ctx := within(t, 10*time.Second)
	first := make(chan error, 1)
	go func() {
		_, err := b.client.Close(ctx, b.request)
		first <- err
	}()
	require.Eventually(t, func() bool { return len(b.emulator.Book().Attempts) == 1 }, 5*time.Second, time.Millisecond)
	_, err := b.client.Close(ctx, b.request)
	var u *outside.Unknown
	require.ErrorAs(t, err, &u)
	require.Equal(t, time.Second, u.RetryAfter)
	require.NoError(t, <-first)
	require.Len(t, b.emulator.Book().Closes, 1)
}

func TestRead(t *testing.T) {
	b := newBench(t, externaletest.Options{})
	ctx := within(t, 5*time.Second)
	got, err := b.client.Read(ctx, account)
	require.NoError(t, err)
	require.Equal(t, externale.Account{ID: account, State: externale.StateOpen}, got)
	closed, err := b.client.Close(ctx, b.request)
	require.NoError(t, err)
	got, err = b.client.Read(ctx, account)
	require.NoError(t, err)
	require.Equal(t, externale.Account{ID: account, State: externale.StateClosed, ClosedAt: closed.ClosedAt}, got)
	_, err = b.client.Read(ctx, "nobody")
	require.ErrorIs(t, err, externale.ErrNoAccount)
	_, err = b.client.Read(ctx, "../x")
	require.ErrorIs(t, err, externale.ErrNoAccount)
	require.NoError(t, b.emulator.Moods.Script(outsidetest.Mood{Kind: outsidetest.Garbage}))
	_, err = b.client.Read(ctx, account)
	var u *outside.Unknown
	require.ErrorAs(t, err, &u)
}

func TestUnknownAccounts(t *testing.T) {
	b := newBench(t, externaletest.Options{})
	b.request.AccountID = "nobody"
	result, err := b.client.Close(within(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.Equal(t, "account_not_found", result.Refused.Code)

	b = newBench(t, externaletest.Options{AdoptUnknown: true})
	b.request.AccountID = "nobody"
	result, err = b.client.Close(within(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.True(t, result.Confirmed())
}

func TestARequestThatCannotBeRightIsNotSent(t *testing.T) {
	b := newBench(t, externaletest.Options{})
	for name, change := range map[string]func(*externale.CloseRequest){
		"account": func(q *externale.CloseRequest) { q.AccountID = "a/b" },
		"closure": func(q *externale.CloseRequest) { q.ClosureID = "1" },
		"key":     func(q *externale.CloseRequest) { q.Key = "" },
		"reason":  func(q *externale.CloseRequest) { q.Reason = "Because Jane Doe asked" },
	} {
		q := newRequest()
		change(&q)
		result, err := b.client.Close(within(t, time.Second), q)
		require.NoError(t, err, name)
		require.Equal(t, "invalid_request", result.Refused.Code, name)
	}
	require.Empty(t, b.emulator.Book().Attempts)
}

// A06: with one clock, the two books can be put in order.
func TestA06_BooksShowMambuBeforeE(t *testing.T) {
	clock := new(outsidetest.Clock)
	core, err := mambutest.New(mambutest.Options{APIKey: "k", AdoptUnknown: true, Clock: clock})
	require.NoError(t, err)
	server := outsidetest.Listen(core)
	defer func() { require.NoError(t, server.Close()); require.NoError(t, core.Close()) }()
	bank := mambu.New(mambu.Config{BaseURL: "http://m.invalid/api", APIKey: outside.Literal("k"), HTTP: fast(server.Transport())})
	b := newBench(t, externaletest.Options{Clock: clock})
	ctx := within(t, 5*time.Second)
	_, err = bank.Close(ctx, mambu.CloseRequest{AccountID: account, Key: b.request.Key})
	require.NoError(t, err)
	_, err = b.client.Close(ctx, b.request)
	require.NoError(t, err)
	require.True(t, core.Book().Closes[0].At.Before(b.emulator.Book().Attempts[0].At))
	require.True(t, b.emulator.Book().Attempts[0].At.Before(b.emulator.Book().Closes[0].At))
}

func TestBooksSurviveAReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "e.jsonl")
	b := newBench(t, externaletest.Options{Journal: path})
	first, err := b.client.Close(within(t, 5*time.Second), b.request)
	require.NoError(t, err)
	before := b.emulator.Book()

	reloaded, err := externaletest.New(externaletest.Options{Journal: path, Tokens: []string{token}})
	require.NoError(t, err)
	defer func() { require.NoError(t, reloaded.Close()) }()
	require.Equal(t, before, reloaded.Book())
	server := outsidetest.Listen(reloaded)
	defer func() { require.NoError(t, server.Close()) }()
	client := externale.New(externale.Config{BaseURL: "http://e.invalid", Token: outside.Literal(token), HTTP: fast(server.Transport())})
	again, err := client.Close(within(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Len(t, reloaded.Book().Closes, 1)
}

// A29, F3: the token is read again, so its rotation is no failure.
func TestA29_TokenRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(token), 0o600))
	b := newBench(t, externaletest.Options{}, func(c *externale.Config) { c.Token = outside.FromFile(path) })
	_, err := b.client.Read(within(t, time.Second), account)
	require.NoError(t, err)
	b.emulator.Accept("new-token")
	_, err = b.client.Read(within(t, time.Second), account)
	require.ErrorIs(t, err, outside.ErrMisconfigured)
	require.NoError(t, os.WriteFile(path, []byte("new-token"), 0o600))
	_, err = b.client.Read(within(t, time.Second), account)
	require.NoError(t, err)
}

// A30: mutual TLS and a token, from a process's configuration; one without the
// other is turned away.
func TestA30_MutualTLSAndToken(t *testing.T) {
	folder := t.TempDir()
	authority, err := outsidetest.NewAuthority(folder, "bank")
	require.NoError(t, err)
	cert, key, err := authority.Issue("server", time.Hour, "e.bank.invalid")
	require.NoError(t, err)
	clientCert, clientKey, err := authority.Issue("client", time.Hour)
	require.NoError(t, err)
	tokenFile := filepath.Join(folder, "token")
	require.NoError(t, os.WriteFile(tokenFile, []byte(token), 0o600))

	emulator, err := externaletest.New(externaletest.Options{Tokens: []string{token}, RequireClientCertificate: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, emulator.Close()) }()
	require.NoError(t, emulator.Put(account))
	server := httptest.NewUnstartedServer(emulator)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS, err = authority.ServerTLS(cert, key)
	require.NoError(t, err)
	var caller atomic.Value // the name on the last client's certificate
	server.TLS.VerifyConnection = func(c tls.ConnectionState) error {
		if len(c.PeerCertificates) > 0 {
			caller.Store(c.PeerCertificates[0].Subject.CommonName)
		}
		return nil
	}
	server.StartTLS()
	defer server.Close()

	whole := config.ExternalE{
		BaseURL: server.URL, TokenFile: tokenFile, AllowPrivateNetwork: true, ServerName: "e.bank.invalid",
		CertFile: clientCert, KeyFile: clientKey, CAFile: authority.CertFile,
	}
	try := func(c config.ExternalE) (externale.CloseResult, error) {
		from := externale.ConfigFrom(c)
		from.HTTP.Logger = quiet()
		return externale.New(from).Close(within(t, 10*time.Second), newRequest())
	}
	for name, change := range map[string]func(*config.ExternalE){
		"no token":       func(c *config.ExternalE) { c.TokenFile = "" },
		"no certificate": func(c *config.ExternalE) { c.CertFile, c.KeyFile = "", "" },
		"no CA":          func(c *config.ExternalE) { c.CAFile = "" },
		"other name":     func(c *config.ExternalE) { c.ServerName = "" },
		"nothing":        func(c *config.ExternalE) { *c = config.ExternalE{} },
	} {
		c := whole
		change(&c)
		_, err := try(c)
		require.ErrorIs(t, err, outside.ErrMisconfigured, name)
	}
	require.Empty(t, emulator.Book().Attempts, "nothing got through")

	from := externale.ConfigFrom(whole)
	from.HTTP.Logger = quiet()
	client := externale.New(from)
	result, err := client.Close(within(t, 10*time.Second), newRequest())
	require.NoError(t, err)
	require.True(t, result.Confirmed())
	require.Equal(t, "client", caller.Load())

	// A29: token and certificate on disk are replaced, the client lives on.
	newCert, newKey, err := authority.Issue("renewed", time.Hour)
	require.NoError(t, err)
	require.NoError(t, os.Rename(newCert, clientCert))
	require.NoError(t, os.Rename(newKey, clientKey))
	emulator.Accept("another-token")
	require.NoError(t, os.WriteFile(tokenFile, []byte("another-token"), 0o600))
	server.CloseClientConnections()
	_, err = client.Read(within(t, 10*time.Second), account)
	require.NoError(t, err)
	require.Equal(t, "renewed", caller.Load())

	plain := outsidetest.Listen(emulator)
	defer func() { require.NoError(t, plain.Close()) }()
	_, err = externale.New(externale.Config{BaseURL: "http://e.invalid", Token: outside.Literal(token), HTTP: fast(plain.Transport())}).
		Close(within(t, time.Second), newRequest())
	require.ErrorIs(t, err, outside.ErrMisconfigured, "the emulator itself takes no plain calls")
}
