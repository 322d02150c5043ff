package identity_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/functions/identity"
	"quittance.dev/functions/identity/identitytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is one that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// open is a verifier with a clock of its own.
func open(t *testing.T) (*identitytest.Issuer, *identity.Verifier, *clock) {
	t.Helper()
	issuer, c := identitytest.New(t), &clock{now: time.Now()}
	v, err := identity.NewVerifier(identitytest.Config(t), identity.Options{Transport: issuer, Logger: slog.New(slog.DiscardHandler), Now: c.Now})
	require.NoError(t, err)
	return issuer, v, c
}

// long is a token that outlives every test's clock.
func long(issuer *identitytest.Issuer) string {
	claims := identitytest.Claims("ada", identity.Customer)
	claims["exp"] = time.Now().Add(48 * time.Hour).Unix()
	return issuer.Sign(claims)
}

func TestB01_AnHonestTokenNamesItsBearer(t *testing.T) {
	t.Parallel()
	issuer, v, _ := open(t)
	p, err := v.Verify(context.Background(), issuer.Token("ada@example.org", identity.Customer, "offline_access", identity.Operator))
	require.NoError(t, err)
	require.Equal(t, identity.ID(identitytest.Name, "ada@example.org"), p.ID)
	require.Equal(t, []identity.Scope{identity.Customer, identity.Operator}, p.Scopes, "scopes of others are left out")
	require.True(t, p.May(identity.Treasury, identity.Operator))
	require.False(t, p.May(identity.Treasury, identity.Service))
	require.NotEqual(t, identity.ID("https://other.example", "ada@example.org"), p.ID, "a subject is its issuer's")

	claims := identitytest.Claims("ada")
	delete(claims, "scope")
	claims["scp"], claims["aud"] = []string{"customer", "service"}, []string{"else", identitytest.Audience}
	p, err = v.Verify(context.Background(), issuer.Sign(claims))
	require.NoError(t, err)
	require.Equal(t, []identity.Scope{identity.Customer, identity.Service}, p.Scopes)
}

func TestB01_ClocksMayDifferByAMinute(t *testing.T) {
	t.Parallel()
	issuer, v, c := open(t)
	at := func(claim string, offset time.Duration) error {
		claims := identitytest.Claims("ada", identity.Customer)
		claims[claim] = c.Now().Add(offset).Unix()
		_, err := v.Verify(context.Background(), issuer.Sign(claims))
		return err
	}
	require.NoError(t, at("exp", -58*time.Second))
	require.ErrorIs(t, at("exp", -61*time.Second), identity.ErrInvalid)
	for _, claim := range []string{"nbf", "iat"} {
		require.NoError(t, at(claim, 59*time.Second))
		require.ErrorIs(t, at(claim, 62*time.Second), identity.ErrInvalid)
	}
}

// A5: whatever arrives, the issuer is asked at most once a minute.
func TestA5_MadeUpKeyIDsDoNotMakeUsCall(t *testing.T) {
	t.Parallel()
	issuer, v, c := open(t)
	_, err := v.Verify(context.Background(), long(issuer))
	require.NoError(t, err)
	require.Equal(t, 1, issuer.Fetches())
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			made := issuer.SignRaw(map[string]any{"typ": "at+jwt", "kid": "made-up"}, []byte(`{}`))
			_, err := v.Verify(context.Background(), made)
			require.ErrorIs(t, err, identity.ErrInvalid)
		})
	}
	all.Wait()
	require.Equal(t, 1, issuer.Fetches())
	c.pass(time.Minute)
	_, err = v.Verify(context.Background(), issuer.SignRaw(map[string]any{"typ": "at+jwt", "kid": "../../etc/passwd"}, []byte(`{}`)))
	require.ErrorIs(t, err, identity.ErrInvalid)
	require.Equal(t, 2, issuer.Fetches())
}

func TestB01_KeysAreRotated(t *testing.T) {
	t.Parallel()
	issuer, v, c := open(t)
	old := long(issuer)
	_, err := v.Verify(context.Background(), old)
	require.NoError(t, err)
	issuer.Rotate()
	c.pass(time.Minute)
	_, err = v.Verify(context.Background(), long(issuer))
	require.NoError(t, err, "a new key is found when a token names it")
	_, err = v.Verify(context.Background(), old)
	require.ErrorIs(t, err, identity.ErrInvalid, "one that is gone counts no more")
}

func TestB01_WhenTheIssuerIsAway(t *testing.T) {
	t.Parallel()
	issuer, v, c := open(t)
	issuer.Hide(true)
	_, err := v.Verify(context.Background(), long(issuer))
	require.ErrorIs(t, err, identity.ErrUnavailable, "nobody can be told apart")
	issuer.Hide(false)
	c.pass(5 * time.Second)
	_, err = v.Verify(context.Background(), long(issuer))
	require.NoError(t, err)
	issuer.Hide(true)
	for range 5 {
		c.pass(13 * time.Minute)
		_, err = v.Verify(context.Background(), long(issuer))
		require.NoError(t, err, "known keys do for an hour")
	}
	c.pass(13 * time.Minute)
	_, err = v.Verify(context.Background(), long(issuer))
	require.ErrorIs(t, err, identity.ErrUnavailable)
}

func TestB01_OneFetchForAllWhoWait(t *testing.T) {
	t.Parallel()
	issuer, v, _ := open(t)
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			_, err := v.Verify(context.Background(), long(issuer))
			require.NoError(t, err)
		})
	}
	all.Wait()
	require.Equal(t, 1, issuer.Fetches())
}

func TestConfigurationsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"none", "HS256", "RS1", ""} {
		c := identitytest.Config(t)
		c.Algorithms = []string{"ES256", algorithm}
		_, err := identity.NewVerifier(c, identity.Options{})
		require.Error(t, err, algorithm)
	}
	c := identitytest.Config(t)
	c.Audience = ""
	_, err := identity.NewVerifier(c, identity.Options{})
	require.Error(t, err)
	c = identitytest.Config(t)
	c.Issuer = ""
	v, err := identity.NewVerifier(c, identity.Options{Transport: identitytest.New(t), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	_, err = v.Verify(context.Background(), identitytest.New(t).Token("ada", identity.Customer))
	require.ErrorIs(t, err, identity.ErrUnavailable, "without an issuer nobody gets in")
}

// FuzzVerify: no token but an honest one is let in, and none breaks us.
func FuzzVerify(f *testing.F) {
	issuer := identitytest.New(f)
	v, err := identity.NewVerifier(identitytest.Config(f), identity.Options{Transport: issuer, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(f, err)
	honest := issuer.Token("ada", identity.Customer)
	f.Add(honest)
	f.Add(issuer.SignRaw(map[string]any{"typ": "at+jwt", "kid": issuer.KeyID()}, []byte(`{"exp":1e400}`)))
	f.Add("..")
	f.Add("eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJub25lIn0.e30.")
	signed := honest[:strings.LastIndexByte(honest, '.')]
	f.Fuzz(func(t *testing.T, token string) {
		p, err := v.Verify(context.Background(), token)
		if err == nil {
			require.True(t, strings.HasPrefix(token, signed+"."), "another token was let in: %q", token)
			return
		}
		require.ErrorIs(t, err, identity.ErrInvalid)
		require.Zero(t, p)
	})
}
