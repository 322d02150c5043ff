package deadletter_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"quittance.dev/events"
	"quittance.dev/functions/deadletter"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/delivery/deliverytest"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/pgtest"
)

type bench struct {
	*deliverytest.Rows
	door   *fntest.Door
	meters *sdkmetric.ManualReader
}

// open serves the sink; path is the part of the address that a Trigger adds.
func open(t *testing.T, path string) *bench {
	t.Helper()
	db := pgtest.New(t)
	meters := sdkmetric.NewManualReader()
	count := delivery.NewCounters(sdkmetric.NewMeterProvider(sdkmetric.WithReader(meters)))
	b := &bench{
		Rows: deliverytest.NewRows(t, db.Pool("")), meters: meters,
		door: fntest.Open(t, deadletter.New(count), db.Pool("quittance_dead_letter"), fn.Options{}),
	}
	b.door.URL += path
	return b
}

// counted is what the counter of that name has for the consumer.
func (b *bench) counted(t *testing.T, name, consumer string) (sum int64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, b.meters.Collect(t.Context(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			data, ok := m.Data.(metricdata.Sum[int64])
			if !ok || m.Name != name {
				continue
			}
			for _, point := range data.DataPoints {
				if v, ok := point.Attributes.Value(attribute.Key("consumer")); ok && v.AsString() == consumer {
					sum += point.Value
				}
			}
		}
	}
	return sum
}

func (b *bench) post(t *testing.T, e fn.Envelope, header ...string) {
	t.Helper()
	status, text := b.door.Post(t, e, header...)
	require.Equal(t, http.StatusOK, status, text)
	require.Empty(t, text)
}

// TestB27_DeadLetter: everything that Knative says is kept for the person who
// looks, but what only concerned its own delivery.
func TestB27_DeadLetter(t *testing.T) {
	t.Parallel()
	b := open(t, "/closure-e")
	e := deliverytest.Event()
	b.post(t, e,
		"Ce-Knativeerrordest", "http://closure-e.quittance.svc.cluster.local/", "Ce-Knativeerrorcode", "422",
		"Ce-Knativeerrordata", base64.StdEncoding.EncodeToString([]byte("the account is gone, für immer\x00\n")),
		"Ce-Knativearrivaltime", "2026-01-02T03:04:05Z", "Ce-Knativebrokerttl", "255", "Ce-Custom", "kept")
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where consumer = 'closure-e' and source = $1 and event_id = $2 and type = $3
		and subject = $4 and correlation_id = $5 and traceparent = $6 and data = $7 and content_type = 'application/json'
		and error_code = 422 and reason = 'the account is gone, für immer' and status = 'open' and attempts = 1
		and extensions = jsonb_build_object('custom', 'kept', 'partitionkey', $8::text, 'causationid', 'the cause')`,
		e.Source, e.ID, e.Type, e.Subject, e.CorrelationID, e.TraceParent, e.Data, e.PartitionKey))
	require.Equal(t, 1, b.Count(`from delivery.outbox o join delivery.dead_letter d on o.subject = d.id::text
		where o.type = $1 and o.correlation_id = $2 and o.causation_id = $3 and o.broker = 'notices' and o.data->>'consumer' = 'closure-e' and o.data->>'event_type' = $4`,
		events.TypeDeadLetterRecorded, e.CorrelationID, e.ID, e.Type))
	require.Zero(t, b.Count(`from delivery.idempotency`), "a sink claims nothing")

	b.post(t, e)
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where times = 2`))
	require.Equal(t, 1, b.Count(`from delivery.outbox`), "said once")
}

// TestReasons: the consumer's own record, else what the broker was answered,
// else that nobody knows.
func TestReasons(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		recorded bool
		header   []string
		want     string
	}{
		"the consumer's own record":   {true, []string{"Ce-Knativeerrorcode", "503", "Ce-Knativeerrordata", "bm90IHlldA=="}, "E refused the certificate"},
		"after a timeout, its record": {true, nil, "E refused the certificate"},
		"what the broker was told":    {false, []string{"Ce-Knativeerrorcode", "400", "Ce-Knativeerrordata", "cGF5bG9hZCBsYWNrcyB4"}, "payload lacks x"},
		"told without base64":         {false, []string{"Ce-Knativeerrorcode", "400", "Ce-Knativeerrordata", "no such thing!"}, "no such thing!"},
		"told in no text":             {false, []string{"Ce-Knativeerrordata", "//8="}, "//8="},
		"a code alone":                {false, []string{"Ce-Knativeerrorcode", "500"}, "no reason given"},
		"a code that is none":         {false, []string{"Ce-Knativeerrorcode", "what"}, "no answer in time, or one that was not understood"},
		"nothing at all":              {false, nil, "no answer in time, or one that was not understood"},
		"a very long one":             {false, []string{"Ce-Knativeerrordata", strings.Repeat("x", 1024)}, strings.Repeat("x", 1024)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, "/closure-e/")
			e := deliverytest.Event()
			if tt.recorded {
				b.Exec(`insert into delivery.failure (consumer, source, id, attempts, last_error)
					values ('closure-e', $1, $2, 6, 'E refused the certificate'), ('other', $1, $2, 1, 'no')`, e.Source, e.ID)
			}
			b.post(t, e, tt.header...)
			require.Equal(t, tt.want, deliverytest.One[string](b.Rows, `select reason from delivery.dead_letter where consumer = 'closure-e'`))
		})
	}
}

