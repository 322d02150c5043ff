package knative

import (
	"k8s.io/client-go/tools/cache"

	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	messagingv1 "knative.dev/eventing/pkg/apis/messaging/v1"
	eventinglisters "knative.dev/eventing/pkg/client/listers/eventing/v1"
	messaginglisters "knative.dev/eventing/pkg/client/listers/messaging/v1"
)

// A store stands where Knative's handlers expect a watch on the API server. It
// is filled by hand, and tells the handlers of each object as the watch would:
// that is when the filter compiles a Trigger's expressions, once instead of for
// every event.
type store struct {
	cache.SharedIndexInformer // never started; holds the indexer
	watchers                  []cache.ResourceEventHandler
}

func newStore(watch cache.SharedIndexInformer) *store {
	return &store{SharedIndexInformer: watch}
}

func (s *store) AddEventHandler(h cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
	s.watchers = append(s.watchers, h)
	return nil, nil //nolint:nilnil // the callers drop the registration
}

func (s *store) add(object any) error {
	if err := s.GetIndexer().Add(object); err != nil {
		return err
	}
	for _, w := range s.watchers {
		w.OnAdd(object, true)
	}
	return nil
}

// clear removes every object, so that the handlers end what they began for it.
func (s *store) clear() {
	for _, object := range s.GetIndexer().List() {
		for _, w := range s.watchers {
			w.OnDelete(object)
		}
	}
}

type brokerStore struct{ *store }

func (s brokerStore) Informer() cache.SharedIndexInformer { return s.store }
func (s brokerStore) Lister() eventinglisters.BrokerLister {
	return eventinglisters.NewBrokerLister(s.GetIndexer())
}

type triggerStore struct{ *store }

func (s triggerStore) Informer() cache.SharedIndexInformer { return s.store }
func (s triggerStore) Lister() eventinglisters.TriggerLister {
	return eventinglisters.NewTriggerLister(s.GetIndexer())
}

// subscriptionStore stays empty: Subscriptions are looked up only when OIDC is on.
type subscriptionStore struct{ *store }

func (s subscriptionStore) Informer() cache.SharedIndexInformer { return s.store }
func (s subscriptionStore) Lister() messaginglisters.SubscriptionLister {
	return messaginglisters.NewSubscriptionLister(s.GetIndexer())
}

func newBrokerStore() brokerStore {
	return brokerStore{newStore(cache.NewSharedIndexInformer(&cache.ListWatch{}, &eventingv1.Broker{}, 0, byNamespace()))}
}

func newTriggerStore() triggerStore {
	return triggerStore{newStore(cache.NewSharedIndexInformer(&cache.ListWatch{}, &eventingv1.Trigger{}, 0, byNamespace()))}
}

func newSubscriptionStore() subscriptionStore {
	return subscriptionStore{newStore(cache.NewSharedIndexInformer(&cache.ListWatch{}, &messagingv1.Subscription{}, 0, byNamespace()))}
}

func byNamespace() cache.Indexers {
	return cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}
}
