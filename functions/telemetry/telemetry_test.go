package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	"quittance.dev/config"
	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/delivery/deliverytest"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/relay"
	"quittance.dev/functions/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, c config.Telemetry) (metrics http.Handler, stop func(context.Context) error) {
	t.Helper()
	metrics, stop, err := telemetry.Start(t.Context(), "a-function", c)
	require.NoError(t, err)
	t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })
	return metrics, stop
}

// TestB24_A25_Metrics: everything of which the documentation speaks is there
// after a little life, with its labels, and nothing else.
func TestB24_A25_Metrics(t *testing.T) {
	handler, stop := start(t, config.Telemetry{})
	live(t)
	scraped := scrape(t, handler)
	documented := documentation(t)
	require.ElementsMatch(t, slices.Collect(maps.Keys(documented)), slices.Collect(maps.Keys(scraped)))
	for name, labels := range documented {
		require.NotEmpty(t, scraped[name].GetHelp(), name)
		for _, m := range scraped[name].GetMetric() {
			var has []string
			for _, l := range m.GetLabel() {
				has = append(has, l.GetName())
			}
			require.Subset(t, has, labels, name)
		}
	}
	require.Equal(t, dto.MetricType_COUNTER, scraped["quittance_deliveries_total"].GetType())
	require.Equal(t, dto.MetricType_HISTOGRAM, scraped["quittance_relay_lag_seconds"].GetType())
	seconds := []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 8, 10, math.Inf(1)}
	histograms := map[string][]float64{"quittance_group_size": {1, 2, 4, 8, 16, 32, 64, 128, math.Inf(1)}}
	for name, family := range scraped {
		if family.GetType() != dto.MetricType_HISTOGRAM {
			continue
		}
		want, ok := histograms[name]
		if !ok {
			require.True(t, strings.HasSuffix(name, "_seconds"), "%s: which buckets are its own?", name)
			want = seconds
		}
		for _, m := range family.GetMetric() {
			require.Equal(t, want, edges(m.GetHistogram()), name)
		}
		histograms[name] = want
	}
	require.Len(t, histograms, 5, "deliveries, requests, posts, lag and groups")
	require.NoError(t, stop(t.Context()))
}

