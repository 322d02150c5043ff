package fn

import (
	"context"
	"fmt"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"quittance.dev/events"
)

// sink is the apply of a function that takes every event, or nil.
func (f Function) sink() func(context.Context, Tx, Letter) ([]events.Data, error) {
	for _, h := range f.Handlers {
		if h.sink != nil {
			return h.sink
		}
	}
	return nil
}

// Bounds of a letter's attributes, in bytes. A consumer may have refused the event
// because one is longer; what is kept of it is cut, and fits an index.
const (
	maxLetterPath      = 200 // the consumer's name, as events carry it
	maxLetterAttribute = 512
	maxLetterExtension = 4096 // Knative's own carry up to 1 KiB of the consumer's answer, in base64
)

// sinkEvent hands the event over as it came, cut to what can be kept.
func (h *Host) sinkEvent(ctx context.Context, path string, e *cloudevents.Event, sink func(context.Context, Tx, Letter) ([]events.Data, error)) error {
	path = keepable(path, maxLetterPath)
	letter := Letter{
		Path: path, ID: keepable(e.ID(), maxLetterAttribute), Source: keepable(e.Source(), maxLetterAttribute),
		Type: keepable(e.Type(), maxLetterAttribute), Subject: keepable(e.Subject(), maxLetterAttribute),
		Extensions: map[string]string{}, ContentType: keepable(e.DataContentType(), maxLetterAttribute), Data: e.Data(),
	}
	for name, value := range e.Extensions() {
		letter.Extensions[name] = keepable(fmt.Sprint(value), maxLetterExtension)
	}
	correlationID := letter.Extensions["correlationid"]
	if correlationID == "" {
		correlationID = letter.ID
	}
	ctx = WithLog(ctx, "correlation_id", correlationID, "event_id", letter.ID, "event_type", letter.Type)
	r := h.lane("").do(&unit{
		ctx: ctx,
		// Two consumers may fail on one event: the path keeps their letters apart.
		cause: cause{source: letter.Source + path, id: letter.ID, correlationID: correlationID, traceParent: letter.Extensions["traceparent"]},
		run: func(ctx context.Context, tx Tx) ([]events.Data, error) {
			return sink(ctx, tx, letter)
		},
	})
	if r.err != nil {
		h.log(ctx).ErrorContext(ctx, "not recorded", "error", r.err)
	}
	return r.err
}
