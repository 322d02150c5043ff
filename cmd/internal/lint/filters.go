package lint

import (
	"slices"
	"strconv"
	"time"

	cesqlparser "github.com/cloudevents/sdk-go/sql/v2/parser"
	cloudevents "github.com/cloudevents/sdk-go/v2"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"

	"quittance.dev/cmd/internal/knative"
	"quittance.dev/cmd/internal/manifests"
	"quittance.dev/events"
)

type trigger = typed[*eventingv1.Trigger]

// faultyFilter says what is wrong with a Trigger's CESQL. Admission only parses
// it: one whose value is no boolean ends the filter's goroutine at each event.
func (c *check) faultyFilter(t trigger) bool {
	before := len(c.findings)
	c.cesqlIn(t.Object, []string{"spec", "filters"}, t.is.Spec.Filters)
	return len(c.findings) > before
}

func (c *check) cesqlIn(o *manifests.Object, path []string, filters []eventingv1.SubscriptionsAPIFilter) {
	for i, f := range filters {
		here := append(slices.Clone(path), strconv.Itoa(i))
		c.cesqlIn(o, append(here, "any"), f.Any)
		c.cesqlIn(o, append(here, "all"), f.All)
		if f.Not != nil {
			c.cesqlOne(o, append(here, "not"), *f.Not)
		}
		c.cesqlOne(o, here, f)
	}
}

func (c *check) cesqlOne(o *manifests.Object, path []string, f eventingv1.SubscriptionsAPIFilter) {
	if f.CESQL == "" {
		return
	}
	if says := cesqlFault(f.CESQL); says != "" {
		c.say(o, append(path, "cesql"), "cesql", "%s", says)
	}
}

// cesqlFault says why an expression is no condition. CESQL has no expression
// whose type depends on a value, so one event with every attribute of ours
// tells the type for all.
func cesqlFault(expression string) (fault string) {
	defer func() {
		if recovered := recover(); recovered != nil { // the parser panics on some input
			fault = "the expression does not parse"
		}
	}()
	parsed, err := cesqlparser.Parse(expression)
	if err != nil {
		return "the expression does not parse: " + err.Error()
	}
	e := cloudevents.NewEvent()
	e.SetID("1")
	e.SetSource("/functions/api")
	e.SetType("dev.quittance.account.opened.v1")
	e.SetSubject("1")
	e.SetDataSchema("urn:1")
	e.SetDataContentType("application/json")
	e.SetTime(time.Unix(0, 0))
	for _, extension := range []string{"partitionkey", "correlationid", "causationid", "traceparent", "knativearrivaltime"} {
		e.SetExtension(extension, "1")
	}
	value, err := parsed.Evaluate(e)
	if _, boolean := value.(bool); !boolean {
		return "the expression is no condition: its value is not true or false, and such a filter panics at every event"
	}
	if err != nil {
		return "the expression fails on an event of ours, which lets nothing through: " + err.Error()
	}
	return ""
}

// heard is one (consumer, type).
type heard struct{ consumer, event string }

// filters compares the Triggers' filters with the catalogue and with what the
// functions hear, in both directions.
func (c *check) filters() {
	through := map[heard]trigger{}
	blamed := map[string]bool{} // consumers whose Triggers have a mistake that was said
	misled := map[string]bool{} // types in such Triggers
	for _, t := range c.triggers {
		consumer := knative.Consumer(t.is)
		before := len(c.findings)
		types, err := knative.ExactTypes(t.is)
		if err != nil {
			c.say(t.Object, at("spec", "filters"), "filter", "%v", err)
		}
		function, known := c.code.function(consumer)
		if !known {
			c.say(t.Object, at("spec", "subscriber", "ref", "name"), "idempotent", "its subscriber %q is no function of the registry: only those absorb an event that comes twice", consumer)
		}
		for i, eventType := range types {
			path := typePath(t.is, i)
			entry, inCatalogue := c.code.entry(eventType)
			switch {
			case !inCatalogue:
				c.say(t.Object, path, "unknown-type", "nobody says %s", eventType)
				continue
			case t.is.Spec.Broker != string(entry.Broker) && slices.Contains(c.code.Brokers, events.Broker(t.is.Spec.Broker)):
				c.say(t.Object, at("spec", "broker"), "wrong-broker", "%s goes through %s, not through %s", eventType, entry.Broker, t.is.Spec.Broker)
			case known && !slices.Contains(function.Hears(), entry.Type):
				c.say(t.Object, path, "not-heard", "%s has no handler of %s", consumer, eventType)
			case known && !slices.Contains(entry.Hears, consumer):
				c.say(t.Object, path, "not-heard", "the catalogue says nothing of %s hearing %s", consumer, eventType)
			}
			key := heard{consumer, eventType}
			if first, twice := through[key]; twice {
				c.say(t.Object, path, "heard-twice", "%s brings %s to %s already", first.Title(), eventType, consumer)
			}
			through[key] = t
		}
		if len(c.findings) > before {
			blamed[consumer] = true
			for _, eventType := range types {
				misled[eventType] = true
			}
		}
	}
	for _, entry := range c.code.Catalogue {
		for _, consumer := range entry.Hears {
			_, brought := through[heard{consumer, string(entry.Type)}]
			if brought || blamed[consumer] || misled[string(entry.Type)] {
				continue
			}
			c.sayAt(c.home(consumer), "unheard", "no Trigger brings %s to %s: its Broker would answer 202, and it would be gone", entry.Type, consumer)
		}
	}
}

// typePath is where the i-th type of a filter stands.
func typePath(t *eventingv1.Trigger, i int) []string {
	if len(t.Spec.Filters) == 1 && len(t.Spec.Filters[0].Any) > 0 {
		return at("spec", "filters", "0", "any", strconv.Itoa(i), "exact", "type")
	}
	return at("spec", "filters", "0", "exact", "type")
}

// home is where a function is described.
func (c *check) home(function string) manifests.Position {
	if o := c.set.Find(serving, "Service", function); o != nil {
		return o.Line("metadata", "name")
	}
	return c.whole()
}
