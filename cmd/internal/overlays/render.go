package overlays

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clusterscheme "k8s.io/client-go/kubernetes/scheme"
	eventingscheme "knative.dev/eventing/pkg/client/clientset/versioned/scheme"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"quittance.dev/cmd/internal/knative"
)

// Render builds the kustomization in folder and reads each object strictly: an
// unknown field, a field given twice and a value of another type are errors. So
// is what Knative's admission webhook would refuse, and a kind that is not known.
func Render(ctx context.Context, folder string) ([]metav1.Object, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", folder, err)
	}
	ctx = knative.Admission(ctx)
	var all []metav1.Object
	var errs []error
	for _, r := range built.Resources() {
		raw, err := r.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", folder, err)
		}
		o, err := admit(ctx, raw, schema.FromAPIVersionAndKind(r.GetApiVersion(), r.GetKind()))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", r.GetKind(), r.GetName(), err))
			continue
		}
		all = append(all, o)
	}
	return all, errors.Join(errs...)
}

func admit(ctx context.Context, raw []byte, kind schema.GroupVersionKind) (metav1.Object, error) {
	into, err := typeOf(kind)
	if err != nil {
		return nil, err
	}
	lax, err := json.UnmarshalStrict(raw, into)
	if err := errors.Join(append(lax, err)...); err != nil {
		return nil, err
	}
	if d, can := into.(apis.Defaultable); can {
		d.SetDefaults(ctx)
	}
	if v, can := into.(apis.Validatable); can {
		if invalid := v.Validate(ctx); invalid != nil {
			return nil, invalid
		}
	}
	return into, nil
}

// typeOf makes an empty object of a kind.
func typeOf(kind schema.GroupVersionKind) (metav1.Object, error) {
	switch {
	case kind.Group == "serving.knative.dev" && kind.Kind == "Service":
		return &knative.Service{}, nil
	case kind.Group == "external-secrets.io" && kind.Kind == "ExternalSecret":
		return &ExternalSecret{}, nil
	}
	for _, known := range []*runtime.Scheme{clusterscheme.Scheme, eventingscheme.Scheme} {
		if t, there := known.AllKnownTypes()[kind]; there {
			if o, is := reflect.New(t).Interface().(metav1.Object); is {
				return o, nil
			}
		}
	}
	return nil, errors.New("a kind that nothing here knows")
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

// Pod is the pod that an object asks for, if it asks for one.
func Pod(o metav1.Object) (metav1.ObjectMeta, *corev1.PodSpec) {
	switch o := o.(type) {
	case *knative.Service:
		return o.Spec.Template.ObjectMeta, &o.Spec.Template.Spec.PodSpec
	case *appsv1.Deployment:
		return o.Spec.Template.ObjectMeta, &o.Spec.Template.Spec
	case *appsv1.StatefulSet:
		return o.Spec.Template.ObjectMeta, &o.Spec.Template.Spec
	case *batchv1.Job:
		return o.Spec.Template.ObjectMeta, &o.Spec.Template.Spec
	}
	return metav1.ObjectMeta{}, nil
}

// Secrets lists what a pod mounts: name of the Secret to the keys that it asks
// for, none when it takes all.
func Secrets(pod *corev1.PodSpec) map[string][]string {
	wanted := map[string][]string{}
	add := func(name string, items []corev1.KeyToPath) {
		wanted[name] = append(wanted[name], []string{}...)
		for _, item := range items {
			wanted[name] = append(wanted[name], item.Key)
		}
	}
	for _, v := range pod.Volumes {
		if v.Secret != nil {
			add(v.Secret.SecretName, v.Secret.Items)
		}
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.Secret != nil {
				add(s.Secret.Name, s.Secret.Items)
			}
		}
	}
	return wanted
}
