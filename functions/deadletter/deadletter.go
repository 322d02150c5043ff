package deadletter

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"quittance.dev/events"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/fn"
)

// sink keeps what ends here.
type sink struct{ count *delivery.Counters }

// New makes the function.
func New(count *delivery.Counters) fn.Function {
	s := sink{count}
	return fn.Function{Name: "dead-letter", Handlers: []fn.Handler{fn.Sink(s.record)}}
}

func (s sink) record(ctx context.Context, tx fn.Tx, letter fn.Letter) ([]events.Data, error) {
	d := read(letter)
	if d.Code == 0 && !heard(d) {
		// Nobody answered, so perhaps not even the Trigger's filter saw it: every
		// Trigger is offered every event of its broker.
		owed, err := delivery.Owed(ctx, tx, d.Consumer, d.Type)
		if err != nil {
			return nil, err
		}
		if !owed {
			fn.Log(ctx).InfoContext(ctx, "given up by the broker, and not owed", "consumer", d.Consumer, "event_id", d.EventID, "event_type", d.Type)
			s.count.NotOwed(ctx, tx, d.Consumer)
			return nil, nil
		}
	}
	verdict, err := delivery.Record(ctx, tx, d)
	if err != nil || verdict != delivery.Recorded {
		return nil, err
	}
	s.count.Recorded(ctx, tx, d.Consumer)
	return []events.Data{events.DeadLetterRecorded{
		DeadLetterID: delivery.IDOf(d), Consumer: d.Consumer, EventType: d.Type,
	}}, nil
}

// heard tells whether in this build the consumer hears the event. The table speaks
// for the newest build, which need not be the one that runs.
func heard(d delivery.DeadLetter) bool {
	entry, ok := events.Lookup(events.Type(d.Type))
	return ok && slices.Contains(entry.Hears, d.Consumer)
}

// read turns what the broker sent into a dead letter. Knative adds
// knativeerrordest, -code and -data (base64) where it knows them, and extensions
// of its own that a replay must not carry.
func read(letter fn.Letter) delivery.DeadLetter {
	d := delivery.DeadLetter{
		Consumer: strings.Trim(letter.Path, "/"), Source: letter.Source, EventID: letter.ID,
		Type: letter.Type, Subject: letter.Subject, ContentType: letter.ContentType, Data: letter.Data,
		Extensions: map[string]string{},
	}
	if d.Consumer == "" {
		d.Consumer = "unknown"
	}
	for name, value := range letter.Extensions {
		switch name {
		case "knativeerrorcode":
			d.Code, _ = strconv.Atoi(value) // absent or broken: not known
		case "knativeerrordata":
			d.Reason = plain(value)
		case "knativeerrordest", "knativearrivaltime", "knativebrokerttl":
		case "correlationid":
			d.CorrelationID = value
		case "traceparent":
			d.TraceParent = value
		default:
			d.Extensions[name] = value
		}
	}
	if d.Reason == "" && d.Code == 0 {
		d.Reason = "no answer in time, or one that was not understood"
	}
	return d
}

// plain decodes what the consumer answered, if that makes it text.
func plain(encoded string) string {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !utf8.Valid(raw) {
		raw = []byte(encoded)
	}
	return strings.Trim(string(raw), " \t\r\n\x00")
}
