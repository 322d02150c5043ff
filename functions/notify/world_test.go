package notify_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/config"
	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/mail"
	"quittance.dev/functions/mail/mailtest"
	"quittance.dev/functions/notify"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/sms"
	"quittance.dev/functions/sms/smstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const role = "quittance_notification"

// The canaries: whatever is personal about the customer of the tests.
const (
	canaryName  = "Canarina Zeisig"
	canaryMail  = "canarina.zeisig@canary.example"
	canaryPhone = "+41790099887"
)

// options of a world; the zero value is a gateway in a good mood.
type options struct {
	smtp      bool // instead of the gateway
	config    notify.Config
	failpoint func(string) error
}

// world is the function on a database of its own, between real senders and
// emulators with books.
type world struct {
	t        *testing.T
	owner    *pgxpool.Pool
	door     *fntest.Door
	gateway  *mailtest.Gateway
	smtp     *mailtest.SMTP
	sms      *smstest.Emulator
	logs     *lockedBuffer
	customer string
	account  string
}

func newWorld(t *testing.T, o options) *world {
	t.Helper()
	db := pgtest.New(t)
	w := &world{t: t, owner: db.Pool(""), logs: &lockedBuffer{}, customer: uuid.NewString(), account: uuid.NewString()}
	logger := slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var sender mail.Sender
	if o.smtp {
		w.smtp, sender = openSMTP(t, logger)
	} else {
		w.gateway, sender = openGateway(t, logger)
	}
	if o.config.From == "" {
		o.config.From = "Quittance <no-reply@quittance.example>"
	}
	var texts *sms.Client
	w.sms, texts = openSMS(t, logger)
	setUp(t, w.owner, w.customer, w.account)
	w.door = fntest.Open(t, notify.New(o.config, sender, texts), db.Pool(role), fn.Options{Logger: logger, Failpoint: o.failpoint})
	return w
}

// setUp makes a customer with an account.
func setUp(t testing.TB, owner *pgxpool.Pool, customer, account string) {
	t.Helper()
	exec(t, owner, `insert into accounts.customer (id, owner, name, email, phone) values ($1, $1, $2, $3, $4)`, customer, canaryName, canaryMail, canaryPhone)
	exec(t, owner, `insert into accounts.account (id, customer_id, product, currency) values ($1, $2, 'simple-savings', 'EUR')`, account, customer)
}

func exec(t testing.TB, owner *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	_, err := owner.Exec(context.Background(), sql, args...)
	require.NoError(t, err)
}

func openGateway(t testing.TB, logger *slog.Logger) (*mailtest.Gateway, mail.Sender) {
	t.Helper()
	gateway, err := mailtest.NewGateway(mailtest.GatewayConfig{})
	require.NoError(t, err)
	server := httptest.NewServer(gateway)
	t.Cleanup(func() {
		require.NoError(t, gateway.Close())
		server.Close()
	})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return gateway, mail.NewGateway(
		config.MailGateway{BaseURL: server.URL, Tries: 1},
		outside.Options{
			Transport: transport, AllowPlainHTTP: true, AttemptTimeout: 300 * time.Millisecond, Logger: logger,
			Authorize: func(r *http.Request) error {
				r.Header.Set("Authorization", "Bearer re_test")
				return nil
			},
		})
}

func openSMS(t testing.TB, logger *slog.Logger) (*smstest.Emulator, *sms.Client) {
	t.Helper()
	emulator, err := smstest.New(smstest.Config{})
	require.NoError(t, err)
	server := httptest.NewServer(emulator)
	t.Cleanup(func() {
		require.NoError(t, emulator.Close())
		server.Close()
	})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return emulator, sms.New(
		config.SMS{BaseURL: server.URL, AccountSID: "AC1", From: "+15005550006", Tries: 1},
		outside.Options{
			Transport: transport, AllowPlainHTTP: true, AttemptTimeout: 300 * time.Millisecond, Logger: logger,
			Authorize: func(r *http.Request) error {
				r.SetBasicAuth("AC1", "secret")
				return nil
			},
		})
}

func openSMTP(t testing.TB, logger *slog.Logger) (*mailtest.SMTP, mail.Sender) {
	t.Helper()
	server, err := mailtest.NewSMTP(mailtest.SMTPConfig{})
	require.NoError(t, err)
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with Close
	}()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		<-served
	})
	at := listener.Addr().(*net.TCPAddr)
	sender, err := mail.NewSMTP(config.SMTP{Host: at.IP.String(), Port: at.Port, TLS: "none", Timeout: 500 * time.Millisecond}, logger)
	require.NoError(t, err)
	return server, sender
}

func (w *world) mood(moods ...outsidetest.Mood) {
	w.t.Helper()
	if w.smtp != nil {
		require.NoError(w.t, w.smtp.Moods.Script(moods...))
		return
	}
	require.NoError(w.t, w.gateway.Moods.Script(moods...))
}

// mails is what reached the customer, by the other side's own book.
func (w *world) mails() []mailtest.Mail {
	if w.smtp != nil {
		return w.smtp.Mails()
	}
	return w.gateway.Mails()
}

// hear delivers d once, as a new event, and requires the answer.
func (w *world) hear(status int, d events.Data) {
	w.t.Helper()
	got, body := w.door.Post(w.t, fntest.Event(d))
	require.Equal(w.t, status, got, "%s: %s", d.Type(), body)
}

// paidIn is a deposit, which a text message tells of.
func (w *world) paidIn() events.DepositCompleted {
	return events.DepositCompleted{OperationID: uuid.NewString(), AccountID: w.account, AmountMinor: 100, Currency: "EUR", BalanceMinor: 100, AccountSeq: 1}
}

func (w *world) closed() events.AccountClosed {
	return events.AccountClosed{AccountID: w.account, ClosureID: uuid.NewString()}
}

// requested is what the function has asked itself to send, from the outbox.
func (w *world) requested() []fn.Envelope {
	w.t.Helper()
	rows, err := w.owner.Query(context.Background(), `
		select `+fn.EnvelopeColumns+` from delivery.outbox where type = $1 order by created_at, id`, events.TypeNotificationRequested)
	require.NoError(w.t, err)
	list, err := pgx.CollectRows(rows, fn.ScanEnvelope)
	require.NoError(w.t, err)
	return list
}

// send delivers every request to send, once, and returns the answers.
func (w *world) send() []int {
	w.t.Helper()
	var answers []int
	for _, e := range w.requested() {
		status, _ := w.door.Post(w.t, e)
		answers = append(answers, status)
	}
	return answers
}

// said counts what the function has said, without the requests.
func (w *world) said() map[events.Type]int {
	w.t.Helper()
	rows, err := w.owner.Query(context.Background(), `select type from delivery.outbox where type <> $1`, events.TypeNotificationRequested)
	require.NoError(w.t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[events.Type])
	require.NoError(w.t, err)
	count := map[events.Type]int{}
	for _, t := range list {
		count[t]++
	}
	return count
}

// row is a notification as it stands.
type row struct {
	Kind, Channel, State, ProviderID, LastError string
	Claimed, Sent                               bool
}

func (w *world) rows() []row {
	w.t.Helper()
	rows, err := w.owner.Query(context.Background(), `
		select kind, channel, state, coalesce(provider_id, ''), coalesce(last_error, ''), claimed_at is not null, sent_at is not null
		from notification.notification order by kind, channel`)
	require.NoError(w.t, err)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	require.NoError(w.t, err)
	return list
}

// only is the one notification that there is.
func (w *world) only() row {
	w.t.Helper()
	rows := w.rows()
	require.Len(w.t, rows, 1)
	return rows[0]
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
