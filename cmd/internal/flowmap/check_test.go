package flowmap_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	eventingduck "knative.dev/eventing/pkg/apis/duck/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/pkg/apis"

	"quittance.dev/cmd/internal/flowmap"
	"quittance.dev/cmd/internal/knative"
	"quittance.dev/events"
)

const root = "../../.."

func read(t *testing.T) *flowmap.Map {
	t.Helper()
	m, err := flowmap.Read(root)
	require.NoError(t, err)
	return m
}

// F02, A24, B26: what is deployed is what the catalogue promises.
func TestF02_ManifestsAndCatalogueAgree(t *testing.T) {
	m := read(t)
	require.NotEmpty(t, m.Manifests.Triggers)
	require.Empty(t, m.Check())
}

func trigger(m *flowmap.Map, name string) *eventingv1.Trigger {
	i := slices.IndexFunc(m.Manifests.Triggers, func(t *eventingv1.Trigger) bool { return t.Name == name })
	return m.Manifests.Triggers[i]
}

func delivery(m *flowmap.Map) *eventingduck.DeliverySpec {
	return trigger(m, "receipt-payments").Spec.Delivery
}

func service(m *flowmap.Map, name string) *knative.Service {
	i := slices.IndexFunc(m.Manifests.Services, func(s *knative.Service) bool { return s.Name == name })
	return m.Manifests.Services[i]
}

func container(m *flowmap.Map, name string) *corev1.Container {
	return &service(m, name).Spec.Template.Spec.Containers[0]
}

