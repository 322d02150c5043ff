package flowmap

import (
	"time"

	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/eventing/pkg/kncloudevents"
)

// deadLetters is the function that takes what a Trigger gives up.
const deadLetters = "dead-letter"

// checkDelivery looks at how a Trigger delivers. Knative inherits a delivery as
// a whole or not at all and has no defaults inside it, so each field is stated.
func (m *Map) checkDelivery(t *eventingv1.Trigger, say sayer) {
	if ref := t.Spec.Subscriber.Ref; ref == nil || ref.Kind != "Service" || t.Spec.Subscriber.URI != nil {
		say("the subscriber must be a Service, without a path")
		return
	}
	d := t.Spec.Delivery
	if d == nil {
		say("states no delivery")
		return
	}
	for _, field := range []struct {
		name   string
		stated bool
	}{
		{"retry", d.Retry != nil}, {"backoffPolicy", d.BackoffPolicy != nil}, {"backoffDelay", d.BackoffDelay != nil},
		{"timeout", d.Timeout != nil}, {"deadLetterSink", d.DeadLetterSink != nil},
	} {
		if !field.stated {
			say("does not state %s", field.name)
		}
	}
	if sink := d.DeadLetterSink; sink != nil {
		switch {
		case sink.Ref == nil || sink.Ref.Kind != "Service" || sink.Ref.Name != deadLetters:
			say("the dead-letter sink is not the Service %s", deadLetters)
		case sink.URI == nil || sink.URI.Host != "" || sink.URI.Path != "/"+consumer(t):
			say("the dead-letter sink's uri is %v, not /%s: a dead letter does not say by itself whose it is", sink.URI, consumer(t))
		}
	}
	timing, err := timingOf(t)
	if err != nil {
		say("%v", err)
		return
	}
	deadline := m.Settings.Service.Deadline
	if timing.timeout <= deadline {
		say("timeout %s: a function may take %s to answer", timing.timeout, deadline)
	}
	if timing.waits <= m.Settings.lease() {
		say("gives up after waiting %s: a claim that died is free after %s", timing.waits, m.Settings.lease())
	}
	if timing.longest() >= m.Settings.Audit.Deadline {
		say("may still be trying after %s: the audit takes the event for lost after %s", timing.longest(), m.Settings.Audit.Deadline)
	}
}

// timing is how long a Trigger tries.
type timing struct {
	attempts int           // the first one included
	waits    time.Duration // all pauses between attempts together
	timeout  time.Duration // of one attempt
}

// longest is how long it may take until the Trigger gives up.
func (t timing) longest() time.Duration {
	return t.waits + time.Duration(t.attempts)*t.timeout
}

// timingOf asks Knative's own code: a policy without a delay waits nothing, a
// delay loses its second decimal, and so on.
func timingOf(t *eventingv1.Trigger) (timing, error) {
	config, err := kncloudevents.RetryConfigFromDeliverySpec(*t.Spec.Delivery)
	if err != nil {
		return timing{}, err
	}
	out := timing{attempts: config.RetryMax + 1, timeout: config.RequestTimeout}
	for n := range config.RetryMax {
		out.waits += config.Backoff(n, nil)
	}
	return out, nil
}
