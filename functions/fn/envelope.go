package fn

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
)

// Envelope is one event as it stands in the outbox and travels: the CloudEvents
// attributes and the payload's bytes.
type Envelope struct {
	ID, Source            string
	Type                  events.Type
	Subject, PartitionKey string
	CorrelationID         string // the journey
	CausationID           string // the event before, empty at the door
	TraceParent           string // W3C trace context, empty when not traced
	Broker                events.Broker
	Time                  time.Time
	Data                  []byte // JSON
	Signature             string // made when it is sent: see Signed
}

// EnvelopeColumns are the columns of delivery.outbox that ScanEnvelope reads,
// in its order.
const EnvelopeColumns = `id, source, type, subject, partition_key, correlation_id,
	causation_id, traceparent, broker, created_at, data::text`

// ScanEnvelope reads one row of EnvelopeColumns.
func ScanEnvelope(row pgx.CollectableRow) (e Envelope, err error) {
	var data string
	err = row.Scan(&e.ID, &e.Source, &e.Type, &e.Subject, &e.PartitionKey, &e.CorrelationID,
		&e.CausationID, &e.TraceParent, &e.Broker, &e.Time, &data)
	e.Data = []byte(data)
	return e, err
}

// Request is the event as an HTTP request in the binary mode of CloudEvents.
func (e Envelope) Request(ctx context.Context, url string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(e.Data))
	if err != nil {
		return nil, err
	}
	e.header(r.Header)
	return r, nil
}

// header writes the attributes. Values are ASCII without percent signs, so the
// protocol binding's escaping never comes into play.
func (e Envelope) header(h http.Header) {
	h["Content-Type"] = []string{"application/json"}
	h["Ce-Specversion"] = []string{"1.0"}
	h["Ce-Id"] = []string{e.ID}
	h["Ce-Source"] = []string{e.Source}
	h["Ce-Type"] = []string{string(e.Type)}
	h["Ce-Time"] = []string{e.Time.UTC().Format(time.RFC3339Nano)}
	for name, value := range map[string]string{
		"Ce-Subject": e.Subject, "Ce-Partitionkey": e.PartitionKey,
		"Ce-Correlationid": e.CorrelationID, "Ce-Causationid": e.CausationID,
		"Ce-Traceparent": e.TraceParent, "Traceparent": e.TraceParent,
		"Ce-Signature": e.Signature,
	} {
		if value != "" {
			h[name] = []string{value}
		}
	}
}
