package fn

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
)

// cause is what makes a function say something; everything said derives its id
// from it, so that a retry says the same thing.
type cause struct {
	source, id, correlationID, traceParent string
}

// namespace of the ids that derive from a cause.
var namespace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://quittance.dev/events"))

// DeriveID gives the UUIDv5 of a name made of parts: the same parts, the same
// id, in every process and on every retry.
func DeriveID(parts ...string) string {
	var name []byte
	for _, part := range parts {
		name = strconv.AppendQuote(name, part) // quoting keeps ("a","b") and ("ab") apart
	}
	return uuid.NewSHA1(namespace, name).String()
}

// stamp gives each payload its envelope. It refuses an event that the
// catalogue does not let this function say: that is a mistake in the code.
func (h *Host) stamp(tx Tx, c cause, said []events.Data) ([]Envelope, error) {
	out := make([]Envelope, 0, len(said))
	count := map[events.Type]int{}
	for _, data := range said {
		correlationID := c.correlationID
		if other, ok := data.(Correlated); ok {
			data, correlationID = other.Data, other.CorrelationID
		}
		entry, ok := events.Lookup(data.Type())
		if !ok || !slices.Contains(entry.Says, h.function.Name) {
			return nil, Permanent(fmt.Errorf("the catalogue does not let %s say %s", h.function.Name, data.Type()))
		}
		if err := data.Validate(); err != nil {
			return nil, Permanent(fmt.Errorf("said an invalid %s: %w", data.Type(), err))
		}
		body, err := json.Marshal(data)
		if err != nil {
			return nil, Permanent(fmt.Errorf("encode %s: %w", data.Type(), err))
		}
		n := count[data.Type()]
		count[data.Type()]++
		out = append(out, Envelope{
			ID:     h.derive(c.source, c.id, data.Type(), n),
			Source: h.function.Source(), Type: data.Type(), Subject: data.Subject(), PartitionKey: data.PartitionKey(),
			CorrelationID: correlationID, CausationID: c.id, TraceParent: c.traceParent,
			Broker: entry.Broker, Time: tx.Now(), Data: body,
		})
	}
	return out, nil
}

// queueOutbox adds to batch the statement that stores what was said, in the
// archive and in the relay's queue.
func queueOutbox(batch *pgx.Batch, said []Envelope) {
	if len(said) == 0 {
		return
	}
	columns := make([][]string, 10)
	for _, s := range said {
		for i, value := range []string{
			s.ID, s.Source, string(s.Type), s.Subject, s.PartitionKey,
			s.CorrelationID, s.CausationID, s.TraceParent, string(s.Broker), string(s.Data),
		} {
			columns[i] = append(columns[i], value)
		}
	}
	batch.Queue(`
		with said as (
			insert into delivery.outbox (id, source, type, subject, partition_key,
			       correlation_id, causation_id, traceparent, broker, data, created_at)
			select s.*, now()
			from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
			            $6::text[], $7::text[], $8::text[], $9::text[], $10::json[]) s
			returning broker, source, id, created_at
		)
		insert into delivery.queue (broker, source, id, created_at, due_at)
		select broker, source, id, created_at, created_at from said`,
		columns[0], columns[1], columns[2], columns[3], columns[4],
		columns[5], columns[6], columns[7], columns[8], columns[9])
}

// saidBefore reads what the function said when it handled the event before. The
// ids derive from the event, so they are looked up, not searched for.
func (h *Host) saidBefore(ctx context.Context, r *received) ([]Envelope, error) {
	return h.saidBecause(ctx, r.source, r.id)
}

// Said reads what Transact said under id, if it committed.
func (h *Host) Said(ctx context.Context, id string) ([]Envelope, error) {
	return h.saidBecause(ctx, h.function.Source(), id)
}

func (h *Host) saidBecause(ctx context.Context, source, id string) ([]Envelope, error) {
	var ids []string
	for _, entry := range events.Catalogue() {
		if !slices.Contains(entry.Says, h.function.Name) {
			continue
		}
		for n := range maxSame {
			ids = append(ids, h.derive(source, id, entry.Type, n))
		}
	}
	rows, err := h.pool.Query(ctx, `
		select `+EnvelopeColumns+` from delivery.outbox
		where source = $1 and id = any($2) order by created_at, type, id`, h.function.Source(), ids)
	if err != nil {
		return nil, fmt.Errorf("read what was said: %w", err)
	}
	return pgx.CollectRows(rows, ScanEnvelope)
}

// maxSame is how many events of one type a caller that asks again gets back.
const maxSame = 4

// derive is the id of the n-th event of a type that the function says because
// of another.
func (h *Host) derive(causeSource, causeID string, t events.Type, n int) string {
	return DeriveID(h.function.Name, causeSource, causeID, string(t), strconv.Itoa(n))
}
