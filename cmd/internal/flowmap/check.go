package flowmap

import (
	"fmt"
	"slices"
	"strings"

	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"

	"quittance.dev/events"
)

// heard is one (consumer, type) of the catalogue.
type heard struct {
	consumer string
	event    events.Type
}

// Check names everything in which manifests, catalogue, mains and roles
// disagree, every Trigger that does not state a delivery that loses nothing, and
// functions that could together want more of Postgres than it has. No line means that they agree.
func (m *Map) Check() []string {
	var wrong []string
	say := func(format string, arguments ...any) { wrong = append(wrong, fmt.Sprintf(format, arguments...)) }
	m.checkBrokers(say)
	m.checkFilters(say)
	for _, t := range m.Manifests.Triggers {
		m.checkDelivery(t, func(format string, arguments ...any) {
			say("Trigger %s: "+format, append([]any{t.Name}, arguments...)...)
		})
	}
	m.checkServices(say)
	m.checkRelay(say)
	m.checkConnections(say)
	for _, name := range m.Settings.Unknown {
		say("base/settings.env: no function asks for %s", name)
	}
	return wrong
}

type sayer func(format string, arguments ...any)

func (m *Map) checkBrokers(say sayer) {
	var have, want []string
	for _, b := range m.Manifests.Brokers {
		have = append(have, b.Name)
	}
	for _, b := range events.Brokers() {
		want = append(want, string(b))
	}
	for _, name := range missing(want, have) {
		say("the catalogue has a broker %s, the manifests have none", name)
	}
	for _, name := range missing(have, want) {
		say("the manifests have a Broker %s, the catalogue has none", name)
	}
}

// checkFilters compares the Triggers' filters with the catalogue, in both
// directions.
func (m *Map) checkFilters(say sayer) {
	through := map[heard][]*eventingv1.Trigger{}
	for _, t := range m.Manifests.Triggers {
		types, err := passes(t)
		if err != nil {
			say("Trigger %s: %v", t.Name, err)
			continue
		}
		for _, eventType := range types {
			entry, known := m.lookup(eventType)
			switch {
			case !known:
				say("Trigger %s: nobody says %s", t.Name, eventType)
				continue
			case t.Spec.Broker != string(entry.Broker):
				say("Trigger %s: %s goes through %s, not through %s", t.Name, eventType, entry.Broker, t.Spec.Broker)
			case !slices.Contains(entry.Hears, consumer(t)):
				say("Trigger %s: the catalogue says nothing of %s hearing %s", t.Name, consumer(t), eventType)
			}
			key := heard{consumer(t), entry.Type}
			through[key] = append(through[key], t)
		}
	}
	for _, entry := range m.Catalogue {
		for _, hears := range entry.Hears {
			switch n := len(through[heard{hears, entry.Type}]); {
			case n == 0:
				say("no Trigger brings %s to %s", entry.Type, hears)
			case n > 1:
				say("%d Triggers bring %s to %s", n, entry.Type, hears)
			}
		}
	}
}

func (m *Map) lookup(t string) (events.Entry, bool) {
	i := slices.IndexFunc(m.Catalogue, func(e events.Entry) bool { return string(e.Type) == t })
	if i < 0 {
		return events.Entry{}, false
	}
	return m.Catalogue[i], true
}

// consumer is the name of the Service that a Trigger serves.
func consumer(t *eventingv1.Trigger) string {
	if t.Spec.Subscriber.Ref == nil {
		return ""
	}
	return t.Spec.Subscriber.Ref.Name
}

// passes lists the types that a Trigger lets through. Only one form is allowed,
// so that a reader and this check see the same: filters with exact types, one
// or any of several. Another form may let everything through by mistake.
func passes(t *eventingv1.Trigger) ([]string, error) {
	form := fmt.Errorf("filters must be one exact type, or any of exact types")
	old := t.Spec.Filter // admission fills an empty one in
	if old != nil && len(old.Attributes) > 0 || len(t.Spec.Filters) != 1 {
		return nil, form
	}
	filters := t.Spec.Filters
	if several := t.Spec.Filters[0].Any; len(several) > 0 {
		filters = several
	}
	var types []string
	for _, f := range filters {
		eventType := f.Exact["type"]
		if len(f.Exact) != 1 || eventType == "" || len(f.Any)+len(f.All)+len(f.Prefix)+len(f.Suffix) > 0 || f.Not != nil || f.CESQL != "" {
			return nil, form
		}
		types = append(types, eventType)
	}
	return types, nil
}

// missing lists what is in want and not in have.
func missing(want, have []string) []string {
	var out []string
	for _, name := range want {
		if !slices.Contains(have, name) {
			out = append(out, name)
		}
	}
	return out
}

// roleOf is the database role of a function, without the prefix.
func roleOf(function string) string { return strings.ReplaceAll(function, "-", "_") }
