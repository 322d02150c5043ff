package knative

import (
	"context"
	"fmt"
	"net/http"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"go.uber.org/zap"
	"knative.dev/pkg/logging"

	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/eventing/pkg/broker"
	"knative.dev/eventing/pkg/eventfilter"
	"knative.dev/eventing/pkg/eventfilter/subscriptionsapi"
)

// composite is "all" or "any" of other filters, with Knative's results.
//
// Knative's own two count their hits to bring the likelier filter forward, and
// read what they count without a lock: harmless, but the race detector ends the
// test (subscriptionsapi/any_filter.go of v0.50.0). So a Trigger with several
// filters is decided here, in front of Knative's filter handler; exact, prefix,
// suffix, not and CESQL are Knative's in both places.
type composite struct {
	any   bool
	parts []eventfilter.Filter
}

func (c composite) Filter(ctx context.Context, e cloudevents.Event) eventfilter.FilterResult {
	decisive := eventfilter.FailFilter
	if c.any {
		decisive = eventfilter.PassFilter
	}
	result := eventfilter.NoFilter
	for _, part := range c.parts {
		if result = part.Filter(ctx, e); result == decisive {
			break
		}
	}
	return result
}

func (composite) Cleanup() {}

// compile returns the filter of a Trigger, or nil when Knative's handler can
// evaluate it without one of the two above. A filter that cannot be built is an
// error; in a cluster it would be skipped, and let everything through.
func compile(filters []eventingv1.SubscriptionsAPIFilter) (eventfilter.Filter, error) {
	if _, err := all(filters); err != nil {
		return nil, err
	}
	if len(filters) <= 1 && !composed(filters) {
		return nil, nil //nolint:nilnil // no filter of ours
	}
	return all(filters)
}

func composed(filters []eventingv1.SubscriptionsAPIFilter) bool {
	for _, f := range filters {
		if len(f.All) > 0 || len(f.Any) > 0 || f.Not != nil && composed([]eventingv1.SubscriptionsAPIFilter{*f.Not}) {
			return true
		}
	}
	return false
}

func all(filters []eventingv1.SubscriptionsAPIFilter) (eventfilter.Filter, error) {
	parts, err := each(filters)
	return composite{parts: parts}, err
}

func each(filters []eventingv1.SubscriptionsAPIFilter) ([]eventfilter.Filter, error) {
	var parts []eventfilter.Filter
	for _, f := range filters {
		part, err := one(f)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func one(f eventingv1.SubscriptionsAPIFilter) (eventfilter.Filter, error) {
	switch {
	case len(f.All) > 0:
		return all(f.All)
	case len(f.Any) > 0:
		parts, err := each(f.Any)
		return composite{any: true, parts: parts}, err
	case f.Not != nil:
		inner, err := one(*f.Not)
		return subscriptionsapi.NewNotFilter(inner), err
	}
	leaf := subscriptionsapi.MaterializeSubscriptionsAPIFilter(zap.NewNop(), f)
	if leaf == nil {
		return nil, fmt.Errorf("filter %+v is empty or invalid", f)
	}
	return leaf, answersYesOrNo(leaf, f)
}

// answersYesOrNo tries a filter on an event. A CESQL expression that is not a
// condition passes admission, and panics in the filter when the first event comes.
func answersYesOrNo(leaf eventfilter.Filter, f eventingv1.SubscriptionsAPIFilter) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("cesql %q is not a condition", f.CESQL)
		}
	}()
	e := cloudevents.NewEvent()
	e.SetID("1")
	e.SetSource("/")
	e.SetType("t")
	e.SetSubject("s")
	leaf.Filter(logging.WithLogger(context.Background(), zap.NewNop().Sugar()), e)
	return nil
}

// passes evaluates f on a request of the fan-out, which is in binary mode: the
// headers say it all.
func passes(f eventfilter.Filter, r *http.Request) bool {
	head := r.WithContext(logging.WithLogger(r.Context(), zap.NewNop().Sugar()))
	head.Body = http.NoBody
	e, err := cehttp.NewEventFromHTTPRequest(head)
	if err != nil {
		return true // Knative's handler will refuse it
	}
	if broker.DeleteTTL(e.Context) != nil { // not the producer's; no filter sees it
		return true
	}
	return f.Filter(head.Context(), *e) != eventfilter.FailFilter
}
