package knative

import (
	"net/http"
	"strings"

	"knative.dev/pkg/network"

	"knative.dev/eventing/pkg/reconciler/sugar/trigger/path"
)

// connect gives every handler its name on the networks.
func (b *Broker) connect(o Options) error {
	ingress := b.Ingress()
	for _, n := range []interface {
		Handle(string, http.Handler) error
	}{b.inner, b.outer} {
		if err := n.Handle(ingressHost(), ingress); err != nil {
			return err
		}
	}
	if err := b.inner.Handle(filterHost(), b.hops.filter(b.plane)); err != nil {
		return err
	}
	for host, c := range b.plane.channels {
		if err := b.inner.Handle(host, b.hops.channel(c)); err != nil {
			return err
		}
	}
	for name, handler := range o.Services {
		host := network.GetServiceHostname(name, b.namespace)
		if err := b.inner.Handle(host, b.hops.to(name, false, handler)); err != nil {
			return err
		}
		if err := b.outer.Handle(host, handler); err != nil {
			return err
		}
	}
	return nil
}

// addressesOf collects what a manifest may refer to.
func addressesOf(o Options) addresses {
	known := addresses{services: make(map[string]bool), brokers: make(map[string]bool)}
	for name := range o.Services {
		known.services[o.Manifests.Namespace+"/"+name] = true
	}
	for _, b := range o.Manifests.Brokers {
		known.brokers[b.Namespace+"/"+b.Name] = true
	}
	return known
}

// ingress is the way into all Brokers.
func (s *hops) ingress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, broker, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
		s.to(broker, true, next).ServeHTTP(w, r)
	})
}

// channel marks requests with their Broker.
func (s *hops) channel(c *inMemoryChannel) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set(brokerHeader, c.broker)
		r.Header.Del(triggerHeader) // a producer may have sent one
		c.ServeHTTP(w, r)
	})
}

// filter marks requests with their Trigger, decides those of the composites, and
// guards the dispatcher against the answers.
func (s *hops) filter(p *dataPlane) http.Handler {
	guarded := guardErrors(p.filter)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.flight.begin() {
			panic(http.ErrAbortHandler) // closing
		}
		defer s.flight.end()
		if to, err := path.Parse(r.URL.Path); err == nil {
			r.Header.Set(triggerHeader, to.Name)
			if f := p.composites[to.NamespacedName]; f != nil && !passes(f, r) {
				return // 200: as Knative's filter answers for an event that is not meant
			}
		}
		guarded.ServeHTTP(w, r)
	})
}
