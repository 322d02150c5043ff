//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/books"
	"quittance.dev/cmd/internal/demo"
	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/signing"
)

// cluster is what the tests reach of the bank.
type cluster struct {
	keys     *signing.Signer // the relay's
	owner    *pgxpool.Pool
	postgres *forward
	api      *forward
	brokers  *forward // Knative's ingress of all Brokers
	outside  *forward // the books of the outside systems
	logins   *demo.Logins
}

var bank = sync.OnceValues(func() (c cluster, err error) {
	for _, door := range []struct {
		to         **forward
		in, remote string
		target     func() (string, error)
	}{
		{&c.postgres, namespace, "5432", named("statefulset/postgres")},
		{&c.api, namespace, "8012", api}, // where the gateway enters
		{&c.brokers, "knative-eventing", "80", named("service/broker-ingress")},
		{&c.outside, namespace, "8445", named("statefulset/outside")},
	} {
		if *door.to, err = open(door.in, door.remote, door.target); err != nil {
			return c, err
		}
	}
	c.logins = demo.NewLogins("http://" + c.outside.Address + "/issuer") // of all runs: to sign in is dear on purpose
	return c, nil
})

// open gives the tests the cluster, with a pool as the owner of the database.
func here(t *testing.T) *cluster {
	t.Helper()
	c, err := bank()
	require.NoError(t, err)
	c.owner, err = connect(t.Context(), c.postgres.Address, "bank_owner", string(secret(t, "postgres-owner", "password")), secret(t, "postgres-owner", "ca.crt"))
	require.NoError(t, err)
	t.Cleanup(c.owner.Close)
	keys := t.TempDir()
	for _, consumer := range events.Verifying() {
		require.NoError(t, os.WriteFile(filepath.Join(keys, consumer), secret(t, "event-keys-"+consumer, "keys"), 0o600))
	}
	c.keys = signing.Folder(keys, events.Verifying()...)
	return &c
}

func TestMain(m *testing.M) {
	code := m.Run()
	figures.print()
	c, _ := bank()
	for _, door := range []*forward{c.postgres, c.api, c.brokers, c.outside} {
		if door != nil {
			door.close()
		}
	}
	os.Exit(code)
}

// figures are what the suite measured, in the order of the tests.
var figures report

type report struct {
	mu    sync.Mutex
	lines []string
}

func (r *report) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *report) print() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.lines {
		fmt.Println("  *", line)
	}
}

// plain asks over a new connection each time, and not for long: one through a
// forwarding whose pod has gone neither answers nor ends.
var plain = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// play is one run of the demo, whose steps are repeated until they are
// answered.
func (c *cluster) play(run string) demo.Options {
	return demo.Options{
		API: "http://" + c.api.Address, Logins: c.logins, Run: run, Timeout: 10 * time.Minute,
		HTTP: &http.Client{Transport: asAPI{http.DefaultTransport}, Timeout: 30 * time.Second},
	}
}

// asAPI gives requests the name under which the cluster knows the API.
type asAPI struct{ next http.RoundTripper }

func (a asAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = "api." + namespace + ".svc.cluster.local"
	return a.next.RoundTrip(r)
}

// post sends an event to its Broker, signed as the relay would, and returns the
// status.
func (c *cluster) post(ctx context.Context, e fn.Envelope) (int, error) {
	e, err := e.Signed(c.keys)
	if err != nil {
		return 0, err
	}
	return c.postAsItIs(ctx, e)
}

func (c *cluster) postAsItIs(ctx context.Context, e fn.Envelope) (int, error) {
	r, err := e.Request(ctx, "http://"+c.brokers.Address+"/"+namespace+"/"+string(e.Broker))
	if err != nil {
		return 0, err
	}
	response, err := plain.Do(r)
	if err != nil {
		return 0, err
	}
	_ = response.Body.Close()
	return response.StatusCode, nil
}

// said lists the events of journeys, all of them when none is named.
func (c *cluster) said(t *testing.T) []fn.Envelope {
	t.Helper()
	rows, err := c.owner.Query(t.Context(), `select `+fn.EnvelopeColumns+` from delivery.outbox order by created_at, id`)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, fn.ScanEnvelope)
	require.NoError(t, err)
	return all
}

func (c *cluster) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, c.owner.QueryRow(t.Context(), query, args...).Scan(&n), query)
	return n
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, within time.Duration, what string, yes func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !yes() {
		require.False(t, time.Now().After(deadline), "not in time: %s", what)
		time.Sleep(250 * time.Millisecond)
	}
}

// rest waits until nothing is waiting to be sent or handled.
func (c *cluster) rest(t *testing.T, within time.Duration) {
	t.Helper()
	eventually(t, within, "the bank comes to rest", func() bool {
		waiting, err := books.Rest(t.Context(), c.owner)
		require.NoError(t, err)
		return waiting == 0
	})
}

// trueBooks compares every rule of the tables and every book outside.
func (c *cluster) trueBooks(t *testing.T) {
	t.Helper()
	c.rest(t, 5*time.Minute)
	broken, err := books.Tables(t.Context(), c.owner)
	require.NoError(t, err)
	world, err := books.At(t.Context(), plain, "http://"+c.outside.Address)
	require.NoError(t, err)
	outside, err := books.Outside(t.Context(), c.owner, world)
	require.NoError(t, err)
	require.Empty(t, append(broken, outside...))
}