func object(m *flowmap.Map, kind, name string) *flowmap.Object {
	i := slices.IndexFunc(m.Objects, func(o flowmap.Object) bool { return o.Kind == kind && o.Metadata.Name == name })
	return &m.Objects[i]
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

const (
	receiptPaid = "dev.quittance.invoice.paid.v1"
	onReceipt   = "Trigger receipt-payments: "
)

// Each mistake that a manifest can hold is found, and named.
func TestF02_PlantedMistakesInTriggersAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(*flowmap.Map)
		says  string
	}{
		"no trigger for a pair": {func(m *flowmap.Map) {
			m.Manifests.Triggers = slices.DeleteFunc(m.Manifests.Triggers, func(t *eventingv1.Trigger) bool { return t.Name == "receipt-payments" })
		}, "no Trigger brings " + receiptPaid + " to receipt"},
		"two triggers for a pair": {func(m *flowmap.Map) {
			twin := trigger(m, "receipt-payments").DeepCopy()
			twin.Name = "receipt-again"
			m.Manifests.Triggers = append(m.Manifests.Triggers, twin)
		}, "2 Triggers bring " + receiptPaid + " to receipt"},
		"a type twice in one trigger": {func(m *flowmap.Map) {
			f := trigger(m, "query-closure").Spec.Filters[0].Any
			trigger(m, "query-closure").Spec.Filters[0].Any = append(f, f[0])
		}, "2 Triggers bring dev.quittance.closure.started.v1 to query"},
		"a consumer that the catalogue lacks": {func(m *flowmap.Map) {
			for i := range m.Catalogue {
				if m.Catalogue[i].Type == events.TypeInvoicePaid {
					m.Catalogue[i].Hears = []string{"ledger-posting"}
				}
			}
		}, onReceipt + "the catalogue says nothing of receipt hearing " + receiptPaid},
		"wrong broker": {func(m *flowmap.Map) {
			trigger(m, "receipt-payments").Spec.Broker = "money"
		}, onReceipt + receiptPaid + " goes through payments, not through money"},
		"unknown type": {func(m *flowmap.Map) {
			trigger(m, "receipt-payments").Spec.Filters[0].Exact["type"] = "dev.quittance.invoice.payed.v1"
		}, onReceipt + "nobody says dev.quittance.invoice.payed.v1"},
		"a filter of another dialect": {func(m *flowmap.Map) {
			trigger(m, "receipt-payments").Spec.Filters = []eventingv1.SubscriptionsAPIFilter{{CESQL: "type = 'x'"}}
		}, onReceipt + "filters must be"},
		"a second condition": {func(m *flowmap.Map) {
			trigger(m, "receipt-payments").Spec.Filters[0].Exact["subject"] = "x"
		}, onReceipt + "filters must be"},
		"no filter, so everything passes": {func(m *flowmap.Map) {
			trigger(m, "receipt-payments").Spec.Filters = nil
		}, onReceipt + "filters must be"},
		"a broker that is not there": {func(m *flowmap.Map) {
			m.Manifests.Brokers = m.Manifests.Brokers[1:]
		}, "the catalogue has a broker closure, the manifests have none"},
		"a broker too many": {func(m *flowmap.Map) {
			other := m.Manifests.Brokers[0].DeepCopy()
			other.Name = "default"
			m.Manifests.Brokers = append(m.Manifests.Brokers, other)
		}, "the manifests have a Broker default"},

		"no delivery":      {func(m *flowmap.Map) { trigger(m, "receipt-payments").Spec.Delivery = nil }, onReceipt + "states no delivery"},
		"no retry":         {func(m *flowmap.Map) { delivery(m).Retry = nil }, onReceipt + "does not state retry"},
		"no backoffPolicy": {func(m *flowmap.Map) { delivery(m).BackoffPolicy = nil }, onReceipt + "does not state backoffPolicy"},
		"no backoffDelay":  {func(m *flowmap.Map) { delivery(m).BackoffDelay = nil }, onReceipt + "does not state backoffDelay"},
		"no timeout":       {func(m *flowmap.Map) { delivery(m).Timeout = nil }, onReceipt + "does not state timeout"},
		"no sink":          {func(m *flowmap.Map) { delivery(m).DeadLetterSink = nil }, onReceipt + "does not state deadLetterSink"},
		"sink elsewhere": {func(m *flowmap.Map) { delivery(m).DeadLetterSink.Ref.Name = "query" },
			onReceipt + "the dead-letter sink is not the Service dead-letter"},
		"sink without the consumer": {func(m *flowmap.Map) { delivery(m).DeadLetterSink.URI = nil },
			onReceipt + "the dead-letter sink's uri is"},
		"sink of another consumer": {func(m *flowmap.Map) { delivery(m).DeadLetterSink.URI.Path = "/query" },
			onReceipt + "the dead-letter sink's uri is /query, not /receipt"},
		"timeout under the deadline": {func(m *flowmap.Map) { delivery(m).Timeout = ptr.To("PT8S") },
			onReceipt + "timeout 8s: a function may take 8s"},
		"retries that end before the lease": {func(m *flowmap.Map) { delivery(m).Retry = ptr.To[int32](4) },
			onReceipt + "gives up after waiting 7.5s: a claim that died is free after 10s"},
		"a delay that Knative rounds away": {func(m *flowmap.Map) { delivery(m).BackoffDelay = ptr.To("PT0.05S") },
			onReceipt + "gives up after waiting 0s"},
		"linear waits nothing at first": {func(m *flowmap.Map) { delivery(m).BackoffPolicy = ptr.To(eventingduck.BackoffPolicyLinear) },
			onReceipt + "gives up after waiting 5s"},
		"retries that outlast the audit": {func(m *flowmap.Map) { delivery(m).Retry = ptr.To[int32](8) },
			onReceipt + "may still be trying after"},
		"a subscriber with a path": {func(m *flowmap.Map) { trigger(m, "receipt-payments").Spec.Subscriber.URI = &apis.URL{Path: "/x"} },
			onReceipt + "the subscriber must be a Service"},
	} {
		t.Run(name, func(t *testing.T) {
			m := read(t)
			c.plant(m)
			require.True(t, contains(m.Check(), c.says), "%q is not in %q", c.says, m.Check())
		})
	}
}

func TestF01_PlantedMistakesInServicesAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(*flowmap.Map)
		says  string
	}{
		"no service": {func(m *flowmap.Map) {
			m.Manifests.Services = slices.DeleteFunc(m.Manifests.Services, func(s *knative.Service) bool { return s.Name == "query" })
		}, "there is no Service query"},
		"no dead-letter": {func(m *flowmap.Map) {
			m.Manifests.Services = slices.DeleteFunc(m.Manifests.Services, func(s *knative.Service) bool { return s.Name == "dead-letter" })
		}, "there is no Service dead-letter"},
		"no audit": {func(m *flowmap.Map) {
			m.Manifests.Services = slices.DeleteFunc(m.Manifests.Services, func(s *knative.Service) bool { return s.Name == "audit" })
		}, "there is no Service audit"},
		"nobody wakes the audit": {func(m *flowmap.Map) { m.Manifests.PingSources = m.Manifests.PingSources[1:] }, "no PingSource wakes the audit"},
		"a timer for nobody":     {func(m *flowmap.Map) { m.Manifests.PingSources[0].Spec.Sink.Ref.Name = "clock" }, "PingSource audit: its sink is no Service of ours"},
		"no main":                {func(m *flowmap.Map) { m.Mains = without(m.Mains, "query") }, "Service query: there is no functions/cmd/query"},
		"a main that nothing runs": {func(m *flowmap.Map) { m.Mains = append(m.Mains, "advances") },
			"functions/cmd/advances has no Service"},
		"no role":        {func(m *flowmap.Map) { m.Roles = without(m.Roles, "closure_e") }, "Service closure-e: no migration makes a role quittance_closure_e"},
		"another's role": {func(m *flowmap.Map) { container(m, "query").Env[0].Value = "quittance_payment" }, "Service query: does not sign in as quittance_query"},
		"another's image": {func(m *flowmap.Map) { container(m, "query").Image = "ko://quittance.dev/functions/cmd/payment" },
			"Service query: runs ko://quittance.dev/functions/cmd/payment"},
		"no settings": {func(m *flowmap.Map) { container(m, "query").EnvFrom = nil }, "Service query: does not read the ConfigMap quittance"},
		"a second process": {func(m *flowmap.Map) {
			s := &service(m, "query").Spec.Template.Spec
			s.Containers = append(s.Containers, s.Containers[0])
		}, "Service query: has 2 containers"},
		"unbounded": {func(m *flowmap.Map) { service(m, "query").Spec.Template.Spec.ContainerConcurrency = nil }, "Service query: takes any number"},
		"impatient": {func(m *flowmap.Map) { service(m, "query").Spec.Template.Spec.TimeoutSeconds = ptr.To[int64](10) },
			"Service query: timeoutSeconds 10s is not over the timeout of Trigger query-closure"},
		"root": {func(m *flowmap.Map) { container(m, "query").SecurityContext = nil }, "Service query: may run as root"},
		"a token": {func(m *flowmap.Map) { service(m, "query").Spec.Template.Spec.AutomountServiceAccountToken = nil },
			"Service query: is given a token"},
		"no relay":              {func(m *flowmap.Map) { object(m, "Deployment", "relay").Kind = "Job" }, "there is no Deployment relay"},
		"a relay with no sink":  {func(m *flowmap.Map) { object(m, "SinkBinding", "relay").Spec.Subject.Name = "query" }, "no SinkBinding gives the relay"},
		"a relay to a function": {func(m *flowmap.Map) { object(m, "SinkBinding", "relay").Spec.Sink.Ref.Kind = "Service" }, "the relay's sink is no Broker"},
		"a relay to nowhere":    {func(m *flowmap.Map) { object(m, "SinkBinding", "relay").Spec.Sink.Ref.Name = "default" }, "the relay's sink is a Broker default that is not there"},
		"a setting for nobody":  {func(m *flowmap.Map) { m.Settings.Unknown = []string{"POSTGRES_HOTS"} }, "no function asks for POSTGRES_HOTS"},
		"not listed":            {func(m *flowmap.Map) { m.Listed = m.Listed[1:] }, "no kustomization of infra/ lists base/namespace.yaml"},
		"listed, not there":     {func(m *flowmap.Map) { m.Listed = append(m.Listed, "functions/advances.yaml") }, "a kustomization of infra/ lists functions/advances.yaml"},
		"not built":             {func(m *flowmap.Map) { m.Built = m.Built[1:] }, "skaffold.yaml does not build ko://quittance.dev/cmd/emulators"},
		"built for nobody":      {func(m *flowmap.Map) { m.Built = append(m.Built, "ko://x") }, "skaffold.yaml builds ko://x"},
	} {
		t.Run(name, func(t *testing.T) {
			m := read(t)
			c.plant(m)
			require.True(t, contains(m.Check(), c.says), "%q is not in %q", c.says, m.Check())
		})
	}
}

