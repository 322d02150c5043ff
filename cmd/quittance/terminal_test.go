package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"quittance.dev/client"
	"quittance.dev/cmd/internal/books"
	"quittance.dev/cmd/internal/demo"
	"quittance.dev/cmd/internal/issuer"
	"quittance.dev/cmd/internal/terminal"
)

// E16: the demo accounts are there once, however often they are given.
func TestE16_SeedingTwiceGivesTheSameFiveRows(t *testing.T) {
	c := newCounter(t)
	var first string
	for range 2 {
		require.NoError(t, demo.Seed(t.Context(), demo.Options{API: c.bank.APIURL, Logins: demo.NewLogins(c.bank.IssuerURL)}))
		got := c.run("", "accounts").ok().out
		golden(t, "accounts.golden", got)
		all := c.run("", "accounts", "--json").ok().out
		if first == "" {
			first = all
		}
		require.Equal(t, first, all, "the same rows, ids and times included")
	}
	var rows int
	require.NoError(t, c.bank.Owner.QueryRow(t.Context(), `select count(*) from accounts.account`).Scan(&rows))
	require.Equal(t, 5, rows)
	require.NoError(t, c.bank.Owner.QueryRow(t.Context(), `select count(*) from ledger.journal`).Scan(&rows))
	require.Equal(t, 5, rows, "money came in by five deposits")
}

// E02: the words, the code, an error in the log, and no event.
func TestE02_AnUnknownAccount(t *testing.T) {
	c := sharedCounter(t)
	before := c.said()
	for _, number := range []string{"0", "6", "-1", "x", "9223372036854775808"} {
		r, log := c.withdraw(number, "100")
		require.Equal(t, "Account "+number+" not found.\n", r.errors)
		require.Empty(t, r.out)
		require.Equal(t, 3, r.code)
		require.Len(t, log, 1)
		require.Equal(t, "ERROR", log[0]["level"])
		require.Equal(t, "account_not_found", log[0]["status"])
	}
	r, _ := c.withdraw("0", "100", "--json")
	require.JSONEq(t, `{"account":"0","amount":"100","status":"account_not_found"}`, r.out)
	require.Equal(t, 3, r.code)
	require.Empty(t, r.errors)
	require.Equal(t, before, c.said(), "no event")
}

// E03: the words, the code, a warning in the log, no event, and the same balance.
func TestE03_AnInvalidAmount(t *testing.T) {
	c := sharedCounter(t)
	before, balance := c.said(), c.balance(1)
	for _, amount := range []string{"0", "-5", "0.00", "1.001", "abc", "1e2", "99999999999999999999"} {
		r, log := c.withdraw("1", amount)
		require.Equal(t, "Invalid withdrawal amount.\n", r.errors, amount)
		require.Equal(t, 4, r.code)
		require.Len(t, log, 1)
		require.Equal(t, "WARN", log[0]["level"])
		require.Equal(t, "invalid_amount", log[0]["status"])
	}
	require.Equal(t, before, c.said(), "no event")
	require.Equal(t, balance, c.balance(1))
}

// E04: the words, the code, a warning, the same balance, and only the failure is said.
func TestE04_NotEnoughFunds(t *testing.T) {
	c := sharedCounter(t)
	before := c.said()
	r, log := c.withdraw("1", "461.01")
	require.Equal(t, "Insufficient funds for account 1.\n", r.errors)
	require.Equal(t, 5, r.code)
	require.Len(t, log, 1)
	require.Equal(t, "WARN", log[0]["level"])
	require.Equal(t, "insufficient_funds", log[0]["status"])
	require.Equal(t, client.Amount("461.00"), c.balance(1))
	after := c.said()
	require.Equal(t, before["rejected"]+1, after["rejected"])
	require.Equal(t, before["completed"], after["completed"])
}

// E05: the balance is reduced, one event says so, and a line of INFO.
func TestE05_AWithdrawal(t *testing.T) {
	c := sharedCounter(t)
	before := c.said()
	r, log := c.withdraw("2", "100", "--json")
	r.ok()
	var w terminal.Withdrawal
	require.NoError(t, json.Unmarshal([]byte(r.out), &w))
	require.Equal(t, terminal.Success, w.Status)
	require.Equal(t, client.Amount("896.00"), *w.Balance, "996 - 100")
	require.Len(t, log, 1)
	require.Equal(t, "INFO", log[0]["level"])
	require.Equal(t, client.Amount("896.00"), c.balance(2))
	after := c.said()
	require.Equal(t, before["completed"]+1, after["completed"])
	require.Equal(t, before["rejected"], after["rejected"])

	r, _ = c.withdraw("2", "1.50")
	require.Equal(t, "Withdrawal of 1.50 EUR from account 2 successful. New balance: 894.50 EUR.\n", r.ok().out)
}

