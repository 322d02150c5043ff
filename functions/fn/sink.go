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

// sinkEvent hands the event over as it is.
func (h *Host) sinkEvent(ctx context.Context, path string, e *cloudevents.Event, sink func(context.Context, Tx, Letter) ([]events.Data, error)) error {
	letter := Letter{
		Path: path, ID: e.ID(), Source: e.Source(), Type: e.Type(), Subject: e.Subject(),
		Extensions: map[string]string{}, ContentType: e.DataContentType(), Data: e.Data(),
	}
	for name, value := range e.Extensions() {
		letter.Extensions[name] = fmt.Sprint(value)
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
