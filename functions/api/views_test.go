package api

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
)

func TestB14_BalanceAndTransactions(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	require.JSONEq(t, `{"account_id":"`+account+`","currency":"EUR","balance":0.00,"version":0}`, b.get("/balances/"+account).body,
		"an account that the projection has not heard of is empty")
	require.JSONEq(t, `{"account_id":"`+account+`","transactions":[]}`, b.get("/transactions/"+account).body)
	for i := range 7 {
		b.exec(`insert into query.transaction values ($1, $2, 'withdrawal', $3, -1, 'EUR', $4, now())`, account, i+1, uuid.NewString(), 100-i)
	}
	b.exec(`insert into query.balance values ($1, 'EUR', 94, 7)`, account)
	require.JSONEq(t, `{"account_id":"`+account+`","currency":"EUR","balance":0.94,"version":7}`, b.get("/balances/"+account).body)
	var positions []int64
	path := "/transactions/" + account + "?limit=3"
	for range 4 {
		got := b.get(path)
		page := as[TransactionList](t, got, 200)
		for _, tx := range page.Transactions {
			positions = append(positions, tx.Position)
		}
		require.Contains(t, got.body, `"amount":-0.01`)
		if page.Next == "" {
			break
		}
		path = "/transactions/" + account + "?limit=3&after=" + page.Next
	}
	require.Equal(t, []int64{1, 2, 3, 4, 5, 6, 7}, positions)
	for _, after := range []string{"7", "-1", "fC0x", "fDEuNQ", "fDk5OTk5OTk5OTk5OTk5OTk5OTk5"} {
		refused(t, b.get("/transactions/"+account+"?after="+after), invalidCursor)
	}
}

func TestB14_BalancesOfAllAccounts(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	first, second, stranger := b.account("EUR"), b.account("JPY"), b.as("stranger", everything[:2]...)
	b.exec(`insert into query.balance values ($1, 'JPY', 94, 7)`, second)
	require.JSONEq(t, `{"balances":[{"account_id":"`+first+`","currency":"EUR","balance":0.00,"version":0},{"account_id":"`+second+`","currency":"JPY","balance":94,"version":7}]}`,
		b.get("/balances").body)
	page := as[BalanceList](t, b.get("/balances?limit=1"), 200)
	require.Equal(t, first, page.Balances[0].AccountID)
	page = as[BalanceList](t, b.get("/balances?limit=1&after="+page.Next), 200)
	require.Equal(t, second, page.Balances[0].AccountID)
	require.Empty(t, page.Next)
	require.Equal(t, `{"balances":[]}`, stranger.get("/balances").body)
	refused(t, b.get("/balances?after=x"), invalidCursor)
}

// B28: what was read is kept under its version, and the projection's next version
// makes it stale; how far the projection is behind the ledger is told.
func TestB28_AReadIsCachedUntilTheProjectionsNextVersion(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	b.exec(`insert into query.balance values ($1, 'EUR', 94, 7)`, account)
	b.exec(`update ledger.account set seq = 9, balance_minor = 95 where id = $1`, account)
	got := b.get("/balances/" + account)
	require.Equal(t, 200, got.status)
	require.Equal(t, `"7"`, got.header.Get("ETag"))
	require.Equal(t, "private, no-cache", got.header.Get("Cache-Control"))
	require.Equal(t, "2", got.header.Get("Quittance-Behind"))
	for _, held := range []string{`"7"`, `W/"7"`, `"3", "7"`, "*"} {
		again := b.ask("GET", "/balances/"+account, "", "If-None-Match", held)
		require.Equal(t, 304, again.status, held)
		require.Empty(t, again.body)
		require.Equal(t, `"7"`, again.header.Get("ETag"))
	}
	require.Equal(t, 200, b.ask("GET", "/balances/"+account, "", "If-None-Match", `"6", 7`).status)
	b.exec(`update query.balance set account_seq = 9, balance_minor = 95 where account_id = $1`, account)
	got = b.ask("GET", "/balances/"+account, "", "If-None-Match", `"7"`)
	require.Equal(t, `"9"`, got.header.Get("ETag"))
	require.Equal(t, "0", got.header.Get("Quittance-Behind"))
	require.Contains(t, got.body, `"balance":0.95`)
	refused(t, b.as("stranger", everything[:2]...).ask("GET", "/balances/"+account, "", "If-None-Match", "*"), notFound)
}

// An account and its transactions are read anew only when there is something new.
func TestB28_AccountsAndTransactionsAreCachedToo(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	for path, change := range map[string]string{
		"/accounts/" + account:     `update ledger.account set seq = seq + 1 where id = $1`,
		"/transactions/" + account: `insert into query.transaction select $1, 1 + count(*), 'deposit', gen_random_uuid(), 1, 'EUR', 1, now() from query.transaction where account_id = $1`,
	} {
		got := b.get(path)
		require.Equal(t, 200, got.status)
		require.Equal(t, "private, no-cache", got.header.Get("Cache-Control"))
		again := b.ask("GET", path, "", "If-None-Match", got.header.Get("ETag"))
		require.Equal(t, 304, again.status, path)
		require.Empty(t, again.body)
		b.exec(change, account)
		require.Equal(t, 200, b.ask("GET", path, "", "If-None-Match", got.header.Get("ETag")).status, path)
	}
	require.Equal(t, "no-store", b.get("/accounts").header.Get("Cache-Control"), "what has no version is not kept")
}

