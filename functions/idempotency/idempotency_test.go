package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/idempotency"
	"quittance.dev/functions/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func name(key string) idempotency.Name {
	return idempotency.Name{Caller: "00000000-0000-0000-0000-000000000001", Route: "POST /x", Key: key}
}

func of(t testing.TB, body string) idempotency.Fingerprint {
	t.Helper()
	f, err := idempotency.Of(name("k"), "/x", []byte(body))
	require.NoError(t, err)
	return f
}

// What says the same is the same request; what does not is told where.
func TestFingerprints(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{``, ` `, `{}`, ` { } `},
		{`{"a":100,"b":"x"}`, `{"b":"x","a":100.00}`, `{ "a" : 1e2, "b":"\u0078" }`, `{"a":10E+1,"b":"x"}`},
		{`{"a":0}`, `{"a":-0}`, `{"a":0.00}`, `{"a":0e9}`},
		{`{"a":[1,{"b":[]}]}`, `{"a":[1.0,{"b":[ ]}]}`},
	} {
		for _, body := range same {
			require.Equal(t, of(t, same[0]).Sum, of(t, body).Sum, body)
		}
	}
	for _, c := range []struct {
		first, second string
		differs       []string
	}{
		{`{"amount":100,"to":"x"}`, `{"amount":100.01,"to":"x"}`, []string{"/amount"}},
		{`{"amount":9007199254740993}`, `{"amount":9007199254740992}`, []string{"/amount"}}, // one float
		{`{"amount":0.1}`, `{"amount":0.10000000000000000001}`, []string{"/amount"}},
		{`{"amount":1}`, `{"amount":-1}`, []string{"/amount"}},
		{`{"amount":1}`, `{"amount":"1"}`, []string{"/amount"}},
		{`{"a":true}`, `{"a":false}`, []string{"/a"}},
		{`{"a":{}}`, `{"a":[]}`, []string{"/a"}},
		{`{"a":{}}`, `{}`, []string{"", "/a"}},
		{`{"a":[1,2]}`, `{"a":[2,1]}`, []string{"/a/0", "/a/1"}},
		{`{"a/b":1,"c~d":2}`, `{"a/b":2,"c~d":1}`, []string{"/a~1b", "/c~0d"}},
		{`{"a":"x"}`, `{"b":"x"}`, []string{"/a", "/b"}},
	} {
		first, second := of(t, c.first), of(t, c.second)
		require.NotEqual(t, first.Sum, second.Sum, "%s %s", c.first, c.second)
		require.Equal(t, c.differs, second.Differs(first.Members))
	}
	elsewhere, err := idempotency.Of(name("k"), "/y", []byte(`{}`))
	require.NoError(t, err)
	require.Equal(t, []string{"path"}, elsewhere.Differs(of(t, `{}`).Members))
}

// A31: what is kept beside the answer does not tell what was asked.
func TestA31_MembersDoNotTellTheirValues(t *testing.T) {
	t.Parallel()
	f := of(t, `{"name":"Ada","phone":"+41790000000"}`)
	for _, piece := range f.Members {
		require.Len(t, piece, 4)
	}
	other, err := idempotency.Of(name("other"), "/x", []byte(`{"name":"Ada","phone":"+41790000000"}`))
	require.NoError(t, err)
	require.NotEqual(t, f.Members, other.Members, "the same value under another key looks different")
}

// FuzzOf: whatever strict JSON comes, its members are told apart, or are the same.
func FuzzOf(f *testing.F) {
	for _, seed := range []string{``, `{}`, `[]`, `{"a":[{}]}`, `{"a":1e400,"b":-0.00}`, `"x"`, `1`, `{"":{"":""}}`} {
		f.Add(seed, `{"a":1}`)
	}
	f.Fuzz(func(t *testing.T, x, y string) {
		first, err := idempotency.Of(name("k"), "/x", []byte(x))
		if err != nil {
			return
		}
		second, err := idempotency.Of(name("k"), "/x", []byte(y))
		if err != nil {
			return
		}
		if first.Sum == second.Sum {
			require.Empty(t, second.Differs(first.Members), "%q %q", x, y)
		}
	})
}

func open(t *testing.T, role string, db *pgtest.DB) *fn.Host {
	t.Helper()
	host := fn.NewHost(fn.Function{Name: role}, db.Pool("quittance_"+role), fn.Options{})
	t.Cleanup(host.Close)
	return host
}

func transact(host *fn.Host, work func(context.Context, fn.Tx) error) error {
	_, err := host.Transact(context.Background(), "test", "test", func(ctx context.Context, tx fn.Tx) ([]events.Data, error) {
		return nil, work(ctx, tx)
	})
	return err
}

func TestAnAnswerIsKeptWithItsEffect(t *testing.T) {
	t.Parallel()
	host := open(t, "api", pgtest.New(t))
	n, f := name("k"), of(t, `{"a":1}`)
	once := func(fail error) (before *idempotency.Answer, err error) {
		err = transact(host, func(ctx context.Context, tx fn.Tx) (err error) {
			if before, err = idempotency.Claim(ctx, tx, n, f); err != nil || before != nil {
				return err
			}
			err = idempotency.Keep(ctx, tx, n, f, idempotency.Answer{Status: 201, Location: "/x/1", Journey: "j", Body: `{"b": 1.00}`})
			return errors.Join(err, fail)
		})
		return before, err
	}
	died := errors.New("died here")
	_, err := once(died)
	require.ErrorIs(t, err, died)
	before, err := once(nil)
	require.NoError(t, err)
	require.Nil(t, before, "what did not commit was never there")
	before, err = once(nil)
	require.NoError(t, err)
	require.Equal(t, `{"b": 1.00}`, before.Body, "byte for byte")
	require.Equal(t, idempotency.Retention, before.ExpiresAt.Sub(before.AnsweredAt))

	_, err = idempotency.Find(context.Background(), host.Pool(), n, of(t, `{"a":2}`))
	var differs *idempotency.DiffersError
	require.ErrorAs(t, err, &differs)
	require.Equal(t, []string{"/a"}, differs.Members)
	for _, other := range []idempotency.Name{
		{Caller: uuid.NewString(), Route: n.Route, Key: n.Key}, {Caller: n.Caller, Route: "POST /y", Key: n.Key}, {Caller: n.Caller, Route: n.Route, Key: "K"},
	} {
		_, err = idempotency.Find(context.Background(), host.Pool(), other, f)
		require.ErrorIs(t, err, idempotency.ErrNotFound, "%v", other)
	}
	list, err := idempotency.Under(context.Background(), host.Pool(), n.Caller, n.Key)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "POST /x", list[0].Route)
}

