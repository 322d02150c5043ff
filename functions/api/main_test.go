package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/fp"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/identity/identitytest"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const role = "quittance_api"

var webhookSecret = "whsec_for_tests"

// bank is the API behind a real server, on a database of its own.
type bank struct {
	t     testing.TB
	url   string
	api   *api
	owner *pgxpool.Pool
	http  *http.Client
	now   time.Time
	log   *recorder // of the API and of the ledger, all levels
	// ledger answers for transfers.
	ledger *ledgerDoor

	issuer *identitytest.Issuer
	token  string // of whoever asks
}

// everything are the scopes of whoever asks where a test does not care.
var everything = []identity.Scope{identity.Customer, identity.Service, identity.Operator, identity.Treasury}

func openBank(t testing.TB) *bank {
	t.Helper()
	return openBankWith(t, nil)
}

// openBankWith has every failpoint that a request passes on its way asked.
func openBankWith(t testing.TB, hook fp.Hook) *bank {
	t.Helper()
	db := pgtest.New(t)
	log := &recorder{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	host := fn.NewHost(Function(), db.Pool(role), fn.Options{Logger: logger, Failpoint: hook})
	issuer := identitytest.New(t)
	b := &bank{t: t, log: log, owner: db.Pool(""), now: time.Now(), issuer: issuer, token: issuer.Token("ada", everything...), http: &http.Client{
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	var err error
	b.ledger = openLedger(t, db, logger, hook)
	b.api, err = build(Options{
		Host: host, Logger: logger, Tokens: issuer.Verifier(), Ledger: b.ledger.caller, Limits: Limits{1e6, 1e6}, Webhooks: Secrets{outside.Literal(webhookSecret)}, Now: func() time.Time { return b.now },
	})
	require.NoError(t, err)
	handler := b.api.handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(fp.With(r.Context(), hook)))
	}))
	b.url = server.URL
	t.Cleanup(func() {
		b.http.CloseIdleConnections()
		server.Close()
		host.Close()
	})
	return b
}

// recorder keeps what is logged.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *recorder) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(line)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request; pairs are headers.
func (b *bank) ask(method, path, body string, pairs ...string) answer {
	b.t.Helper()
	r := b.request(method, path, body)
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Header.Set(pairs[i], pairs[i+1])
	}
	return b.do(r)
}

func (b *bank) request(method, path, body string) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, b.url+path, strings.NewReader(body))
	require.NoError(b.t, err)
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	if method == http.MethodPost {
		r.Header.Set("Idempotency-Key", uuid.NewString())
	}
	if method == http.MethodPost && body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (b *bank) do(r *http.Request) answer {
	b.t.Helper()
	response, err := b.http.Do(r)
	require.NoError(b.t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	require.NoError(b.t, response.Body.Close())
	return answer{response.StatusCode, response.Header, string(body)}
}

func (b *bank) post(path, body string, pairs ...string) answer {
	b.t.Helper()
	return b.ask(http.MethodPost, path, body, pairs...)
}

func (b *bank) get(path string) answer {
	b.t.Helper()
	return b.ask(http.MethodGet, path, "")
}

// as reads the body of an answer that must have the status.
func as[T any](t testing.TB, a answer, status int) (v T) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	require.NoError(t, json.Unmarshal([]byte(a.body), &v), a.body)
	return v
}

// refused asserts a problem of kind k and returns it.
func refused(t testing.TB, a answer, k kind) Problem {
	t.Helper()
	require.Equal(t, k.status, a.status, a.body)
	require.Equal(t, problemMediaType, a.header.Get("Content-Type"))
	p := as[Problem](t, a, k.status)
	require.Equal(t, k.urn(), p.Type, a.body)
	require.Equal(t, k.title, p.Title)
	require.Equal(t, k.detail, p.Detail)
	require.Equal(t, k.status, p.Status)
	require.Equal(t, a.header.Get("X-Request-Id"), p.Instance)
	return p
}

// as is the same bank, asked by somebody else.
func (b *bank) as(subject string, scopes ...identity.Scope) *bank {
	other := *b
	other.token = b.issuer.Token(subject, scopes...)
	return &other
}

// one reads a single value as the owner of everything.
func one[T any](b *bank, sql string, args ...any) (value T) {
	b.t.Helper()
	require.NoError(b.t, b.owner.QueryRow(context.Background(), sql, args...).Scan(&value), sql)
	return value
}

func (b *bank) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.owner.Exec(context.Background(), sql, args...)
	require.NoError(b.t, err)
}

// rows counts the rows of every table of ours.
func (b *bank) rows() string {
	b.t.Helper()
	return one[string](b, `
		select string_agg(t.name || ' ' || (xpath('/row/n/text()', query_to_xml('select count(*) as n from ' || t.name, false, true, '')))[1], ', ' order by t.name)
		from (select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
		      where c.relkind in ('r', 'p') and not c.relispartition
		      and n.nspname in ('accounts', 'banking', 'ledger', 'query', 'invoicing', 'closure', 'notification', 'delivery', 'idempotency')) t`)
}

func (b *bank) said(eventType string) int {
	b.t.Helper()
	return one[int](b, `select count(*) from delivery.outbox where type like 'dev.quittance.' || $1 || '.v1'`, eventType)
}

const ada = `{"name":"Ada Example","email":"ada@example.org","phone":"+41790000000"}`

func (b *bank) customer() string {
	b.t.Helper()
	return as[Customer](b.t, b.post("/customers", ada), 201).CustomerID
}

func (b *bank) account(currency string) string {
	b.t.Helper()
	return as[Account](b.t, b.post("/accounts", `{"customer_id":"`+b.customer()+`","product":"current","currency":"`+currency+`"}`), 201).AccountID
}

// fund puts money into an account without a posting, for tests that look at
// balances only.
func (b *bank) fund(account string, minor int64) {
	b.t.Helper()
	b.exec(`update ledger.account set balance_minor = $2 where id = $1`, account, minor)
}

// invoice of 12.50 EUR.
func (b *bank) invoice(account string) string {
	b.t.Helper()
	return as[Invoice](b.t, b.post("/invoices", `{"account_id":"`+account+`","customer_id":"`+b.customer()+
		`","amount":12.50,"currency":"EUR","reference":"Rent"}`), 201).InvoiceID
}
