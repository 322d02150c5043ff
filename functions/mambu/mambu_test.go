package mambu_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/functions/mambu"
	"quittance.dev/functions/mambu/mambutest"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account = "ABCD123"
	apiKey  = "an-api-key"
)

// bench is one emulator with a client on it.
type bench struct {
	emulator *mambutest.Emulator
	server   *outsidetest.Server
	client   *mambu.Client
	request  mambu.CloseRequest
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func newBench(t *testing.T, o mambutest.Options, change ...func(*mambu.Config)) *bench {
	t.Helper()
	o.APIKey = apiKey
	emulator, err := mambutest.New(o)
	require.NoError(t, err)
	server := outsidetest.Listen(emulator)
	t.Cleanup(func() {
		emulator.Moods.Close()
		require.NoError(t, server.Close())
		require.NoError(t, emulator.Close())
	})
	require.NoError(t, emulator.Put(mambutest.Account{ID: account}))
	config := mambu.Config{
		BaseURL: "http://mambu.invalid/api",
		APIKey:  outside.Literal(apiKey),
		HTTP: outside.Options{
			Transport: server.Transport(), Logger: quiet(),
			WaitMin: time.Millisecond, WaitMax: 4 * time.Millisecond,
			AttemptTimeout: 150 * time.Millisecond, MinAttempt: 10 * time.Millisecond,
		},
	}
	for _, c := range change {
		c(&config)
	}
	return &bench{
		emulator: emulator, server: server, client: mambu.New(config),
		request: mambu.CloseRequest{AccountID: account, Key: uuid.NewString(), Notes: "closed by the bank"},
	}
}

func deadline(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func (b *bench) closedOnce(t *testing.T, closed bool) {
	t.Helper()
	want := 0
	if closed {
		want = 1
	}
	require.Len(t, b.emulator.Book().Closes, want)
}

// A04, A18: every way an attempt can go wrong, and what Close makes of it.
func TestA18_EveryMoodEndsInOneOfThreeOutcomes(t *testing.T) {
	type outcome string
	const (
		confirmed outcome = "confirmed"
		refused   outcome = "refused"
		unknown   outcome = "unknown"
		alarm     outcome = "misconfigured"
	)
	refuse := func(code string) outsidetest.Mood {
		return outsidetest.Mood{Kind: outsidetest.Refuse, Op: "close", Code: code, Times: 9}
	}
	times := func(kind outsidetest.Kind, n int) outsidetest.Mood {
		return outsidetest.Mood{Kind: kind, Op: "close", Times: n}
	}
	for name, c := range map[string]struct {
		script []outsidetest.Mood
		want   outcome
		closes bool
	}{
		"fine":                        {nil, confirmed, true},
		"500 once":                    {[]outsidetest.Mood{times(outsidetest.Status, 1)}, confirmed, true},
		"500 twice":                   {[]outsidetest.Mood{times(outsidetest.Status, 2)}, confirmed, true},
		"500 always":                  {[]outsidetest.Mood{times(outsidetest.Status, 9)}, unknown, false},
		"500 after success, always":   {[]outsidetest.Mood{times(outsidetest.StatusAfter, 9)}, confirmed, true},
		"429 once":                    {[]outsidetest.Mood{times(outsidetest.TooMany, 1)}, confirmed, true},
		"429 always":                  {[]outsidetest.Mood{times(outsidetest.TooMany, 9)}, unknown, false},
		"slow":                        {[]outsidetest.Mood{{Kind: outsidetest.Slow, Delay: outsidetest.Duration(20 * time.Millisecond)}}, confirmed, true},
		"timeout before":              {[]outsidetest.Mood{times(outsidetest.TimeoutBefore, 1)}, confirmed, true},
		"timeout before, always":      {[]outsidetest.Mood{times(outsidetest.TimeoutBefore, 9)}, unknown, false},
		"timeout after":               {[]outsidetest.Mood{times(outsidetest.TimeoutAfter, 1)}, confirmed, true},
		"timeout after, always":       {[]outsidetest.Mood{times(outsidetest.TimeoutAfter, 9)}, confirmed, true},
		"cut before":                  {[]outsidetest.Mood{times(outsidetest.CutBefore, 2)}, confirmed, true},
		"cut before, always":          {[]outsidetest.Mood{times(outsidetest.CutBefore, 9)}, unknown, false},
		"cut after, always":           {[]outsidetest.Mood{times(outsidetest.CutAfter, 9)}, confirmed, true},
		"cut in the answer, always":   {[]outsidetest.Mood{times(outsidetest.CutMidBody, 9)}, confirmed, true},
		"unreadable answer":           {[]outsidetest.Mood{times(outsidetest.Garbage, 9)}, confirmed, true},
		"answer over 1 MiB":           {[]outsidetest.Mood{times(outsidetest.Huge, 9)}, confirmed, true},
		"102 as the last word":        {[]outsidetest.Mood{times(outsidetest.InProgress, 9)}, unknown, false},
		"409 locked":                  {[]outsidetest.Mood{times(outsidetest.Locked, 9)}, unknown, false},
		"redirect":                    {[]outsidetest.Mood{{Kind: outsidetest.Redirect, Op: "close", Code: "http://elsewhere.invalid/"}}, alarm, false},
		"refused: balance":            {[]outsidetest.Mood{refuse("ACCOUNT_HAS_REMAINING_BALANCE")}, refused, false},
		"refused: state":              {[]outsidetest.Mood{refuse("INVALID_DEPOSIT_ACCOUNT_STATE")}, refused, false},
		"refused: a word of its own":  {[]outsidetest.Mood{refuse("MOON_IN_THE_WRONG_PHASE")}, refused, false},
		"refused: no such account":    {[]outsidetest.Mood{refuse("OBJECT_NOT_FOUND")}, refused, false},
		"later: read only":            {[]outsidetest.Mood{refuse("READ_ONLY_MODE")}, unknown, false},
		"alarm: credentials":          {[]outsidetest.Mood{refuse("INVALID_CREDENTIALS")}, alarm, false},
		"alarm: rights":               {[]outsidetest.Mood{refuse("API_NOT_AUTHORIZED")}, alarm, false},
		"said closed, is not":         {[]outsidetest.Mood{refuse("ACCOUNT_ALREADY_CLOSED")}, unknown, false},
		"lost answer, then 500 later": {[]outsidetest.Mood{times(outsidetest.CutAfter, 1), times(outsidetest.Status, 9)}, confirmed, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, mambutest.Options{})
			require.NoError(t, b.emulator.Moods.Script(c.script...))
			result, err := b.client.Close(deadline(t, 5*time.Second), b.request)
			var u *outside.Unknown
			switch c.want {
			case unknown, alarm:
				require.ErrorAs(t, err, &u)
				require.Equal(t, c.want == alarm, u.Misconfigured, "%v", err)
				require.Equal(t, "mambu", u.System)
			case refused:
				require.NoError(t, err)
				require.False(t, result.Confirmed())
				require.Equal(t, c.script[0].Code, result.Refused.Code)
			case confirmed:
				require.NoError(t, err)
				require.True(t, result.Confirmed(), "%v", result.Refused)
				require.Equal(t, b.emulator.Book().Closes[0].At, result.ClosedAt)
			}
			b.closedOnce(t, c.closes)
		})
	}
}

