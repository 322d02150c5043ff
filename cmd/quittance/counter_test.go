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

	"github.com/stretchr/testify/require"

	"quittance.dev/client"
	"quittance.dev/cmd/internal/bank"
	"quittance.dev/cmd/internal/demo"
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
