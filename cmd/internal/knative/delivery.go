package knative

import (
	"cmp"
	"fmt"

	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/pkg/network"

	eventingduck "knative.dev/eventing/pkg/apis/duck/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
)

func ingressHost() string { return network.GetServiceHostname("broker-ingress", systemNamespace) }
func filterHost() string  { return network.GetServiceHostname("broker-filter", systemNamespace) }

func brokerURL(namespace, name string) *apis.URL {
	return &apis.URL{Scheme: "http", Host: ingressHost(), Path: "/" + namespace + "/" + name}
}

// inherit tells with which delivery settings a Trigger's Subscription ends up.
//
// Two controllers decide that. The Trigger's own settings replace the Broker's
// as a whole (reconciler/broker/trigger: subscribeToBrokerChannel); then a
// missing dead-letter sink, and only the sink, falls back to the Broker's
// (reconciler/subscription: resolveDeadLetterSink, deliverySpec). So a Trigger
// that names a sink and no retry has no retries.
func inherit(b *eventingv1.Broker, t *eventingv1.Trigger) *eventingduck.DeliverySpec {
	if t.Spec.Delivery == nil {
		return b.Spec.Delivery.DeepCopy()
	}
	d := t.Spec.Delivery.DeepCopy()
	if d.DeadLetterSink == nil && b.Spec.Delivery != nil {
		d.DeadLetterSink = b.Spec.Delivery.DeadLetterSink.DeepCopy()
	}
	return d
}

// addresses finds the address of what a manifest refers to.
type addresses struct {
	services map[string]bool // namespace/name
	brokers  map[string]bool
}

// of resolves a destination as the cluster's resolver does: the address of the
// reference, with a relative URI resolved against it, or the URI alone. A
// reference without namespace is to the given one.
func (a addresses) of(namespace string, d duckv1.Destination) (*apis.URL, error) {
	if d.Ref == nil {
		if d.URI == nil {
			return nil, fmt.Errorf("destination has neither ref nor uri")
		}
		return d.URI, nil
	}
	namespace = cmp.Or(d.Ref.Namespace, namespace)
	key := namespace + "/" + d.Ref.Name
	var base *apis.URL
	switch d.Ref.Kind {
	case "Service":
		if !a.services[key] {
			return nil, fmt.Errorf("nothing serves Service %s", key)
		}
		base = &apis.URL{Scheme: "http", Host: network.GetServiceHostname(d.Ref.Name, namespace)}
	case "Broker":
		if !a.brokers[key] {
			return nil, fmt.Errorf("there is no Broker %s", key)
		}
		base = brokerURL(namespace, d.Ref.Name)
	default:
		return nil, fmt.Errorf("a %s cannot be a destination here: want a Service or a Broker", d.Ref.Kind)
	}
	if d.URI != nil {
		return base.ResolveReference(d.URI), nil
	}
	return base, nil
}

// resolveSink replaces the reference of a dead-letter sink by its address, which
// is what the dispatcher reads.
func (a addresses) resolveSink(namespace string, d *eventingduck.DeliverySpec) error {
	if d == nil || d.DeadLetterSink == nil {
		return nil
	}
	to, err := a.of(namespace, *d.DeadLetterSink)
	if err != nil {
		return fmt.Errorf("dead-letter sink: %w", err)
	}
	d.DeadLetterSink = &duckv1.Destination{URI: to}
	return nil
}
