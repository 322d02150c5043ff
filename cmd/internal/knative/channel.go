package knative

import (
	"net/http"
	"sync"

	"go.uber.org/zap"
	duckv1 "knative.dev/pkg/apis/duck/v1"

	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	messagingv1 "knative.dev/eventing/pkg/apis/messaging/v1"
	"knative.dev/eventing/pkg/channel"
	"knative.dev/eventing/pkg/channel/fanout"
	"knative.dev/eventing/pkg/kncloudevents"
	"knative.dev/eventing/pkg/reconciler/broker/resources"
	"knative.dev/pkg/network"
)

// An inMemoryChannel takes the events of one Broker and fans them out to its
// Triggers.
//
// It keeps several of Knative's fan-out handlers, one for each event at work.
// One alone would do but for the race detector: every dispatch writes the
// addresses of reply and dead-letter sink back into the one Subscription
// (kncloudevents.sanitizeAddressable of v0.50.0), with the value that was there.
type inMemoryChannel struct {
	broker        string
	async         bool
	subscriptions []fanout.Subscription
	options       Options
	dispatcher    *kncloudevents.Dispatcher
	idle          sync.Pool // of *fanout.FanoutEventHandler
}

func newInMemoryChannel(b *eventingv1.Broker, subscriptions []fanout.Subscription, d *kncloudevents.Dispatcher, o Options) (*inMemoryChannel, error) {
	c := &inMemoryChannel{
		broker: b.Name,
		// The annotation is copied from the Broker to its channel.
		async:         b.Annotations[messagingv1.AsyncHandlerAnnotation] == "true",
		subscriptions: subscriptions,
		options:       o,
		dispatcher:    d,
	}
	first, err := c.fanOut()
	if err != nil {
		return nil, err
	}
	c.idle.Put(first)
	return c, nil
}

func (c *inMemoryChannel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, _ := c.idle.Get().(*fanout.FanoutEventHandler)
	if h == nil {
		var err error
		if h, err = c.fanOut(); err != nil {
			c.options.Logger.Error("no fan-out", zap.String("broker", c.broker), zap.Error(err))
			http.Error(w, "no fan-out", http.StatusInternalServerError)
			return
		}
	}
	h.ServeHTTP(w, r)
	if !c.async { // then its deliveries have ended
		c.idle.Put(h)
	}
}

// fanOut makes a handler with addresses of its own.
func (c *inMemoryChannel) fanOut() (*fanout.FanoutEventHandler, error) {
	own := make([]fanout.Subscription, 0, len(c.subscriptions))
	for _, s := range c.subscriptions {
		s.Reply, s.DeadLetter = ownAddress(s.Reply), ownAddress(s.DeadLetter)
		own = append(own, s)
	}
	return fanout.NewFanoutEventHandler(c.options.Logger, fanout.Config{Subscriptions: own, AsyncHandler: c.async},
		nil, nil, nil, c.dispatcher, c.options.MeterProvider, c.options.TracerProvider, channel.ReceiverWithContextFunc(asIs))
}

func ownAddress(a *duckv1.Addressable) *duckv1.Addressable {
	if a == nil {
		return nil
	}
	own := *a
	return &own
}

func channelHost(b *eventingv1.Broker) string {
	return network.GetServiceHostname(resources.BrokerChannelName(b.Name, "trigger")+channel.K8ServiceNameSuffix, b.Namespace)
}
