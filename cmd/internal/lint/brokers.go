package lint

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"quittance.dev/cmd/internal/manifests"
)

const (
	stageLabel = "quittance.dev/stage"
	production = "production"
	trial      = "kind"

	classAnnotation = "eventing.knative.dev/broker.class"
	orderAnnotation = "kafka.eventing.knative.dev/delivery.order"
	kafka           = "Kafka"
)

// stageOf is what the Namespace says about the deployment.
func (c *check) stageOf() string {
	for _, n := range c.set.Of("", "Namespace") {
		if stage, ok := n.Get("metadata", "labels", stageLabel).(string); ok {
			return stage
		}
	}
	return ""
}

// stage looks at what production must have, and staging with it: Brokers that keep what they
// took. The in-memory channel loses every event that is in flight when its one
// pod ends, and a Broker of that class answers 202 before anything is kept.
func (c *check) stage() {
	if folder := filepath.Base(c.set.Name); slices.Contains([]string{trial, "staging", production}, folder) && c.stageOf() != folder {
		c.sayAt(c.whole(), "stage", "the Namespace is not labelled %s: %s, by which it is known what rules apply", stageLabel, folder)
	}
	if c.stageOf() != production && c.stageOf() != "staging" {
		return
	}
	for _, b := range c.brokers {
		if class := b.is.Annotations[classAnnotation]; class != kafka {
			c.say(b.Object, at("metadata", "annotations", classAnnotation), "broker-class", "has class %s, which loses what is in flight when a pod ends: want %s", class, kafka)
		} else if config := b.is.Spec.Config; config == nil || strings.Contains(config.Name, "channel") {
			c.say(b.Object, at("spec", "config"), "broker-class", "names no settings of a Kafka Broker")
		}
	}
	for _, t := range c.triggers {
		if t.is.Annotations[orderAnnotation] != "ordered" {
			c.say(t.Object, at("metadata", "annotations", orderAnnotation), "broker-class", "does not ask for delivery in the order of the partition: %s: ordered", orderAnnotation)
		}
	}
	for _, o := range c.set.Objects {
		if o.Kind == "InMemoryChannel" || strings.Contains(fmt.Sprint(o.Get("data")), "InMemoryChannel") {
			c.say(o, nil, "broker-class", "is or asks for the in-memory channel, which keeps nothing")
		}
	}
}

// brokerNames compares the Brokers with the catalogue.
func (c *check) brokerNames() {
	have := map[string]bool{}
	want := map[string]bool{}
	for _, b := range c.code.Brokers {
		want[string(b)] = true
	}
	for _, b := range c.brokers {
		have[b.Name] = true
		if !want[b.Name] {
			c.say(b.Object, at("metadata", "name"), "broker", "the catalogue sends nothing through it")
		}
	}
	for _, b := range c.code.Brokers {
		if !have[string(b)] {
			c.sayAt(c.whole(), "broker", "the catalogue has a broker %s, the manifests have none", b)
		}
	}
	for _, t := range c.triggers {
		if !have[t.is.Spec.Broker] && !want[t.is.Spec.Broker] {
			c.say(t.Object, at("spec", "broker"), "broker", "there is no Broker %s", t.is.Spec.Broker)
		}
	}
}

// whole is where to say what no single line is to blame for.
func (c *check) whole() manifests.Position {
	if len(c.set.Files) > 0 {
		return manifests.Position{File: c.set.Files[0].Name, Line: 1}
	}
	return manifests.Position{File: c.set.Name, Line: 1}
}
