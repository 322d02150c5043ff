package stripe_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/config"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/stripe"
	"quittance.dev/functions/stripe/stripetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	apiKey        = "sk_test_canary_4eC39HqLyjWDarjtT1zdp7dc"
	webhookSecret = "whsec_canary_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// rig is a client and the processor that it talks to over a loopback listener.
type rig struct {
	*stripetest.Emulator
	client *stripe.Client
	server *httptest.Server
}

func newRig(t *testing.T, c stripetest.Config) *rig {
	t.Helper()
	c.APIKey, c.Logger = apiKey, quiet
	emulator, err := stripetest.New(c)
	require.NoError(t, err)
	server := httptest.NewServer(emulator)
	t.Cleanup(func() {
		emulator.Moods.Close()
		server.Close()
		require.NoError(t, emulator.Close())
	})
	return &rig{Emulator: emulator, server: server, client: newClient(server.URL, quiet)}
}

func newClient(url string, log *slog.Logger) *stripe.Client {
	return stripe.New(
		config.Stripe{BaseURL: url, Timeout: 250 * time.Millisecond, AllowPlainHTTP: true, AllowPrivateNetwork: true},
		outside.Options{
			Authorize: outside.Bearer(outside.Literal(apiKey)),
			WaitMin:   time.Millisecond, WaitMax: 5 * time.Millisecond, Logger: log,
		},
	)
}

var numbers = struct {
	sync.Mutex
	n int
}{}

// request is a good request, different from every other.
func request() stripe.ChargeRequest {
	numbers.Lock()
	defer numbers.Unlock()
	numbers.n++
	id := fmt.Sprintf("pay-%d", numbers.n)
	return stripe.ChargeRequest{
		PaymentID: id, InvoiceID: "inv-1", AmountMinor: 12050, Currency: "EUR",
		PaymentMethod: "pm_card_visa", Key: "charge:" + id,
	}
}

// logBook collects log lines from several goroutines.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
