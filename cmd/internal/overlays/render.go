package overlays

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	kjson "sigs.k8s.io/json"

	"quittance.dev/cmd/internal/knative"
	"quittance.dev/cmd/internal/manifests"
)

// Render builds the kustomization in folder and reads each object strictly: an
// unknown field, a field given twice and a value of another type are errors. So
// is what Knative's admission webhook would refuse, and a kind that is not known.
func Render(ctx context.Context, folder string) ([]metav1.Object, error) {
	set, err := manifests.Render(folder)
	if err != nil {
		return nil, err
	}
	ctx = knative.Admission(ctx)
	var all []metav1.Object
	var errs []error
	for _, r := range set.Objects {
		o, err := admit(ctx, r)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Title(), err))
			continue
		}
		all = append(all, o)
	}
	return all, errors.Join(errs...)
}

func admit(ctx context.Context, r *manifests.Object) (metav1.Object, error) {
	into, err := typeOf(r.APIVersion, r.Kind)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(r.Value)
	if err != nil {
		return nil, err
	}
	lax, err := kjson.UnmarshalStrict(raw, into)
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
func typeOf(apiVersion, kind string) (metav1.Object, error) {
	if t, known := manifests.Type(apiVersion, kind); known {
		if o, is := reflect.New(t).Interface().(metav1.Object); is {
			return o, nil
		}
	}
	return nil, errors.New("a kind that nothing here knows")
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