// A18: one closure, one key, one body, however often it is sent.
func TestA18_RetriesCarryTheSameKeyAndTheSameBytes(t *testing.T) {
	b := newBench(t, mambutest.Options{}, func(c *mambu.Config) { c.HTTP.Tries = 6 })
	require.NoError(t, b.emulator.Moods.Script(
		outsidetest.Mood{Kind: outsidetest.Status, Status: 503, Times: 3},
		outsidetest.Mood{Kind: outsidetest.CutAfter},
	))
	result, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.True(t, result.Confirmed())

	book := b.emulator.Book()
	require.Len(t, book.Attempts, 5)
	for _, a := range book.Attempts {
		require.Equal(t, b.request.Key, a.Key)
		require.Equal(t, outsidetest.SHA256([]byte(`{"action":"CLOSE","notes":"closed by the bank"}`)), a.SHA256)
	}
	require.Len(t, book.Closes, 1)
	require.Equal(t, b.request.Key, book.Closes[0].Key)
}

// The same request later, in another process, finds the stored answer.
func TestA18_TheSameRequestAgainIsTheSameResult(t *testing.T) {
	b := newBench(t, mambutest.Options{})
	first, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	again, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.Equal(t, first, again)
	b.closedOnce(t, true)
}

func TestAlreadyClosedIsSuccess(t *testing.T) {
	b := newBench(t, mambutest.Options{})
	first, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)

	b.request.Key = uuid.NewString()
	again, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.True(t, again.Confirmed())
	require.Equal(t, first.ClosedAt, again.ClosedAt)
	b.closedOnce(t, true)
}

