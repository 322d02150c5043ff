package knative_test

import (
	"os"
	"path"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/knative"
)

func TestLoadReadsTheTrees(t *testing.T) {
	m, err := knative.Load("quittance", os.DirFS("testdata/infra/base"), os.DirFS("testdata/infra/functions"))
	require.NoError(t, err)

	require.Len(t, m.Brokers, 2)
	closure, payments := m.Brokers[0], m.Brokers[1]
	require.Equal(t, "payments", payments.Name)
	require.EqualValues(t, 2, *payments.Spec.Delivery.Retry)
	// What the webhook fills in for a Broker that says nothing.
	require.Equal(t, "quittance", closure.Namespace)
	require.Equal(t, "MTChannelBasedBroker", closure.Annotations["eventing.knative.dev/broker.class"])
	require.EqualValues(t, 10, *closure.Spec.Delivery.Retry)
	require.Equal(t, "PT0.2S", *closure.Spec.Delivery.BackoffDelay)
	require.Equal(t, "exponential", string(*closure.Spec.Delivery.BackoffPolicy))

	require.Len(t, m.Triggers, 2)
	require.Equal(t, "closure-e", m.Triggers[0].Name)
	payment := m.Triggers[1]
	require.Equal(t, "quittance", payment.Spec.Subscriber.Ref.Namespace, "defaulted from the Trigger")
	require.Equal(t, "/payment", payment.Spec.Delivery.DeadLetterSink.URI.Path)

	require.Len(t, m.PingSources, 2)
	require.Equal(t, "Europe/Berlin", m.PingSources[0].Spec.Timezone)

	require.Len(t, m.Services, 3)
	require.Equal(t, "payment", m.Services[2].Name)
	require.EqualValues(t, 20, *m.Services[2].Spec.Template.Spec.ContainerConcurrency)
	require.Equal(t, "LOG_LEVEL", m.Services[2].Spec.Template.Spec.Containers[0].Env[0].Name)
}

func trigger(lines string) string {
	return `apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: payment}
spec:
  broker: payments
  subscriber: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: payment}}
` + lines
}

func TestLoadRefusesWhatAdmissionWouldRefuse(t *testing.T) {
	for name, c := range map[string]struct{ document, says string }{
		"unknown field":                    {trigger("  retries: 3\n"), `unknown field "spec.retries"`},
		"unknown field of delivery":        {trigger("  delivery: {backoff: PT1S}\n"), `unknown field "spec.delivery.backoff"`},
		"unquoted y is a boolean":          {trigger("  filter: {attributes: {type: y}}\n"), "cannot unmarshal bool"},
		"field in another case":            {trigger("  delivery: {Retry: 3}\n"), `unknown field "spec.delivery.Retry"`},
		"key given twice":                  {trigger("  broker: closure\n"), `key "broker" already set`},
		"duration that is not ISO 8601":    {trigger("  delivery: {retry: 1, backoffPolicy: linear, backoffDelay: 200ms}\n"), "spec.delivery.backoffDelay"},
		"timeout of zero":                  {trigger("  delivery: {timeout: PT0S}\n"), "spec.delivery.timeout"},
		"negative retry":                   {trigger("  delivery: {retry: -1}\n"), "spec.delivery.retry"},
		"backoff that Knative has not":     {trigger("  delivery: {backoffPolicy: jitter}\n"), "spec.delivery.backoffPolicy"},
		"CESQL that does not parse":        {trigger("  filters: [{cesql: \"type = \"}]\n"), "spec.filters"},
		"two dialects in one filter":       {trigger("  filters: [{exact: {type: a}, prefix: {type: a}}]\n"), "multiple dialects"},
		"sink without ref and uri":         {trigger("  delivery: {deadLetterSink: {}}\n"), "deadLetterSink"},
		"trigger without broker":           {"apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: {name: x}\nspec: {subscriber: {uri: http://x.example/}}\n", "spec.broker"},
		"old version":                      {"apiVersion: eventing.knative.dev/v1beta1\nkind: Trigger\nmetadata: {name: x}\n", "want eventing.knative.dev/v1"},
		"no name":                          {"apiVersion: eventing.knative.dev/v1\nkind: Broker\n", "without metadata.name"},
		"no kind":                          {"apiVersion: eventing.knative.dev/v1\nKind: Broker\n", "without kind"},
		"schedule":                         {"apiVersion: sources.knative.dev/v1\nkind: PingSource\nmetadata: {name: x}\nspec: {schedule: often, sink: {uri: http://x.example/}}\n", "spec.schedule"},
		"time zone":                        {"apiVersion: sources.knative.dev/v1\nkind: PingSource\nmetadata: {name: x}\nspec: {timezone: Europe/Entenhausen, sink: {uri: http://x.example/}}\n", "spec.timezone"},
		"JSON data that is none":           {"apiVersion: sources.knative.dev/v1\nkind: PingSource\nmetadata: {name: x}\nspec: {contentType: application/json, data: '{', sink: {uri: http://x.example/}}\n", "spec.data"},
		"service field in the wrong place": {"apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: x}\nspec: {containerConcurrency: 3, template: {spec: {containers: [{image: x}]}}}\n", `unknown field "spec.containerConcurrency"`},
		"service without container":        {"apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: x}\nspec: {template: {spec: {}}}\n", "spec.template.spec.containers"},
		"not YAML":                         {"kind: [\n", "not a manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			// A good document before it: the error must name the second.
			file := "apiVersion: v1\nkind: Namespace\nmetadata: {name: quittance}\n---\n" + c.document
			_, err := knative.Load("quittance", fstest.MapFS{"functions/payment.yaml": {Data: []byte(file)}})
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "functions/payment.yaml: document 2: ")
		})
	}
}

func TestLoadNamesEveryErrorAtOnce(t *testing.T) {
	_, err := knative.Load("quittance", fstest.MapFS{
		"a.yaml": {Data: []byte(trigger("  retries: 3\n"))},
		"b.yaml": {Data: []byte(trigger("  delay: 3\n"))},
	})
	require.ErrorContains(t, err, "a.yaml: document 1")
	require.ErrorContains(t, err, "b.yaml: document 1")
}

func TestLoadRefusesAnObjectDescribedTwice(t *testing.T) {
	_, err := knative.Load("quittance",
		fstest.MapFS{"a.yaml": {Data: []byte(trigger(""))}},
		fstest.MapFS{"b.yaml": {Data: []byte("# again\n---\n" + trigger(""))}})
	require.EqualError(t, err, "b.yaml: document 1: Trigger quittance/payment is described already in a.yaml: document 1")
}

func TestLoadLeavesOtherFilesAlone(t *testing.T) {
	m, err := knative.Load("quittance", fstest.MapFS{
		"README.md":                            {Data: []byte("kind: [")},
		"kustomization.yaml":                   {Data: []byte("resources: [a.yaml]\n")},
		path.Join("deep", "er", "service.yml"): {Data: []byte("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80}]}\n")},
	})
	require.NoError(t, err)
	require.Empty(t, m.Services, "Kubernetes' own Service is not a function")
}