// TestVerdicts: a dead letter that is none leaves no trace but its redelivery.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	b := open(t, "/payment")
	done, busy := deliverytest.Event(), b.Sent(time.Minute)
	b.Done("payment", done)
	b.post(t, done, "Ce-Knativeerrorcode", "503")
	b.Claimed("payment", busy, time.Minute)
	b.post(t, busy, "Ce-Knativeerrorcode", "409")
	require.Zero(t, b.Count(`from delivery.dead_letter`))
	require.Zero(t, b.Count(`from delivery.outbox where source = '/functions/dead-letter'`))
	require.Equal(t, 1, b.Count(`from delivery.redelivery where consumer = 'payment' and id = $1`, busy.ID))

	replayed := deliverytest.Event()
	b.post(t, replayed, "Ce-Knativeerrorcode", "422")
	b.Exec(`update delivery.dead_letter set status = 'replayed'`)
	b.post(t, replayed, "Ce-Knativeerrorcode", "422")
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where status = 'open' and times = 2`))
	require.Equal(t, 2, b.Count(`from delivery.outbox where source = '/functions/dead-letter'`), "open again: somebody must be told again")
}

// TestNotOwed: a broker that is short of everything gives up on an event before
// its filter has seen it. Whom the filter would have left out has lost nothing.
func TestNotOwed(t *testing.T) {
	t.Parallel()
	b := open(t, "/payment")
	e := deliverytest.Event()
	b.post(t, e)
	require.Equal(t, 1, b.Count(`from delivery.dead_letter`), "nothing is known of the consumer")
	b.Exec(`truncate delivery.dead_letter`)

	b.Exec(`insert into delivery.subscription (consumer, type) values ('payment', $1)`, events.TypeProcessorNotified)
	b.post(t, e)
	require.Zero(t, b.Count(`from delivery.dead_letter`))
	require.EqualValues(t, 1, b.counted(t, "quittance.dead_letters.not_owed", "payment"), "an operator sees that there are such")
	b.post(t, e, "Ce-Knativeerrorcode", "400")
	require.Equal(t, 1, b.Count(`from delivery.dead_letter`), "somebody did send it there: a mistake in a manifest")
	b.Exec(`truncate delivery.dead_letter`)

	b.Owes("payment") // what it hears now
	b.post(t, e)
	require.Equal(t, 1, b.Count(`from delivery.dead_letter`))
	require.EqualValues(t, 1, b.counted(t, "quittance.dead_letters.not_owed", "payment"))
}

// TestTwoConsumersOfOneEvent: each has its letter, and each is told of.
func TestTwoConsumersOfOneEvent(t *testing.T) {
	t.Parallel()
	b := open(t, "")
	e, url := deliverytest.Event(), b.door.URL
	for _, consumer := range []string{"payment", "receipt"} {
		b.door.URL = url + "/" + consumer
		b.post(t, e, "Ce-Knativeerrorcode", "422")
	}
	b.post(t, e, "Ce-Knativeerrorcode", "422") // known already
	require.EqualValues(t, 1, b.counted(t, "quittance.dead_letters.recorded", "receipt"))
	require.Equal(t, 2, b.Count(`from delivery.dead_letter where event_id = $1`, e.ID))
	require.Equal(t, 2, deliverytest.One[int](b.Rows, `select count(distinct id)::int from delivery.outbox
		where type = $1 and traceparent like $2`, events.TypeDeadLetterRecorded, e.TraceParent[:35]+"%"))
}

// TestOddLetters: whatever ends here is kept, not refused.
func TestOddLetters(t *testing.T) {
	t.Parallel()
	b := open(t, "")
	for _, e := range []fn.Envelope{
		{ID: "1", Source: "urn:elsewhere", Type: "com.example.unknown", Data: []byte("\x00\x01 no JSON")},
		{ID: "2", Source: "urn:elsewhere", Type: "com.example.unknown"},
		{ID: "3", Source: "urn:elsewhere", Type: "dev.knative.sources.ping", Data: []byte(`{}`)},
	} {
		b.post(t, e)
	}
	long := strings.Repeat("x", 10000) // more than fits an index
	b.post(t, fn.Envelope{ID: long, Source: long, Type: events.Type(long), Subject: long, CorrelationID: long, Data: []byte(`{}`)}, "Ce-Custom", "caf\xe9")
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where event_id = left($1, 512) and extensions->>'custom' = 'caf'`, long))
	require.Equal(t, 4, b.Count(`from delivery.dead_letter where consumer = 'unknown'`))
	require.EqualValues(t, 4, b.counted(t, "quittance.dead_letters.recorded", "unknown"))
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where data = '\x0001206e6f204a534f4e'`))
}