func TestWhoComesMeanwhileIsTold(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	first, second := open(t, "api", db), open(t, "api", db)
	n, f := name("k"), of(t, `{}`)
	require.NoError(t, transact(first, func(ctx context.Context, tx fn.Tx) error {
		_, err := idempotency.Claim(ctx, tx, n, f)
		require.NoError(t, err)
		err = transact(second, func(ctx context.Context, tx fn.Tx) error {
			_, err := idempotency.Claim(ctx, tx, n, f)
			return err
		})
		require.ErrorIs(t, err, idempotency.ErrInFlight)
		return nil
	}))
}

func TestAnswersAreForgottenAfterThirtyDays(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	api, audit := open(t, "api", db), open(t, "audit", db)
	for i := range 5 {
		n := name(fmt.Sprint("k", i))
		require.NoError(t, transact(api, func(ctx context.Context, tx fn.Tx) error {
			return idempotency.Keep(ctx, tx, n, of(t, `{}`), idempotency.Answer{Status: 200, Body: "{}"})
		}))
	}
	owner := db.Pool("")
	_, err := owner.Exec(context.Background(), `alter table idempotency.request disable trigger request_answered_once`)
	require.NoError(t, err)
	_, err = owner.Exec(context.Background(), `update idempotency.request set answered_at = now() - interval '31 days', expires_at = now() - interval '1 second' where key <> 'k4'`)
	require.NoError(t, err)
	for _, want := range []int64{3, 1, 0} {
		var gone int64
		require.NoError(t, transact(audit, func(ctx context.Context, tx fn.Tx) (err error) {
			gone, err = idempotency.Purge(ctx, tx, 3)
			return err
		}))
		require.Equal(t, want, gone)
	}
	var left string
	require.NoError(t, owner.QueryRow(context.Background(), `select string_agg(key, ' ') from idempotency.request`).Scan(&left))
	require.Equal(t, "k4", left)
	require.Equal(t, 30*24*time.Hour, idempotency.Retention)
}

// A request that another function answers: it is asked once, whoever comes goes on
// with it, and of two answers the first stays.
func TestARequestIsAskedThenAnswered(t *testing.T) {
	t.Parallel()
	host := open(t, "api", pgtest.New(t))
	n, f := name("k"), of(t, `{"a":1}`)
	ask := func(f idempotency.Fingerprint, fail error) (before *idempotency.Answer, err error) {
		err = transact(host, func(ctx context.Context, tx fn.Tx) (err error) {
			before, err = idempotency.Ask(ctx, tx, n, f, "j")
			return errors.Join(err, fail)
		})
		return before, err
	}
	died := errors.New("died here")
	_, err := ask(f, died)
	require.ErrorIs(t, err, died)
	before, err := ask(f, nil)
	require.NoError(t, err)
	require.Nil(t, before, "what did not commit was never asked")
	before, err = ask(f, nil)
	require.NoError(t, err)
	require.Zero(t, before.Status, "asked, and not answered")
	require.Equal(t, "j", before.Journey)
	require.True(t, before.AnsweredAt.IsZero())
	_, err = ask(of(t, `{"a":2}`), nil)
	var differs *idempotency.DiffersError
	require.ErrorAs(t, err, &differs, "before it is answered, too")
	require.Equal(t, []string{"/a"}, differs.Members)
	list, err := idempotency.Under(context.Background(), host.Pool(), n.Caller, n.Key)
	require.NoError(t, err)
	require.Zero(t, list[0].Status)

	for _, body := range []string{`{"first":1.00}`, `{"second":2}`} {
		require.NoError(t, transact(host, func(_ context.Context, tx fn.Tx) error {
			idempotency.Answered(tx, n, idempotency.Answer{Status: 200, Body: body})
			return nil
		}))
		before, err = ask(f, nil)
		require.NoError(t, err)
		require.Equal(t, 200, before.Status)
		require.Equal(t, `{"first":1.00}`, before.Body)
		require.Equal(t, idempotency.Retention, before.ExpiresAt.Sub(before.AnsweredAt))
	}
}

// Somebody is asking right now, and has not committed.
func TestWhoAsksMeanwhileIsTold(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	first, second := open(t, "api", db), open(t, "api", db)
	n, f := name("k"), of(t, `{}`)
	require.NoError(t, transact(first, func(ctx context.Context, tx fn.Tx) error {
		_, err := idempotency.Ask(ctx, tx, n, f, "")
		require.NoError(t, err)
		require.ErrorIs(t, transact(second, func(ctx context.Context, tx fn.Tx) error {
			_, err := idempotency.Ask(ctx, tx, n, f, "")
			return err
		}), idempotency.ErrInFlight)
		return nil
	}))
}