func TestAClosureAndItsHistory(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	refused(t, b.get("/closures/"+account), notFound)
	closure := uuid.NewString()
	b.exec(`insert into closure.account_closure (account_id, closure_id, notes) values ($1, $2, 'n')`, account, closure)
	b.exec(`update closure.account_closure set state = 'CLOSING_MAMBU', last_error = 'Post http://mambu: refused' where closure_id = $1`, closure)
	got := b.get("/closures/" + account)
	c := as[Closure](t, got, 200)
	require.Equal(t, closure, c.ClosureID)
	require.EqualValues(t, "CLOSING_MAMBU", c.State)
	require.Empty(t, c.Reason, "why the last try failed is for the log")
	require.Len(t, c.History, 2)
	require.EqualValues(t, "OPEN", c.History[1].From)
	b.exec(`update closure.account_closure set state = 'PARKED', last_error = 'ACCOUNT_HAS_REMAINING_BALANCE' where closure_id = $1`, closure)
	require.Equal(t, "ACCOUNT_HAS_REMAINING_BALANCE", as[Closure](t, b.get("/closures/"+account), 200).Reason)
}

func TestB19_AJourneyShowsItsHops(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	operation := as[Accepted](t, b.post("/deposit", movement(b.account("EUR"), "10")), 200).OperationID
	journey := func() JourneyView { return as[JourneyView](t, b.get("/journeys/"+operation), 200) }
	v := journey()
	require.Equal(t, "running", v.State)
	require.Len(t, v.Steps, 1)
	require.Equal(t, "ledger-posting", v.Steps[0].Function)
	require.Equal(t, "waiting", v.Steps[0].State)
	require.Equal(t, "/functions/api", v.Steps[0].SaidBy)

	id := v.Steps[0].EventID
	b.exec(`insert into delivery.failure (consumer, source, id, attempts, last_error) values ('ledger-posting', '/functions/api', $1, 2, 'secret host')`, id)
	require.Equal(t, "retrying", journey().Steps[0].State)
	b.exec(`insert into delivery.dead_letter (id, consumer, source, event_id, type, subject, correlation_id, traceparent, extensions, content_type, data, payload_hash, reason, attempts)
		values (gen_random_uuid(), 'ledger-posting', '/functions/api', $1, 't', '', $2, '', '{}', '', '', sha256(''), 'no', 3)`, id, operation)
	v = journey()
	require.Equal(t, "stuck", v.State)
	require.Equal(t, "dead-letter", v.Steps[0].State)

	b.exec(`update delivery.dead_letter set status = 'replayed'`)
	b.exec(`insert into delivery.idempotency (consumer, source, id, type, payload_hash, state, attempts, first_seen, done_at)
		values ('ledger-posting', '/functions/api', $1, 't', sha256(''), 'done', 1, now() + interval '1 second', now() + interval '2 seconds')`, id)
	completed := uuid.NewString()
	b.exec(`insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id, causation_id, traceparent, broker, data, created_at)
		values ($1, '/functions/ledger-posting', 'dev.quittance.deposit.completed.v1', $2, '', $2, '', '', 'money', '{}', now())`, completed, operation)
	b.exec(`insert into delivery.idempotency (consumer, source, id, type, payload_hash, state, lease_until, attempts, first_seen)
		values ('query', '/functions/ledger-posting', $1, 't', sha256(''), 'claimed', now(), 1, now())`, completed)
	got := b.get("/journeys/" + operation)
	v = as[JourneyView](t, got, 200)
	require.NotContains(t, got.body, "secret host")
	require.Equal(t, "running", v.State)
	var steps []string
	for _, s := range v.Steps {
		steps = append(steps, fmt.Sprintf("%s at %s: %s, %d", s.Event, s.Function, s.State, s.Attempts))
	}
	require.Equal(t, []string{
		"dev.quittance.deposit.requested.v1 at ledger-posting: done, 3",
		"dev.quittance.deposit.completed.v1 at query: working, 1",
		"dev.quittance.deposit.completed.v1 at banking: waiting, 0",
		"dev.quittance.deposit.completed.v1 at notification: waiting, 0",
	}, steps)
	require.InDelta(t, 2000, *v.Steps[0].DurationMS, 1500)
	refused(t, b.get("/journeys/"+uuid.NewString()), notFound)
}