func TestClosedInAnotherWayIsForAPerson(t *testing.T) {
	b := newBench(t, mambutest.Options{})
	require.NoError(t, b.emulator.Put(mambutest.Account{ID: account, State: "CLOSED_WRITTEN_OFF"}))
	require.NoError(t, b.emulator.Moods.Script(outsidetest.Mood{Kind: outsidetest.Refuse, Code: "ACCOUNT_ALREADY_CLOSED"}))
	result, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.Equal(t, "ACCOUNT_ALREADY_CLOSED", result.Refused.Code)
	require.Contains(t, result.Refused.Reason, "CLOSED_WRITTEN_OFF")
}

func TestRemainingBalanceIsRefusedWithTheBalance(t *testing.T) {
	b := newBench(t, mambutest.Options{})
	require.NoError(t, b.emulator.Put(mambutest.Account{ID: account, Balance: "0.01"}))
	result, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.Equal(t, "ACCOUNT_HAS_REMAINING_BALANCE", result.Refused.Code)
	require.Contains(t, result.Refused.Reason, "0.01")

	// A person mends it; the next attempt takes a new key, since the old
	// refusal may be kept.
	require.NoError(t, b.emulator.Put(mambutest.Account{ID: account, Balance: "0.00"}))
	b.request.Key = uuid.NewString()
	result, err = b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.True(t, result.Confirmed())
}

func TestReplayedRefusalIsTheSameRefusal(t *testing.T) {
	b := newBench(t, mambutest.Options{ReplayRefusals: true})
	require.NoError(t, b.emulator.Put(mambutest.Account{ID: account, Balance: "5"}))
	_, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.NoError(t, b.emulator.Put(mambutest.Account{ID: account}))
	result, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.Equal(t, "ACCOUNT_HAS_REMAINING_BALANCE", result.Refused.Code)
}

// A key that was used with other notes is refused by Mambu after a success;
// the account itself says what happened.
func TestOtherBodyUnderTheSameKeyIsReadBack(t *testing.T) {
	b := newBench(t, mambutest.Options{})
	_, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	b.request.Notes = "other notes"
	result, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.True(t, result.Confirmed())
	b.closedOnce(t, true)

	open := newBench(t, mambutest.Options{})
	require.NoError(t, open.emulator.Put(mambutest.Account{ID: "OTHER"}))
	used := open.request
	used.AccountID = "OTHER"
	_, err = open.client.Close(deadline(t, 5*time.Second), used)
	require.NoError(t, err)
	result, err = open.client.Close(deadline(t, 5*time.Second), open.request) // same key, other account
	require.NoError(t, err)
	require.Equal(t, "INVALID_PARAMETERS", result.Refused.Code)
}

func TestEmptySuccessIsReadBack(t *testing.T) {
	b := newBench(t, mambutest.Options{EmptyAnswer: true})
	result, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.Equal(t, b.emulator.Book().Closes[0].At, result.ClosedAt)
}

func TestRead(t *testing.T) {
	b := newBench(t, mambutest.Options{})
	require.NoError(t, b.emulator.Put(mambutest.Account{ID: account, Balance: "12345678901234567890.05"}))
	got, err := b.client.Read(deadline(t, time.Second), account)
	require.NoError(t, err)
	require.Equal(t, mambu.Account{ID: account, State: mambu.StateActive, Balance: "12345678901234567890.05", Currency: "EUR"}, got)

	_, err = b.client.Read(deadline(t, time.Second), "NOSUCH")
	require.ErrorIs(t, err, mambu.ErrNoAccount)
	_, err = b.client.Read(deadline(t, time.Second), "../admin")
	require.ErrorIs(t, err, mambu.ErrNoAccount)

	require.NoError(t, b.emulator.Moods.Script(outsidetest.Mood{Kind: outsidetest.Status, Times: 9}))
	var u *outside.Unknown
	_, err = b.client.Read(deadline(t, time.Second), account)
	require.ErrorAs(t, err, &u)
}

