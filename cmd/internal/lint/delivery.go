package lint

import (
	"strings"
	"time"

	"quittance.dev/cmd/internal/knative"
)

// delivery looks at how a Trigger delivers. Knative inherits a delivery as a
// whole or not at all and has no defaults inside it, so each field is stated.
func (c *check) delivery(t trigger) {
	consumer := knative.Consumer(t.is)
	if ref := t.is.Spec.Subscriber.Ref; ref == nil || ref.Kind != "Service" || t.is.Spec.Subscriber.URI != nil {
		c.say(t.Object, at("spec", "subscriber", "uri"), "delivery", "the subscriber must be a Service, without a path")
		return
	}
	d := t.is.Spec.Delivery
	if d == nil {
		c.say(t.Object, at("spec", "delivery"), "delivery", "states no delivery: it would never be tried again")
		return
	}
	var absent []string
	for _, field := range []struct {
		name   string
		stated bool
	}{
		{"retry", d.Retry != nil}, {"backoffPolicy", d.BackoffPolicy != nil}, {"backoffDelay", d.BackoffDelay != nil},
		{"timeout", d.Timeout != nil}, {"deadLetterSink", d.DeadLetterSink != nil},
	} {
		if !field.stated {
			absent = append(absent, field.name)
		}
	}
	if len(absent) > 0 {
		c.say(t.Object, at("spec", "delivery", absent[0]), "delivery", "does not state %s", strings.Join(absent, ", "))
	}
	if sink := d.DeadLetterSink; sink != nil {
		path := at("spec", "delivery", "deadLetterSink")
		switch {
		case sink.Ref == nil || sink.Ref.Kind != "Service" || sink.Ref.Name != deadLetters:
			c.say(t.Object, append(path, "ref", "name"), "dead-letter", "the dead-letter sink is not the Service %s", deadLetters)
		case !c.isFunction(consumer): // said of the subscriber
		case sink.URI == nil || sink.URI.Host != "" || sink.URI.Path != "/"+consumer:
			c.say(t.Object, append(path, "uri"), "dead-letter", "the dead-letter sink's uri is %v, not /%s: a dead letter does not say by itself whose it is", sink.URI, consumer)
		}
	}
	if len(absent) == 0 {
		c.timing(t, consumer)
	}
}

// timing looks at how long a Trigger tries, against how long the function may
// take, how long a claim stands, and when the audit takes an event for lost.
func (c *check) timing(t trigger, consumer string) {
	d := t.is.Spec.Delivery
	timing, err := knative.TimingOf(*d)
	if err != nil {
		c.say(t.Object, at("spec", "delivery"), "duration", "%v", err)
		return
	}
	settings, known := c.settings[consumer]
	if !known {
		return
	}
	if timing.Delay <= 0 {
		c.say(t.Object, at("spec", "delivery", "backoffDelay"), "duration", "backoffDelay %s: Knative keeps one decimal of a second, so that under PT0.1S it does not wait at all", *d.BackoffDelay)
		return
	}
	if deadline := settings.Service.Deadline; timing.Timeout <= deadline {
		c.say(t.Object, at("spec", "delivery", "timeout"), "timeout", "timeout %s: a function may take %s to answer", timing.Timeout, deadline)
		return
	}
	if lease := settings.lease(); timing.Waits <= lease {
		c.say(t.Object, at("spec", "delivery", "retry"), "lease", "gives up after waiting %s: a claim that died is free after %s", timing.Waits, lease)
	}
	if longest := c.auditDeadline(); longest > 0 && timing.Longest() >= longest {
		c.say(t.Object, at("spec", "delivery", "retry"), "audit-deadline", "may still be trying after %s: the audit takes the event for lost after %s", timing.Longest(), longest)
	}
	if s := c.service(consumer); s != nil {
		patience := time.Duration(0)
		if seconds := s.is.Spec.Template.Spec.TimeoutSeconds; seconds != nil {
			patience = time.Duration(*seconds) * time.Second
		}
		if patience <= timing.Timeout {
			c.say(s.Object, at("spec", "template", "spec", "timeoutSeconds"), "timeout", "timeoutSeconds %s is not over the timeout of %s, %s", patience, t.Title(), timing.Timeout)
		}
	}
}

// lease is how long a Remote's claim stands with these settings; the kernel adds
// two seconds to the deadline (fn.Options).
func (b Blocks) lease() time.Duration { return b.Service.Deadline + 2*time.Second }

func (c *check) auditDeadline() time.Duration { return c.settings[audit].Audit.Deadline }
