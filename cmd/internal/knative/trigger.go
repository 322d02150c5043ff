package knative

import (
	"errors"
	"time"

	eventingduck "knative.dev/eventing/pkg/apis/duck/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/eventing/pkg/kncloudevents"
)

// ErrFilterForm is what ExactTypes says of a filter that it does not read.
var ErrFilterForm = errors.New("filters must be one exact type, or any of exact types")

// ExactTypes lists the types that a Trigger lets through. Only one form is read,
// so that people and programs see the same: filters with exact types, one or any
// of several. Another form may let everything through by mistake.
func ExactTypes(t *eventingv1.Trigger) ([]string, error) {
	old := t.Spec.Filter // admission fills an empty one in
	if old != nil && len(old.Attributes) > 0 || len(t.Spec.Filters) != 1 {
		return nil, ErrFilterForm
	}
	filters := t.Spec.Filters
	if several := t.Spec.Filters[0].Any; len(several) > 0 {
		filters = several
	}
	var types []string
	for _, f := range filters {
		eventType := f.Exact["type"]
		if len(f.Exact) != 1 || eventType == "" || len(f.Any)+len(f.All)+len(f.Prefix)+len(f.Suffix) > 0 || f.Not != nil || f.CESQL != "" {
			return nil, ErrFilterForm
		}
		types = append(types, eventType)
	}
	return types, nil
}

// Consumer is the name of the Service that a Trigger serves, or nothing.
func Consumer(t *eventingv1.Trigger) string {
	if t.Spec.Subscriber.Ref == nil {
		return ""
	}
	return t.Spec.Subscriber.Ref.Name
}

// Timing is how long a Trigger tries.
type Timing struct {
	Attempts int           // the first one included
	Delay    time.Duration // the unit of the pauses, as Knative reads it
	Waits    time.Duration // all pauses between attempts together
	Timeout  time.Duration // of one attempt
}

// Longest is how long it may take until the Trigger gives up.
func (t Timing) Longest() time.Duration {
	return t.Waits + time.Duration(t.Attempts)*t.Timeout
}

// TimingOf asks Knative's own code how a delivery is timed: a policy without a
// delay waits nothing, a delay loses its second decimal, and so on.
func TimingOf(delivery eventingduck.DeliverySpec) (Timing, error) {
	config, err := kncloudevents.RetryConfigFromDeliverySpec(delivery)
	if err != nil {
		return Timing{}, err
	}
	timing := Timing{Attempts: config.RetryMax + 1, Timeout: config.RequestTimeout}
	if delivery.BackoffDelay != nil && delivery.BackoffPolicy != nil {
		timing.Delay = config.Backoff(1, nil)
		if *delivery.BackoffPolicy == eventingduck.BackoffPolicyExponential {
			timing.Delay /= 2
		}
	}
	for n := range config.RetryMax {
		timing.Waits += config.Backoff(n, nil)
	}
	return timing, nil
}