func TestUnknownAccountIsADataError(t *testing.T) {
	b := newBench(t, mambutest.Options{})
	b.request.AccountID = "NOSUCH"
	result, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.Equal(t, "INVALID_DEPOSIT_ACCOUNT_ID", result.Refused.Code)
}

func TestUnknownAccountCanBeAdopted(t *testing.T) {
	b := newBench(t, mambutest.Options{AdoptUnknown: true})
	b.request.AccountID = "NOSUCH"
	result, err := b.client.Close(deadline(t, 5*time.Second), b.request)
	require.NoError(t, err)
	require.True(t, result.Confirmed())
	a, ok := b.emulator.Account("NOSUCH")
	require.True(t, ok)
	require.Equal(t, "CLOSED", a.State)
}

func TestARequestThatCannotBeRightIsNotSent(t *testing.T) {
	b := newBench(t, mambutest.Options{})
	for name, q := range map[string]mambu.CloseRequest{
		"no id":        {Key: uuid.NewString()},
		"path":         {AccountID: "a/../b", Key: uuid.NewString()},
		"action in id": {AccountID: "a:reopen", Key: uuid.NewString()},
		"no key":       {AccountID: account},
		"odd key":      {AccountID: account, Key: "closure-1"},
		"long notes":   {AccountID: account, Key: uuid.NewString(), Notes: string(make([]byte, 5000))},
	} {
		result, err := b.client.Close(deadline(t, time.Second), q)
		require.NoError(t, err, name)
		require.Equal(t, "INVALID_REQUEST", result.Refused.Code, name)
	}
	require.Empty(t, b.emulator.Book().Attempts)
}

// A30: no credentials, wrong credentials.
func TestA30_WrongCredentialsAreAnAlarmNotARefusal(t *testing.T) {
	for name, change := range map[string]func(*mambu.Config){
		"none":           func(c *mambu.Config) { c.APIKey = outside.Secret{} },
		"wrong key":      func(c *mambu.Config) { c.APIKey = outside.Literal("wrong") },
		"wrong password": func(c *mambu.Config) { c.APIKey, c.User, c.Password = outside.Secret{}, "u", outside.Literal("x") },
		"no address":     func(c *mambu.Config) { c.BaseURL = "" },
	} {
		b := newBench(t, mambutest.Options{User: "u", Password: "p"}, change)
		_, err := b.client.Close(deadline(t, 2*time.Second), b.request)
		require.ErrorIs(t, err, outside.ErrMisconfigured, name)
		b.closedOnce(t, false)
	}
}

func TestBasicAuth(t *testing.T) {
	b := newBench(t, mambutest.Options{User: "u", Password: "p"}, func(c *mambu.Config) {
		c.APIKey, c.User, c.Password = outside.Secret{}, "u", outside.Literal("p")
	})
	result, err := b.client.Close(deadline(t, 2*time.Second), b.request)
	require.NoError(t, err)
	require.True(t, result.Confirmed())
}

// A wrong base address must not look like "no such account".
func TestA404WithoutMambusWordsIsAnAlarm(t *testing.T) {
	for _, page := range []string{"<html>404 page not found</html>", `{"status":404,"error":"Not Found","path":"/x"}`, ""} {
		server := outsidetest.Listen(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, page)
		}))
		b := newBench(t, mambutest.Options{}, func(c *mambu.Config) { c.HTTP.Transport = server.Transport() })
		_, err := b.client.Close(deadline(t, time.Second), b.request)
		require.ErrorIs(t, err, outside.ErrMisconfigured)
		_, err = b.client.Read(deadline(t, time.Second), account)
		require.ErrorIs(t, err, outside.ErrMisconfigured)
		require.NoError(t, server.Close())
	}
}
