package manifests

import (
	"reflect"

	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterscheme "k8s.io/client-go/kubernetes/scheme"
	eventingscheme "knative.dev/eventing/pkg/client/clientset/versioned/scheme"
	"sigs.k8s.io/kustomize/api/types"

	"quittance.dev/cmd/internal/knative"
)

// Type is the Go type in which the platform reads a kind: Kubernetes' own,
// Knative Eventing's, kustomize's, and what Serving's Service may have here.
// There is none for kinds of other operators.
func Type(apiVersion, kind string) (reflect.Type, bool) {
	switch {
	case kind == "Service" && apiVersion == "serving.knative.dev/v1":
		return reflect.TypeFor[knative.Service](), true
	case kind == "Kustomization" || kind == "Component":
		return reflect.TypeFor[types.Kustomization](), true
	}
	of := schema.FromAPIVersionAndKind(apiVersion, kind)
	if t, known := clusterscheme.Scheme.AllKnownTypes()[of]; known {
		return t, true
	}
	t, known := eventingscheme.Scheme.AllKnownTypes()[of]
	return t, known
}