// live makes every instrument of the bank count.
func live(t *testing.T) {
	db := pgtest.New(t)
	rows := deliverytest.NewRows(t, db.Pool(""))
	count, letters := closure.NewCounters(otel.GetMeterProvider()), delivery.NewCounters(otel.GetMeterProvider())
	tries := 0
	local := fntest.Open(t, fn.Function{Name: "validation", Handlers: []fn.Handler{fn.Local(
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			if tries++; tries == 1 {
				return nil, &pgconn.PgError{Code: "40001"}
			}
			count.Started(ctx, tx)
			count.Completed(ctx, tx)
			count.Failed(ctx, tx, "mambu")
			letters.Recorded(ctx, tx, "payment")
			letters.NotOwed(ctx, tx, "payment")
			return []events.Data{events.PaymentValidated(in.Data)}, nil
		})}}, db.Pool("quittance_validation"), fn.Options{})
	e := fntest.Event(events.PaymentSubmitted{PaymentID: uuid.NewString(), InvoiceID: uuid.NewString(), AmountMinor: 1, Currency: "EUR"})
	for want, data := range map[int][]byte{http.StatusOK: e.Data, http.StatusUnprocessableEntity: bytes.Replace(e.Data, []byte(`:1,`), []byte(`:2,`), 1)} {
		if want == http.StatusUnprocessableEntity {
			status, _ := local.Post(t, e)
			require.Equal(t, http.StatusOK, status)
		}
		again := e
		again.Data = data
		status, text := local.Post(t, again)
		require.Equal(t, want, status, text)
	}

	remote := fntest.Open(t, fn.Function{Name: "payment", Handlers: []fn.Handler{fn.Remote(
		func(context.Context, fn.Tx, fn.In[events.PaymentValidated]) (fn.Plan[string], error) {
			return fn.Call("key"), nil
		},
		func(context.Context, string) (string, error) { return "", errors.New("no answer") },
		func(context.Context, fn.Tx, fn.In[events.PaymentValidated], string, string) ([]events.Data, error) {
			return nil, nil
		},
	)}}, db.Pool("quittance_payment"), fn.Options{})
	charge := fntest.Event(events.PaymentValidated{PaymentID: uuid.NewString(), InvoiceID: uuid.NewString(), AmountMinor: 1, Currency: "EUR"})
	charge.Broker = events.Payments
	rows.Put(&charge) // an event that was never said could not be put off
	for _, want := range []int{503, 503, 200} {
		status, text := remote.Post(t, charge)
		require.Equal(t, want, status, text)
	}

	fn.Observe("api", http.NewServeMux()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))

	broker := deliverytest.NewEar(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	carrier := relay.New(db.Pool("quittance_relay"), relay.Options{
		Keys:      fntest.Keys,
		BrokerURL: func(events.Broker) string { return broker.URL }, ConsumerURL: func(string) string { return broker.URL },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	go func() { done <- carrier.Run(ctx) }()
	rows.Eventually(0, `from delivery.queue`)
	cancel()
	require.NoError(t, <-done)
}

func scrape(t *testing.T, handler http.Handler) map[string]*dto.MetricFamily {
	t.Helper()
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, answer.Code)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	require.NoError(t, err)
	delete(families, "target_info") // of OpenTelemetry's own
	return families
}

// edges are the upper bounds of a histogram's buckets.
func edges(h *dto.Histogram) (upper []float64) {
	for _, bucket := range h.GetBucket() {
		upper = append(upper, bucket.GetUpperBound())
	}
	return upper
}

// documentation reads the table of metrics: the first column names them, with
// the labels that an alert may use.
func documentation(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/observability.md")
	require.NoError(t, err)
	documented := map[string][]string{}
	name := regexp.MustCompile("`([a-z_]+)(?:{([a-z_,]+)})?`")
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, m := range name.FindAllStringSubmatch(cells[1], -1) {
			documented[m[1]] = nil
			if m[2] != "" {
				documented[m[1]] = strings.Split(m[2], ",")
			}
		}
	}
	require.Greater(t, len(documented), 5)
	return documented
}

// TestTraces go to the collector when the process ends, if there is one, as
// many as are asked for.
func TestTraces(t *testing.T) {
	for _, tt := range []struct {
		prefix string
		ratio  float64
		sent   bool
	}{{"", 1, true}, {"/tenant/", 1, true}, {"", 0, false}} {
		var posts []string
		collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err == nil && bytes.Contains(body, []byte("a-span")) && bytes.Contains(body, []byte("a-function")) {
				posts = append(posts, r.Method+" "+r.URL.Path)
			}
		}))
		_, stop := start(t, config.Telemetry{Endpoint: collector.URL + tt.prefix, SampleRatio: tt.ratio})
		_, span := otel.Tracer("test").Start(t.Context(), "a-span")
		span.End()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		require.NoError(t, stop(ctx))
		cancel()
		collector.Close()
		if tt.sent {
			require.Equal(t, []string{"POST " + strings.TrimSuffix(tt.prefix, "/") + "/v1/traces"}, posts)
		} else {
			require.Empty(t, posts)
		}
	}
}

// TestBrokenEndpoint is found at the start.
func TestBrokenEndpoint(t *testing.T) {
	_, _, err := telemetry.Start(t.Context(), "a-function", config.Telemetry{Endpoint: "http://[broken"})
	require.ErrorContains(t, err, "traces")
}

func TestE10_Logger(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger, err := telemetry.Logger(&out, "warn")
	require.NoError(t, err)
	logger.Info("not this")
	logger.Warn("this", "closure_id", "c")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line), out.String())
	require.Equal(t, "this", line["msg"])
	require.Equal(t, "WARN", line["level"])
	require.Equal(t, "c", line["closure_id"])
	require.Contains(t, line, "time")
	_, err = telemetry.Logger(&out, "loud")
	require.ErrorContains(t, err, "log level")
}
