package knative

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/utils/ptr"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"knative.dev/eventing/pkg/apis/config"
	eventingduck "knative.dev/eventing/pkg/apis/duck/v1"
	"knative.dev/eventing/pkg/apis/feature"
)

// brokerClass is the class of Broker that this process is: ingress, in-memory
// channel, filter.
const brokerClass = "MTChannelBasedBroker"

// Admission prepares a context as the webhook of a freshly installed Knative
// Eventing would: the default features, and the default Broker of its ConfigMap
// config-br-defaults (ten retries, doubling from 0.2 seconds).
func Admission(ctx context.Context) context.Context {
	ctx = feature.ToContext(ctx, feature.FromContextOrDefaults(ctx))
	return config.ToContext(ctx, &config.Config{Defaults: &config.Defaults{
		ClusterDefaultConfig: &config.DefaultConfig{
			DefaultBrokerClass: brokerClass,
			BrokerConfig: &config.BrokerConfig{
				KReference: &duckv1.KReference{
					APIVersion: "v1", Kind: "ConfigMap",
					Namespace: "knative-eventing", Name: "config-br-default-channel",
				},
				Delivery: &eventingduck.DeliverySpec{
					Retry:         ptr.To[int32](10),
					BackoffPolicy: ptr.To(eventingduck.BackoffPolicyExponential),
					BackoffDelay:  ptr.To("PT0.2S"),
				},
			},
		},
	}})
}

// split cuts a file at its "---" lines; documents without content are left out.
func split(raw []byte) ([][]byte, error) {
	var documents [][]byte
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(raw)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, err
		}
		var content any
		if err := yaml.Unmarshal(document, &content); err == nil && content == nil {
			continue // comments only
		}
		documents = append(documents, document)
	}
}

// head is what every Kubernetes object has.
type head struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
}

func parseHead(document []byte) (head, error) {
	var h head
	raw, err := yaml.YAMLToJSON(document)
	if err == nil {
		err = json.UnmarshalCaseSensitivePreserveInts(raw, &h)
	}
	if err != nil {
		return h, fmt.Errorf("not a manifest: %w", err)
	}
	if h.Kind == "" && h.APIVersion != "" {
		return h, fmt.Errorf("apiVersion %s without kind", h.APIVersion)
	}
	return h, nil
}

// unmarshalStrict decodes as the API server does: field names in their exact
// case, none unknown, none twice, and no conversions. sigs.k8s.io/yaml's own
// UnmarshalStrict is laxer: it takes Retry for retry, and turns an unquoted y,
// a boolean, into the string "true" where a string is wanted.
func unmarshalStrict(document []byte, into any) error {
	raw, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return err
	}
	lax, err := json.UnmarshalStrict(raw, into)
	return errors.Join(append(lax, err)...)
}

// An object can be admitted as the webhook would admit it.
type object interface {
	metav1.Object
	apis.Defaultable
	apis.Validatable
}

// parse reads a document strictly into o, then does what admission would.
func (m *Manifests) parse(ctx context.Context, h head, version string, document []byte, o object) error {
	if h.APIVersion != version {
		return fmt.Errorf("%s has apiVersion %q: want %s", h.Kind, h.APIVersion, version)
	}
	if h.Metadata.Name == "" {
		return fmt.Errorf("%s without metadata.name", h.Kind)
	}
	if err := unmarshalStrict(document, o); err != nil {
		return fmt.Errorf("%s %s: %w", h.Kind, h.Metadata.Name, err)
	}
	if o.GetNamespace() == "" {
		o.SetNamespace(m.Namespace)
	}
	o.SetDefaults(ctx)
	if invalid := o.Validate(ctx); invalid != nil {
		return fmt.Errorf("%s %s: %w", h.Kind, h.Metadata.Name, invalid)
	}
	return nil
}

// Admit fills in o's defaults and checks it as a freshly installed Knative
// Eventing would on admission.
func Admit(o interface {
	apis.Defaultable
	apis.Validatable
}) *apis.FieldError {
	ctx := Admission(context.Background())
	o.SetDefaults(ctx)
	return o.Validate(ctx)
}
