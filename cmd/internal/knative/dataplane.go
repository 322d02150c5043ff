package knative

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"

	eventingduck "knative.dev/eventing/pkg/apis/duck/v1"
	"knative.dev/eventing/pkg/apis/eventing"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/eventing/pkg/apis/feature"
	knbroker "knative.dev/eventing/pkg/broker"
	"knative.dev/eventing/pkg/broker/filter"
	"knative.dev/eventing/pkg/broker/ingress"
	"knative.dev/eventing/pkg/channel/fanout"
	"knative.dev/eventing/pkg/eventfilter"
	"knative.dev/eventing/pkg/eventingtls"
	"knative.dev/eventing/pkg/kncloudevents"
	"knative.dev/eventing/pkg/reconciler/broker/resources"
	"knative.dev/eventing/pkg/reconciler/sugar/trigger/path"
)

// maxHops is how many Brokers an event may pass by replies before it is refused,
// broker-ingress's own default.
const maxHops = 255

// dataPlane is Knative's handlers, made and filled from the manifests.
type dataPlane struct {
	ingress, filter http.Handler
	channels        map[string]*inMemoryChannel // by host name
	brokers         brokerStore
	triggers        triggerStore
	composites      map[types.NamespacedName]eventfilter.Filter // by Trigger; see compile
}

func newDataPlane(o Options, known addresses) (*dataPlane, error) {
	p := &dataPlane{
		channels:   make(map[string]*inMemoryChannel),
		brokers:    newBrokerStore(),
		triggers:   newTriggerStore(),
		composites: make(map[types.NamespacedName]eventfilter.Filter),
	}
	var err error
	p.ingress, err = ingress.NewHandler(o.Logger, knbroker.TTLDefaulter(o.Logger, maxHops), p.brokers,
		nil, nil, nil, asIs, o.MeterProvider, o.TracerProvider)
	if err != nil {
		return nil, fmt.Errorf("broker ingress: %w", err)
	}
	p.filter, err = filter.NewHandler(o.Logger, nil, nil, p.triggers, p.brokers, newSubscriptionStore(),
		nil, asIs, o.MeterProvider, o.TracerProvider)
	if err != nil {
		return nil, fmt.Errorf("broker filter: %w", err)
	}
	tuneClients()
	dispatcher := kncloudevents.NewDispatcher(eventingtls.ClientConfig{}, nil,
		kncloudevents.WithMeterProvider(o.MeterProvider), kncloudevents.WithTraceProvider(o.TracerProvider))

	subscriptions := make(map[types.NamespacedName][]fanout.Subscription)
	brokers := make(map[types.NamespacedName]*eventingv1.Broker)
	for _, manifest := range o.Manifests.Brokers {
		b := manifest.DeepCopy()
		if err := p.addBroker(b, known); err != nil {
			return nil, fmt.Errorf("Broker %s: %w", b.Name, err)
		}
		brokers[types.NamespacedName{Namespace: b.Namespace, Name: b.Name}] = b
	}
	for _, manifest := range o.Manifests.Triggers {
		t := manifest.DeepCopy()
		key := types.NamespacedName{Namespace: t.Namespace, Name: t.Spec.Broker}
		b := brokers[key]
		if b == nil {
			return nil, fmt.Errorf("trigger %s: there is no Broker %s", t.Name, key)
		}
		s, err := p.addTrigger(b, t, known)
		if err != nil {
			return nil, fmt.Errorf("trigger %s: %w", t.Name, err)
		}
		subscriptions[key] = append(subscriptions[key], s)
	}
	for key, b := range brokers {
		c, err := newInMemoryChannel(b, subscriptions[key], dispatcher, o)
		if err != nil {
			return nil, fmt.Errorf("channel of Broker %s: %w", key, err)
		}
		p.channels[channelHost(b)] = c
	}
	o.Logger.Debug("data plane is up", zap.Int("brokers", len(brokers)), zap.Int("triggers", len(o.Manifests.Triggers)))
	return p, nil
}

// addBroker does what the Broker's controller does to its status.
func (p *dataPlane) addBroker(b *eventingv1.Broker, known addresses) error {
	if class := b.Annotations[eventingv1.BrokerClassAnnotationKey]; class != brokerClass {
		return fmt.Errorf("class %s cannot run here: want %s", class, brokerClass)
	}
	if err := known.resolveSink(b.Namespace, b.Spec.Delivery); err != nil {
		return err
	}
	b.Status.Annotations = map[string]string{eventing.BrokerChannelAddressStatusAnnotationKey: "http://" + channelHost(b)}
	b.Status.Address = &duckv1.Addressable{URL: brokerURL(b.Namespace, b.Name)}
	return p.brokers.add(b)
}

// addTrigger does what the Trigger's and the Subscription's controllers do.
func (p *dataPlane) addTrigger(b *eventingv1.Broker, t *eventingv1.Trigger, known addresses) (fanout.Subscription, error) {
	var none fanout.Subscription
	subscriber, err := known.of(t.Namespace, t.Spec.Subscriber)
	if err != nil {
		return none, fmt.Errorf("subscriber: %w", err)
	}
	t.Status.SubscriberURI = subscriber
	t.UID = types.UID(uuid.NewSHA1(uuid.NameSpaceURL, []byte(t.Namespace+"/"+t.Name)).String())
	if err := known.resolveSink(t.Namespace, t.Spec.Delivery); err != nil {
		return none, err
	}
	ours, err := compile(t.Spec.Filters)
	if err != nil {
		return none, err
	}
	if ours != nil {
		p.composites[types.NamespacedName{Namespace: t.Namespace, Name: t.Name}] = ours
		t.Spec.Filters, t.Spec.Filter = nil, nil
	}
	if err := p.triggers.add(t); err != nil {
		return none, err
	}
	name := resources.SubscriptionName(feature.Flags{}, t)
	s, err := fanout.SubscriberSpecToFanoutConfig(eventingduck.SubscriberSpec{
		Name: &name, UID: t.UID,
		SubscriberURI: &apis.URL{Scheme: "http", Host: filterHost(), Path: path.Generate(t)},
		ReplyURI:      b.Status.Address.URL,
		Delivery:      inherit(b, t),
	})
	if err != nil {
		return none, err
	}
	s.Namespace = t.Namespace
	return *s, nil
}

// close ends what the filters began for their expressions.
func (p *dataPlane) close() {
	if p != nil {
		p.triggers.clear()
		p.brokers.clear()
	}
}

func asIs(ctx context.Context) context.Context { return ctx }