func contains(lines []string, part string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, part) })
}

// No burst makes the functions shut each other
// out of Postgres, and none is open to the world.
func TestPlantedMistakesInReachAndScaleAreFound(t *testing.T) {
	scale := func(m *flowmap.Map, name, bound, value string) {
		service(m, name).Spec.Template.Annotations["autoscaling.knative.dev/"+bound] = value
	}
	const unbounded = "Service payment: may have any number of pods"
	pool := corev1.EnvVar{Name: "POSTGRES_MAX_CONNECTIONS", Value: "40"}
	for name, c := range map[string]struct {
		plant func(*flowmap.Map)
		says  string
	}{
		"public for want of a label": {func(m *flowmap.Map) { delete(service(m, "api").Labels, "networking.knative.dev/visibility") },
			"Service api: may be reached from outside the cluster"},
		"public by a slip": {func(m *flowmap.Map) {
			service(m, "query").Labels["networking.knative.dev/visibility"] = "cluster_local"
		},
			"Service query: may be reached from outside the cluster"},
		"no max-scale": {func(m *flowmap.Map) {
			delete(service(m, "payment").Spec.Template.Annotations, "autoscaling.knative.dev/max-scale")
		}, unbounded},
		"max-scale 0":      {func(m *flowmap.Map) { scale(m, "payment", "max-scale", "0") }, unbounded},
		"max-scale a word": {func(m *flowmap.Map) { scale(m, "payment", "max-scale", "two") }, unbounded},
		"more at least than at most": {func(m *flowmap.Map) { scale(m, "payment", "min-scale", "3") },
			"Service payment: autoscaling.knative.dev/min-scale is over"},
		"one function too many pods": {func(m *flowmap.Map) { scale(m, "ledger-posting", "max-scale", "6") }, "hold 93 connections to Postgres, over the 90"},
		"a bigger pool for all":      {func(m *flowmap.Map) { m.Settings.Service.Postgres.MaxConnections = 5 }, "hold 106 connections"},
		"relays without end":         {func(m *flowmap.Map) { object(m, "Deployment", "relay").Spec.Replicas = ptr.To[int32](3) }, "hold 95 connections"},
		"a bigger pool for one": {func(m *flowmap.Map) { container(m, "query").Env = append(container(m, "query").Env, pool) },
			"Service query: sets POSTGRES_MAX_CONNECTIONS by itself"},
		"a bigger pool for the relay": {func(m *flowmap.Map) {
			c := &object(m, "Deployment", "relay").Spec.Template.Spec.Containers[0]
			c.Env = append(c.Env, pool)
		}, "Deployment relay: sets POSTGRES_MAX_CONNECTIONS by itself"},
	} {
		t.Run(name, func(t *testing.T) {
			m := read(t)
			c.plant(m)
			require.True(t, contains(m.Check(), c.says), "%q is not in %q", c.says, m.Check())
		})
	}
}
