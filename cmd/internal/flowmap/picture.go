package flowmap

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"quittance.dev/cmd/internal/knative"
	"quittance.dev/events"
)

// Journey is a way through the bank that gets a picture of its own.
type Journey struct {
	Title string
	Types []events.Type // what is said on the way, as far as a picture shows it
}

// Journeys are those that the demo plays.
func Journeys() []Journey {
	return []Journey{
		{"A card payment", []events.Type{
			events.TypePaymentSubmitted, events.TypePaymentValidated, events.TypeProcessorNotified, events.TypeInvoicePaid,
			events.TypeInvoiceCredited, events.TypeReceiptIssued, events.TypeNotificationRequested,
		}},
		{"The last withdrawal", []events.Type{
			events.TypeWithdrawalRequested, events.TypeWithdrawalCompleted, events.TypeAccountCloseRequested, events.TypeClosureStarted,
			events.TypeClosureMambuClosed, events.TypeAccountClosed, events.TypeNotificationRequested, events.TypeNotificationSent,
		}},
		{"A transfer", []events.Type{events.TypeTransferRequested, events.TypeTransferCompleted, events.TypeNotificationRequested}},
	}
}

// Pictures draws the journeys as mermaid flow charts: who says what is in the
// catalogue, who gets it in the Triggers, who is spoken to outside in the
// mains, and what the clock wakes in the PingSources.
func (m *Map) Pictures() []byte {
	var b bytes.Buffer
	for _, j := range Journeys() {
		fmt.Fprintf(&b, "**%s**\n\n```mermaid\n%s```\n\n", j.Title, m.chart(j))
	}
	fmt.Fprintf(&b, "%s\n", m.caption())
	return b.Bytes()
}

// straight are the events that are also posted past the brokers.
var straight = []events.Type{events.TypeTransferRequested, events.TypeBankTransactionRequested}

// arrow is one line of a chart: all that goes from one place to another
// through one broker.
type arrow struct{ from, to, broker string }

func (m *Map) chart(j Journey) []byte {
	carried, drawn := map[arrow][]string{}, map[string]bool{}
	var order []arrow
	for _, eventType := range j.Types {
		entry := m.lookup(string(eventType))
		for _, to := range m.hearers(string(eventType)) {
			for _, from := range entry.Says {
				a := arrow{from, to, string(entry.Broker)}
				if carried[a] == nil {
					order = append(order, a)
				}
				carried[a] = append(carried[a], short(string(eventType)))
				drawn[from], drawn[to] = true, true
			}
		}
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, "flowchart LR")
	fmt.Fprintln(&b, "    people([people and programs]) -->|HTTP| api")
	for _, name := range slices.Sorted(maps.Keys(drawn)) {
		fmt.Fprintf(&b, "    %s[%s]\n", id(name), name)
	}
	for _, a := range order {
		fmt.Fprintf(&b, "    %s -->|\"%s<br/><i>%s</i>\"| %s\n", id(a.from), strings.Join(carried[a], "<br/>"), a.broker, id(a.to))
	}
	for _, eventType := range j.Types {
		entry := m.lookup(string(eventType))
		for _, to := range entry.Hears {
			if from := events.Caller(to); from != "" && drawn[from] && slices.Contains(entry.Says, from) && slices.Contains(straight, eventType) {
				fmt.Fprintf(&b, "    %s <==>|\"%s<br/><i>straight, for the answer</i>\"| %s\n", id(from), short(string(eventType)), id(to))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(drawn)) {
		for _, system := range m.Speaks[name] {
			switch {
			case name != "api":
				fmt.Fprintf(&b, "    %s <-.-> %s{{%s}}\n", id(name), id(system), system)
			case slices.Contains(j.Types, events.TypeProcessorNotified): // it checks what the system posts
				fmt.Fprintf(&b, "    %s{{%s}} -.->|webhook| api\n", id(system), system)
			}
		}
		for _, p := range m.Manifests.PingSources {
			if ref := p.Spec.Sink.Ref; ref != nil && ref.Name == name {
				fmt.Fprintf(&b, "    clock((clock)) -.-> %s\n", id(name))
			}
		}
	}
	return b.Bytes()
}

// hearers lists, in the order of their names, the functions to which a Trigger
// brings a type.
func (m *Map) hearers(eventType string) []string {
	var names []string
	for _, t := range m.Manifests.Triggers {
		if types, err := knative.ExactTypes(t); err == nil && slices.Contains(types, eventType) {
			names = append(names, knative.Consumer(t))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// caption says in words what is the same for every arrow.
func (m *Map) caption() string {
	slowest := knative.Timing{}
	for _, t := range m.Manifests.Triggers {
		if t.Spec.Delivery == nil {
			continue
		}
		if timing, err := knative.TimingOf(*t.Spec.Delivery); err == nil && timing.Longest() > slowest.Longest() {
			slowest = timing
		}
	}
	return fmt.Sprintf("Every arrow with a name is an event: out of an outbox, through the broker in italics, to a function. "+
		"%d brokers, %d triggers; each delivers up to %d times over %s of waiting, %s at a time, "+
		"and then leaves a dead letter with the `%s` function. What is heard by nobody is not drawn; all events are in "+
		"[events/CATALOGUE.md](events/CATALOGUE.md).",
		len(m.Manifests.Brokers), len(m.Manifests.Triggers), slowest.Attempts, slowest.Waits, slowest.Timeout, deadLetters)
}

// id makes a name fit for mermaid, where a hyphen may begin an arrow.
func id(name string) string { return strings.NewReplacer("-", "_", " ", "_").Replace(name) }

// short is the middle of a type: deposit.completed.
func short(eventType string) string {
	return strings.TrimSuffix(strings.TrimPrefix(eventType, "dev.quittance."), ".v1")
}
