package knative_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/knative"
)

// patience is how long a test waits for something that must happen.
const patience = 20 * time.Second

// load reads manifests written in a test.
func load(t testing.TB, documents ...string) *knative.Manifests {
	t.Helper()
	m, err := knative.Load("quittance", fstest.MapFS{"test.yaml": {Data: []byte(strings.Join(documents, "\n---\n"))}})
	require.NoError(t, err)
	return m
}

func brokerYAML(name, spec string) string {
	return fmt.Sprintf("apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: {name: %s}\nspec: %s", name, spec)
}

// triggerYAML leads everything from a Broker to the service of the Trigger's name.
func triggerYAML(name, broker, delivery string) string {
	return fmt.Sprintf(`apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: %s}
spec:
  broker: %s
  subscriber: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: %s}}
  delivery: %s
`, name, broker, name, delivery)
}

const toDeadLetter = "deadLetterSink: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: dead-letter}, uri: /payment}"

// start runs a data plane for the length of the test.
func start(t testing.TB, o knative.Options) *knative.Broker {
	t.Helper()
	b, err := knative.Start(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, b.Close(ctx))
	})
	return b
}

// A delivery is a request as a consumer saw it.
type delivery struct {
	at      time.Time
	path    string
	header  http.Header
	body    string
	attempt int // at this consumer, of this event
}

func (d delivery) id() string { return d.header.Get("Ce-Id") }

// A recorder is a consumer that keeps what it gets and answers as it is told.
type recorder struct {
	answer func(w http.ResponseWriter, d delivery) // nil: 200

	mu    sync.Mutex
	got   []delivery
	count map[string]int
	news  chan struct{}
}

func answering(status int, body string) *recorder {
	return &recorder{answer: func(w http.ResponseWriter, _ delivery) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}}
}

func (c *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d := delivery{at: at, path: r.URL.Path, header: r.Header.Clone(), body: string(body)}
	c.mu.Lock()
	if c.count == nil {
		c.count = make(map[string]int)
	}
	c.count[d.id()]++
	d.attempt = c.count[d.id()]
	c.got = append(c.got, d)
	if c.news != nil {
		close(c.news)
		c.news = nil
	}
	c.mu.Unlock()
	if c.answer != nil {
		c.answer(w, d)
	}
}

func (c *recorder) deliveries() []delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]delivery(nil), c.got...)
}

// wait returns when n deliveries have come.
func (c *recorder) wait(t testing.TB, n int) []delivery {
	t.Helper()
	late := time.After(patience)
	for {
		c.mu.Lock()
		if len(c.got) >= n {
			got := append([]delivery(nil), c.got...)
			c.mu.Unlock()
			return got
		}
		if c.news == nil {
			c.news = make(chan struct{})
		}
		news := c.news
		c.mu.Unlock()
		select {
		case <-news:
		case <-late:
			require.FailNow(t, "deliveries did not come", "have %d, want %d", len(c.deliveries()), n)
		}
	}
}

// post sends an event in binary mode and returns the status answered, 0 when the
// connection was cut.
func post(t testing.TB, b *knative.Broker, url, id string, attributes ...string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(`{"n":1}`))
	require.NoError(t, err)
	for name, value := range map[string]string{
		"Ce-Specversion": "1.0", "Ce-Id": id, "Ce-Source": "/test", "Ce-Type": "dev.quittance.payment.validated.v1",
		"Ce-Subject": "inv-1", "Ce-Correlationid": "journey-1", "Content-Type": "application/json",
	} {
		req.Header.Set(name, value)
	}
	for i := 0; i+1 < len(attributes); i += 2 {
		req.Header.Set("Ce-"+attributes[i], attributes[i+1])
	}
	res, err := (&http.Client{Transport: b.Transport()}).Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// A ledger is a Journal that keeps everything.
type ledger struct {
	mu   sync.Mutex
	hops []knative.Hop
}

func (l *ledger) Record(h knative.Hop) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hops = append(l.hops, h)
}

func (l *ledger) all() []knative.Hop {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]knative.Hop(nil), l.hops...)
}