// E15: a session with the four outcomes, as a person sees it.
func TestE15_ASessionAtTheTerminal(t *testing.T) {
	c := newCounter(t)
	answers := []string{"0", "10", "y", "1", "0", "y", "1", "5000", "yes", "3", "100", "y", "5", "abc", "n"}
	r := c.run(strings.Join(answers, "\n")+"\n", "withdraw").ok()
	golden(t, "session.golden", r.out)
	require.Empty(t, r.errors)
	for _, words := range []string{"Account 0 not found.", "Invalid withdrawal amount.", "Insufficient funds for account 1.", "New balance: 59.00 EUR."} {
		require.Contains(t, r.out, words)
	}
	require.Equal(t, 5, strings.Count(r.out, "Another withdrawal?"))
	require.NoError(t, atRest(t.Context(), c.bank, time.Minute))
	broken, err := books.Tables(t.Context(), c.bank.Owner)
	require.NoError(t, err)
	require.Empty(t, broken)
	for _, in := range []string{"", "\n", "3\n", "3\n1\n"} { // the input ends wherever it likes
		r := c.run(in, "withdraw").ok()
		require.True(t, strings.HasSuffix(r.out, "Goodbye.\n"), r.out)
	}
}

func TestTheSameKeyIsTheSameWithdrawal(t *testing.T) {
	c := sharedCounter(t)
	require.Equal(t, client.Amount("952.00"), c.balance(4))
	for range 3 {
		r, _ := c.withdraw("4", "10", "--key", "payday")
		r.ok()
	}
	require.Equal(t, client.Amount("942.00"), c.balance(4), "once")
}

func TestWhatElseCanBeAsked(t *testing.T) {
	c := sharedCounter(t)
	r, _ := c.withdraw("5", "1", "--json")
	var w terminal.Withdrawal
	require.NoError(t, json.Unmarshal([]byte(r.ok().out), &w))
	require.Regexp(t, `^withdrawal of 1\.00 EUR: COMPLETED, balance [0-9.]+ EUR at 20`, c.run("", "operation", "--wait", w.OperationID).ok().out)
	require.Contains(t, c.run("", "operation", "--json", w.OperationID).ok().out, `"status": "COMPLETED"`)
	require.Equal(t, 1, c.run("", "operation", "nothing").code)

	for _, usage := range [][]string{{"withdraw", "--account", "1"}, {"withdraw", "--json"}, {"withdraw", "--nothing"}, {"withdraw", "--log-level", "LOUD"}, {"accounts", "--api", "nowhere"}} {
		require.Equal(t, 2, c.run("", usage...).code, usage)
	}
	completed := c.run("", "__complete", "withdraw", "--account", "").ok().out
	require.Contains(t, completed, "3\tcurrent, ")
	require.Contains(t, c.run("", "withdraw", "--help").ok().out, "Exit codes:")
	require.Contains(t, c.run("", "completion", "bash").ok().out, "quittance")
}

func TestSigningIn(t *testing.T) {
	c := sharedCounter(t)
	require.Contains(t, c.run("wrong\n", "login", "--email", "ada@example.org").errors, "sign in as ada@example.org")
	file, err := terminal.LoginFile()
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())

	login, err := terminal.ReadLogin(file, time.Now())
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), login.Until, time.Minute)
	login.Until = time.Now().Add(-time.Second)
	require.NoError(t, login.Keep(file))
	r := c.run("", "accounts")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.errors, "sign in first: quittance login")
	require.NoError(t, os.Remove(file))
	require.Contains(t, c.run("", "accounts").errors, "sign in first: quittance login")

	token := strings.TrimSpace(c.run("ben-password", "login", "--email", "ben@example.org", "--print").ok().out)
	_, err = os.Stat(file)
	require.ErrorIs(t, err, os.ErrNotExist, "printed, and not kept")
	t.Setenv("QUITTANCE_TOKEN", token)
	require.Equal(t, "There are no accounts.\n", c.run("", "accounts").ok().out, "B02: Ben has none, and sees none of Ada's")
	r, _ = c.withdraw("1", "1")
	require.Equal(t, "Account 1 not found.\n", r.errors)
	operator, err := c.bank.Outside.Issuer.Token(issuer.Users()[4])
	require.NoError(t, err)
	t.Setenv("QUITTANCE_TOKEN", operator)
	require.Equal(t, 1, c.run("", "withdraw", "--account", "1", "--amount", "1").code, "an operator moves nothing")
}

