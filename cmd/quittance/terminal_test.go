package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"quittance.dev/client"
	"quittance.dev/cmd/internal/bank"
	"quittance.dev/cmd/internal/books"
	"quittance.dev/cmd/internal/demo"
	"quittance.dev/cmd/internal/issuer"
	"quittance.dev/cmd/internal/terminal"
	"quittance.dev/functions/api"
	"quittance.dev/functions/telemetry"
)

var update = flag.Bool("update", false, "write the golden files")

// counter is the bank, and Ada at its terminal.
type counter struct {
	t       *testing.T
	bank    *bank.Bank
	log     string   // file of the commands' log
	bankLog *bankLog // the bank's own
}

// bankLog takes what the bank logs.
type bankLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *bankLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *bankLog) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.text.String()), "\n")
}

// startBank runs a whole bank with the demo accounts in folder.
func startBank(folder string) (*bank.Bank, *bankLog, error) {
	ctx, log := context.Background(), &bankLog{}
	logger, err := telemetry.Logger(log, "DEBUG")
	if err != nil {
		return nil, nil, err
	}
	b, err := bank.Start(ctx, bank.Options{
		DataDir: folder, Infra: os.DirFS("../../infra"), API: "127.0.0.1:0", Workbench: "127.0.0.1:0", Logger: logger,
		Limits: api.Limits{PerSecond: 1e6, Burst: 1e6},
	})
	if err != nil {
		return nil, nil, err
	}
	return b, log, demo.Seed(ctx, demo.Options{API: b.APIURL, Logins: demo.NewLogins(b.IssuerURL)})
}

func stopBank(b *bank.Bank) error {
	stop, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return b.Close(stop)
}

// shared is the bank of the tests that keep to accounts of their own.
var shared struct {
	bank   *bank.Bank
	log    *bankLog
	folder string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := closeShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func closeShared() error {
	if shared.bank == nil {
		return nil
	}
	err := errors.Join(stopBank(shared.bank), os.RemoveAll(shared.folder))
	shared.bank = nil
	return err
}

// sharedCounter is at the bank that several tests share.
func sharedCounter(t *testing.T) *counter {
	t.Helper()
	if shared.bank == nil {
		var err error
		shared.folder, err = os.MkdirTemp("", "quittance-")
		require.NoError(t, err)
		shared.bank, shared.log, err = startBank(shared.folder)
		require.NoError(t, err)
	}
	return atCounter(t, shared.bank, shared.log)
}

// newCounter is at a bank that nobody used before. A process has room for one at a
// time.
func newCounter(t *testing.T) *counter {
	t.Helper()
	require.NoError(t, closeShared())
	b, log, err := startBank(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stopBank(b)) })
	return atCounter(t, b, log)
}

// atCounter signs Ada in.
func atCounter(t *testing.T, b *bank.Bank, log *bankLog) *counter {
	t.Helper()
	folder := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", folder)
	t.Setenv("HOME", folder)
	t.Setenv("QUITTANCE_API", b.APIURL)
	t.Setenv("QUITTANCE_ISSUER", b.IssuerURL)
	c := &counter{t, b, filepath.Join(t.TempDir(), "log"), log}
	c.run("ada-password\n", "login", "--email", "ada@example.org").ok()
	return c
}

// ran is what a command did.
type ran struct {
	t           *testing.T
	out, errors string
	code        int
}

func (r ran) ok() ran {
	r.t.Helper()
	require.Zero(r.t, r.code, r.out+r.errors)
	return r
}

// run runs the command as main does.
func (c *counter) run(in string, arguments ...string) ran {
	c.t.Helper()
	command := root()
	var out, complaints bytes.Buffer
	command.SetArgs(arguments)
	command.SetIn(strings.NewReader(in))
	command.SetOut(&out)
	command.SetErr(&complaints)
	err := command.ExecuteContext(c.t.Context())
	code := 0
	if err != nil {
		code = codeOf(err)
		if exit, ok := errors.AsType[exitError](err); !ok || !exit.silent {
			complaints.WriteString(err.Error() + "\n")
		}
	}
	return ran{c.t, out.String(), complaints.String(), code}
}

// withdraw runs the command without asking, and returns the lines of its log.
func (c *counter) withdraw(account, amount string, more ...string) (ran, []map[string]any) {
	c.t.Helper()
	require.NoError(c.t, os.RemoveAll(c.log))
	r := c.run("", append([]string{"withdraw", "--account", account, "--amount", amount, "--log", c.log}, more...)...)
	raw, err := os.ReadFile(c.log)
	require.NoError(c.t, err)
	var lines []map[string]any
	for line := range strings.Lines(string(raw)) {
		var one map[string]any
		require.NoError(c.t, json.Unmarshal([]byte(line), &one), line)
		lines = append(lines, one)
	}
	return r, lines
}

// said counts the events about a withdrawal that the bank has said.
func (c *counter) said() map[string]int {
	c.t.Helper()
	rows, err := c.bank.Owner.Query(context.Background(), `
		select split_part(type, '.', 4), count(*) from delivery.outbox where type like 'dev.quittance.withdrawal.%' group by 1`)
	require.NoError(c.t, err)
	said := map[string]int{}
	for rows.Next() {
		var what string
		var n int
		require.NoError(c.t, rows.Scan(&what, &n))
		said[what] = n
	}
	require.NoError(c.t, rows.Err())
	return said
}

func (c *counter) balance(number int64) client.Amount {
	c.t.Helper()
	var accounts []client.Account
	require.NoError(c.t, json.Unmarshal([]byte(c.run("", "accounts", "--json").ok().out), &accounts))
	for _, a := range accounts {
		if a.Number == number {
			return a.Balance
		}
	}
	c.t.Fatalf("no account %d", number)
	return ""
}

// golden compares with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

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
