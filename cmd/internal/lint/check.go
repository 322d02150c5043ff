package lint

import (
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
	"knative.dev/pkg/apis"

	"quittance.dev/cmd/internal/knative"
	"quittance.dev/cmd/internal/manifests"
)

const (
	eventing = "eventing.knative.dev"
	sources  = "sources.knative.dev"
	serving  = "serving.knative.dev"

	deadLetters = "dead-letter"
	audit       = "audit"
	relay       = "relay"
)

// check is the work on one deployment.
type check struct {
	set      *manifests.Set
	code     *Code
	findings []Finding

	brokers  []typed[*eventingv1.Broker]
	triggers []typed[*eventingv1.Trigger]
	timers   []typed[*sourcesv1.PingSource]
	bindings []typed[*sourcesv1.SinkBinding]
	services []typed[*knative.Service]
	pods     []pod
	settings map[string]Blocks // by the name of the workload
}

// typed is an object as the platform reads it.
type typed[T any] struct {
	*manifests.Object
	is T
}

// Folder renders and checks one kustomization.
func Folder(folder string, code *Code) []Finding {
	set, err := manifests.Render(folder)
	return Check(set, err, code)
}

// File checks rendered manifests.
func File(name string, raw []byte, code *Code) []Finding {
	set, err := manifests.Parse(name, raw)
	return Check(set, err, code)
}

// Check judges a deployment; broken is why the set is not whole, or nil.
func Check(set *manifests.Set, broken error, code *Code) []Finding {
	c := &check{set: set, code: code}
	c.syntax()
	if len(c.findings) > 0 { // rendering forgives some of it, and says nothing of the lines
		return Sorted(c.findings)
	}
	if broken != nil {
		c.sayAt(manifests.Position{File: set.Name, Line: 1}, "yaml", "%v", broken)
		return c.findings
	}
	c.decode()
	if len(c.findings) > 0 {
		return Sorted(c.findings)
	}
	c.objects()
	c.environments()
	c.stage()
	c.platform()
	c.brokerNames()
	c.filters()
	for _, t := range c.triggers {
		c.delivery(t)
	}
	c.clock()
	c.functions()
	c.relay()
	c.workloads()
	c.connections()
	c.references()
	return Sorted(c.findings)
}

// decode reads what the rules look at into the platform's types, and asks the
// platform's own admission.
func (c *check) decode() {
	c.brokers = into[eventingv1.Broker](c, eventing, "Broker")
	c.triggers = into[eventingv1.Trigger](c, eventing, "Trigger")
	c.timers = into[sourcesv1.PingSource](c, sources, "PingSource")
	c.bindings = into[sourcesv1.SinkBinding](c, sources, "SinkBinding")
	c.services = into[knative.Service](c, serving, "Service")
	c.podsOf()
	for _, b := range c.brokers {
		c.admit(b.Object, b.is)
	}
	for _, t := range c.triggers {
		if !c.faultyFilter(t) {
			c.admit(t.Object, t.is)
		}
	}
	for _, t := range c.timers {
		c.admit(t.Object, t.is)
	}
	for _, b := range c.bindings {
		c.admit(b.Object, b.is)
	}
	for _, s := range c.services {
		c.admit(s.Object, s.is)
	}
}

func into[T any](c *check, group, kind string) []typed[*T] {
	var all []typed[*T]
	for _, o := range c.set.Of(group, kind) {
		is := new(T)
		if err := o.Into(is); err != nil {
			c.say(o, nil, "type", "%v", err)
			continue
		}
		all = append(all, typed[*T]{o, is})
	}
	return all
}

func (c *check) admit(o *manifests.Object, is interface {
	apis.Defaultable
	apis.Validatable
}) {
	refused := knative.Admit(is)
	if refused == nil {
		return
	}
	for _, one := range refused.WrappedErrors() {
		path := []string{"spec"}
		if len(one.Paths) > 0 {
			path = steps(one.Paths[0])
		}
		c.say(o, path, admissionRule(path), "%s", one.Error())
	}
}
