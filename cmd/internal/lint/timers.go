package lint

import (
	"slices"

	"quittance.dev/events"
)

// clock looks at who is woken by the clock, and whether it can be: a tick comes
// twice like everything else.
func (c *check) clock() {
	woken := map[string]bool{}
	before := len(c.findings)
	for _, t := range c.timers {
		name := ""
		if ref := t.is.Spec.Sink.Ref; ref != nil && ref.Kind == "Service" && t.is.Spec.Sink.URI == nil {
			name = ref.Name
		}
		function, known := c.code.function(name)
		switch {
		case !known:
			c.say(t.Object, at("spec", "sink", "ref", "name"), "idempotent", "its sink is no function of the registry: only those absorb a tick that comes twice")
		case !slices.Contains(function.Hears(), events.TypeTick):
			c.say(t.Object, at("spec", "sink", "ref", "name"), "not-heard", "%s has no handler of %s", name, events.TypeTick)
		case woken[name]:
			c.say(t.Object, at("spec", "sink", "ref", "name"), "heard-twice", "another PingSource wakes %s already", name)
		}
		woken[name] = true
	}
	blamed := len(c.findings) > before
	for _, f := range c.code.Functions {
		if !f.Idempotent() {
			c.sayAt(c.home(f.Name), "idempotent", "the function %s has a handler that none of the kernel's constructors made: it would not absorb an event that comes twice", f.Name)
		}
		if slices.Contains(f.Hears(), events.TypeTick) && !woken[f.Name] && !blamed {
			c.sayAt(c.home(f.Name), "timer", "no PingSource wakes %s", f.Name)
		}
	}
}