// B19, B20, B21: a deposit, a withdrawal and an opening take exactly their hops, and the
// projections follow.
func TestB19_B20_B21_JourneysAndProjections(t *testing.T) {
	c := sharedCounter(t)
	hops := func(journey string) []string {
		t.Helper()
		require.NoError(t, atRest(t.Context(), c.bank, time.Minute))
		rows, err := c.bank.Owner.Query(t.Context(), `
			select split_part(o.type, '.', 3) || '.' || split_part(o.type, '.', 4) || ' ' || o.source || ' > ' || i.consumer
			from delivery.outbox o join delivery.idempotency i using (source, id)
			where o.correlation_id = $1 and o.type not like '%.notification.%' order by 1`, journey)
		require.NoError(t, err)
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return list
	}
	one := func(sql string) (id string) {
		t.Helper()
		require.NoError(t, c.bank.Owner.QueryRow(t.Context(), sql).Scan(&id))
		return id
	}
	require.Equal(t, []string{
		"deposit.completed /functions/ledger-posting > banking", "deposit.completed /functions/ledger-posting > notification",
		"deposit.completed /functions/ledger-posting > query", "deposit.requested /functions/api > ledger-posting",
	}, hops(one(`select id::text from banking.operation where kind = 'deposit' limit 1`)))
	r, _ := c.withdraw("3", "1", "--json")
	var w terminal.Withdrawal
	require.NoError(t, json.Unmarshal([]byte(r.ok().out), &w))
	require.Equal(t, []string{
		"withdrawal.completed /functions/ledger-posting > banking", "withdrawal.completed /functions/ledger-posting > closure-mambu",
		"withdrawal.completed /functions/ledger-posting > notification", "withdrawal.completed /functions/ledger-posting > query",
		"withdrawal.requested /functions/api > ledger-posting",
	}, hops(w.OperationID))
	require.Equal(t, []string{"account.opened /functions/api > banking", "account.opened /functions/api > query"},
		hops(one(`select id::text from accounts.account where number = 3`)))
	var projected int
	require.NoError(t, c.bank.Owner.QueryRow(t.Context(), `
		select count(*) from accounts.account a join banking.account_projection b on b.account_id = a.id
		join query.account_projection q on q.account_id = a.id where b.status = 'open' and q.status = 'open'`).Scan(&projected))
	require.Equal(t, 5, projected)
}

// E10: every line of the bank's log has one shape; outcomes and publishing are in it.
func TestE10_EveryLineOfTheLogHasItsShape(t *testing.T) {
	c := sharedCounter(t)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	shape, err := compiler.Compile("testdata/log.schema.json")
	require.NoError(t, err)
	for _, amount := range []string{"1", "100000"} {
		c.withdraw("3", amount)
	}
	require.NoError(t, atRest(t.Context(), c.bank, time.Minute))
	lines := c.bankLog.lines()
	require.Greater(t, len(lines), 100)
	published, outcomes := 0, map[string]int{}
	for _, line := range lines {
		entry, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		require.NoError(t, err, line)
		require.NoError(t, shape.Validate(entry), line)
		switch one := entry.(map[string]any); one["msg"] {
		case "published":
			published++
		case "operation completed", "operation failed":
			outcomes[one["level"].(string)]++
		}
	}
	require.Greater(t, published, 20, "publishing is tracked")
	require.Greater(t, outcomes["INFO"], 5, "outcomes are tracked")
	require.Greater(t, outcomes["WARN"], 0)
	for _, broken := range []string{`{"time":"today","level":"INFO","msg":"x"}`, `{"time":"2026-01-02T03:04:05Z","level":"LOUD","msg":"x"}`, `{"level":"INFO","msg":"x"}`} {
		entry, err := jsonschema.UnmarshalJSON(strings.NewReader(broken))
		require.NoError(t, err)
		require.Error(t, shape.Validate(entry), broken)
	}
}

func TestATransferAtTheTerminal(t *testing.T) {
	c := sharedCounter(t)
	transfer := func(from, to, amount string, more ...string) ran {
		return c.run("", append([]string{"transfer", "--from", from, "--to", to, "--amount", amount}, more...)...)
	}
	require.Equal(t, "Transfer of 10.00 EUR from account 5 to account 3 successful.\n", transfer("5", "3", "10").ok().out)
	for _, refused := range []struct {
		from, to, amount, words string
		code                    int
	}{
		{"0", "3", "10", "Account 0 not found.", terminal.ExitAccountNotFound},
		{"5", "99", "10", "Account 99 not found.", terminal.ExitAccountNotFound},
		{"5", "5f0c1f6e-6c39-4d1c-9f5a-0d8a1f2b3c4d", "10", "Account 5f0c1f6e-6c39-4d1c-9f5a-0d8a1f2b3c4d not found.", terminal.ExitAccountNotFound},
		{"5", "3", "0", "Invalid transfer amount.", terminal.ExitInvalidAmount},
		{"5", "3", "ten", "Invalid transfer amount.", terminal.ExitInvalidAmount},
		{"5", "3", "100000", "Insufficient funds for account 5.", terminal.ExitInsufficientFunds},
	} {
		r := transfer(refused.from, refused.to, refused.amount)
		require.Equal(t, refused.words+"\n", r.errors)
		require.Equal(t, refused.code, r.code)
	}
	r := transfer("5", "5", "1")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.errors, "/dst_account_id must be another account")
	require.Contains(t, transfer("5", "3", "100000", "--json").out, `"status": "insufficient_funds"`)
	require.Equal(t, terminal.ExitUsage, c.run("", "transfer", "--from", "5").code)
}
