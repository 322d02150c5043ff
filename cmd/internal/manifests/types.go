package manifests

import (
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterscheme "k8s.io/client-go/kubernetes/scheme"
	eventingscheme "knative.dev/eventing/pkg/client/clientset/versioned/scheme"
	"sigs.k8s.io/kustomize/api/types"

	"quittance.dev/cmd/internal/knative"
)

// Type is the Go type in which the platform reads a kind: Kubernetes' own,
// Knative Eventing's, kustomize's, and what an object of Serving or of the
// External Secrets operator may have here. There is none for other kinds.
func Type(apiVersion, kind string) (reflect.Type, bool) {
	of := schema.FromAPIVersionAndKind(apiVersion, kind)
	switch {
	case of.Group == "serving.knative.dev" && kind == "Service":
		return reflect.TypeFor[knative.Service](), true
	case of.Group == "serving.knative.dev" && kind == "DomainMapping":
		return reflect.TypeFor[DomainMapping](), true
	case of.Group == "networking.internal.knative.dev" && kind == "ClusterDomainClaim":
		return reflect.TypeFor[ClusterDomainClaim](), true
	case of.Group == "external-secrets.io" && kind == "ExternalSecret":
		return reflect.TypeFor[ExternalSecret](), true
	case kind == "Kustomization" || kind == "Component":
		return reflect.TypeFor[types.Kustomization](), true
	}
	if t, known := clusterscheme.Scheme.AllKnownTypes()[of]; known {
		return t, true
	}
	t, known := eventingscheme.Scheme.AllKnownTypes()[of]
	return t, known
}

// ExternalSecret is a Secret out of the platform's manager, with the fields that
// external-secrets.io/v1 has and a manifest of ours may use.
type ExternalSecret struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		RefreshInterval metav1.Duration `json:"refreshInterval"`
		SecretStoreRef  struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"secretStoreRef"`
		Target struct {
			Name           string `json:"name"`
			CreationPolicy string `json:"creationPolicy"`
		} `json:"target"`
		Data []struct {
			SecretKey string `json:"secretKey"`
			RemoteRef struct {
				Key      string `json:"key"`
				Property string `json:"property"`
			} `json:"remoteRef"`
		} `json:"data"`
	} `json:"spec"`
}

// DomainMapping gives a Service a name at the gateway, which is its own name. The
// fields are those of serving.knative.dev/v1beta1 that a manifest of ours may use.
type DomainMapping struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Ref struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Name       string `json:"name"`
			Namespace  string `json:"namespace"`
		} `json:"ref"`
		TLS *struct {
			SecretName string `json:"secretName"`
		} `json:"tls,omitempty"`
	} `json:"spec"`
}

// ClusterDomainClaim says in which namespace alone a name may be mapped.
type ClusterDomainClaim struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Namespace string `json:"namespace"`
	} `json:"spec"`
}