// A closure that was refused waits for a person, though every event was handled;
// it goes on when something later is said of it.
func TestB19_AJourneyWhoseClosureWasRefusedIsStuck(t *testing.T) {
	t.Parallel()
	account := uuid.NewString()
	id := closure.ID(account)
	refusal, mambuClosed := saying{events.TypeClosureRefused, id}, saying{events.TypeClosureMambuClosed, id}
	for name, c := range map[string]struct {
		said  []saying
		state string
	}{
		"refused":                      {[]saying{refusal}, "stuck"},
		"refused by E":                 {[]saying{mambuClosed, refusal}, "stuck"},
		"another closure went on":      {[]saying{refusal, {events.TypeClosureMambuClosed, uuid.NewString()}, {events.TypeAccountClosed, uuid.NewString()}}, "stuck"},
		"resumed, Mambu has agreed":    {[]saying{refusal, mambuClosed}, "done"},
		"resumed, E has agreed":        {[]saying{mambuClosed, refusal, {events.TypeAccountClosed, account}}, "done"},
		"refused again":                {[]saying{refusal, mambuClosed, refusal}, "stuck"},
		"asked again, and now started": {[]saying{refusal, {events.TypeClosureStarted, id}}, "done"},
		"never refused":                {[]saying{mambuClosed, {events.TypeAccountClosed, account}}, "done"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := openBank(t)
			journey := uuid.NewString()
			for i, s := range c.said {
				b.exec(`insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id, causation_id, traceparent, broker, data, created_at)
					values ($1, '/s', $2, $3, '', $4, '', '', 'closure', '{}', now() + $5 * interval '1 second')`,
					fmt.Sprint(i), s.eventType, s.subject, journey, i)
				entry, _ := events.Lookup(s.eventType)
				for _, consumer := range entry.Hears {
					b.exec(`insert into delivery.idempotency (consumer, source, id, type, payload_hash, state, first_seen, done_at)
						values ($1, '/s', $2, $3, sha256(''), 'done', now(), now())`, consumer, fmt.Sprint(i), s.eventType)
				}
			}
			require.Equal(t, c.state, as[JourneyView](t, b.get("/journeys/"+journey), 200).State)
		})
	}
}

// saying is an event of a journey, as far as a test of its state cares.
type saying struct {
	eventType events.Type
	subject   string
}

// What is left out of a long journey is not left out silently.
func TestB19_ALongJourneyIsCutAndSaysSo(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	say := func(from, to int) {
		b.exec(`insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id, causation_id, traceparent, broker, data, created_at)
			select n::text, '/s', 'dev.quittance.payment.failed.v1', '', '', 'long', '', '', 'payments', '{}', now() + n * interval '1 second'
			from generate_series($1::integer, $2::integer) n`, from, to)
	}
	say(1, journeyLimit)
	got := b.get("/journeys/long")
	require.Contains(t, got.body, `"truncated":false`)
	require.Len(t, as[JourneyView](t, got, 200).Steps, journeyLimit)
	say(journeyLimit+1, journeyLimit+1)
	v := as[JourneyView](t, b.get("/journeys/long"), 200)
	require.True(t, v.Truncated)
	require.Len(t, v.Steps, journeyLimit)
	require.Equal(t, "1", v.Steps[0].EventID, "the first ones are shown")
	require.Equal(t, fmt.Sprint(journeyLimit), v.Steps[journeyLimit-1].EventID)
}

func TestDeadLettersAreListedWithoutTheirPayload(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	at := time.Now().Add(-time.Hour)
	for i := range 7 {
		consumer, status := "receipt", "open"
		if i%2 == 1 {
			consumer, status = "payment", "replayed"
		}
		b.exec(`insert into delivery.dead_letter (id, consumer, source, event_id, type, subject, correlation_id, traceparent, extensions, content_type, data, payload_hash, error_code, reason, attempts, status, first_at)
			values (gen_random_uuid(), $1, '/s', $2, 't', 'subject', 'journey', '', '{}', 'application/json', '{"a":"canary"}', sha256(''), 422, 'because', 3, $3, $4)`,
			consumer, fmt.Sprint(i), status, at.Add(time.Duration(i)*time.Second))
	}
	var seen []string
	path := "/dead-letters?limit=3"
	for range 4 {
		got := b.get(path)
		require.NotContains(t, got.body, "canary")
		page := as[DeadLetterList](t, got, 200)
		for _, d := range page.DeadLetters {
			seen = append(seen, d.EventID)
			require.Equal(t, "because", d.Reason)
		}
		if page.Next == "" {
			break
		}
		path = "/dead-letters?limit=3&after=" + page.Next
	}
	require.Equal(t, []string{"6", "5", "4", "3", "2", "1", "0"}, seen)
	require.Len(t, as[DeadLetterList](t, b.get("/dead-letters?consumer=receipt"), 200).DeadLetters, 4)
	require.Len(t, as[DeadLetterList](t, b.get("/dead-letters?consumer=payment&status=open"), 200).DeadLetters, 0)
	require.Len(t, as[DeadLetterList](t, b.get("/dead-letters?status=replayed"), 200).DeadLetters, 3)
	refused(t, b.get("/dead-letters?status=lost"), invalidContent)
	refused(t, b.get("/dead-letters?consumer=%00"), invalidContent)
	refused(t, b.get("/dead-letters?after=fA"), invalidCursor)
	require.True(t, json.Valid([]byte(b.get("/dead-letters").body)))
}
