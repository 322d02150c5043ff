package lint

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
)

// references looks for names that refer to nothing.
func (c *check) references() {
	for _, p := range c.pods {
		if name := p.spec.ServiceAccountName; name != "" && name != p.Name && c.set.Find("", "ServiceAccount", name) == nil && !c.isFunction(p.Name) {
			c.say(p.Object, p.below("serviceAccountName"), "reference", "there is no ServiceAccount %s", name)
		}
		for i, v := range p.spec.Volumes {
			c.volume(p, v, p.below("volumes", strconv.Itoa(i)))
		}
		for list, containers := range map[string][]corev1.Container{"containers": p.spec.Containers, "initContainers": p.spec.InitContainers} {
			for i, one := range containers {
				c.container(p, one, p.below(list, strconv.Itoa(i)))
			}
		}
	}
	c.subjects()
}

func (c *check) isFunction(name string) bool {
	_, known := c.code.function(name)
	return known || name == relay
}

func (c *check) volume(p pod, v corev1.Volume, path []string) {
	switch {
	case v.Secret != nil:
		c.refer(p, append(path, "secret", "secretName"), "Secret", v.Secret.SecretName)
	case v.ConfigMap != nil:
		c.refer(p, append(path, "configMap", "name"), "ConfigMap", v.ConfigMap.Name)
	case v.PersistentVolumeClaim != nil:
		c.refer(p, append(path, "persistentVolumeClaim", "claimName"), "PersistentVolumeClaim", v.PersistentVolumeClaim.ClaimName)
	case v.Projected != nil:
		for i, s := range v.Projected.Sources {
			at := append(slices.Clone(path), "projected", "sources", strconv.Itoa(i))
			if s.Secret != nil {
				c.refer(p, append(at, "secret", "name"), "Secret", s.Secret.Name)
			}
			if s.ConfigMap != nil {
				c.refer(p, append(at, "configMap", "name"), "ConfigMap", s.ConfigMap.Name)
			}
		}
	}
}

func (c *check) container(p pod, one corev1.Container, path []string) {
	for i, from := range one.EnvFrom {
		here := append(slices.Clone(path), "envFrom", strconv.Itoa(i))
		if from.ConfigMapRef != nil {
			c.refer(p, append(here, "configMapRef", "name"), "ConfigMap", from.ConfigMapRef.Name)
		}
		if from.SecretRef != nil {
			c.say(p.Object, append(here, "secretRef"), "pod-security", "has a secret in its environment: mount it as a file")
		}
	}
	for i, e := range one.Env {
		if e.ValueFrom == nil {
			continue
		}
		here := append(slices.Clone(path), "env", strconv.Itoa(i), "valueFrom")
		if ref := e.ValueFrom.ConfigMapKeyRef; ref != nil {
			c.refer(p, append(here, "configMapKeyRef", "name"), "ConfigMap", ref.Name)
		}
		if e.ValueFrom.SecretKeyRef != nil {
			c.say(p.Object, append(here, "secretKeyRef"), "pod-security", "has a secret in its environment: mount it as a file")
		}
	}
	for i, m := range one.VolumeMounts {
		if !slices.ContainsFunc(p.spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) && !claimed(p, m.Name) {
			c.say(p.Object, append(slices.Clone(path), "volumeMounts", strconv.Itoa(i)), "reference", "there is no volume %s", m.Name)
		}
	}
}

// claimed tells whether a StatefulSet makes the volume by itself.
func claimed(p pod, volume string) bool {
	claims, _ := p.Get("spec", "volumeClaimTemplates").([]any)
	return slices.ContainsFunc(claims, func(e any) bool {
		fields, _ := e.(map[string]any)
		metadata, _ := fields["metadata"].(map[string]any)
		return metadata["name"] == volume
	})
}

// refer says when there is no object of that kind and name. On a laptop
// and on a cluster on trial Secrets are no manifests: they are made up.
func (c *check) refer(p pod, path []string, kind, name string) {
	if c.set.Find("", kind, name) != nil {
		return
	}
	if kind == "Secret" && (c.stageOf() == "" || c.stageOf() == trial || c.makesSecret(name)) {
		return
	}
	c.say(p.Object, path, "reference", "there is no %s %s", kind, name)
}

// makesSecret tells whether an operator makes a Secret of that name: what an
// ExternalSecret fetches, or a Certificate issues.
func (c *check) makesSecret(name string) bool {
	for _, o := range c.set.Objects {
		switch o.Kind {
		case "ExternalSecret":
			if target, ok := o.Get("spec", "target", "name").(string); ok && target == name || !ok && o.Name == name {
				return true
			}
		case "Certificate":
			if o.Get("spec", "secretName") == name {
				return true
			}
		}
	}
	return false
}

// subjects looks at whom SinkBindings are about. Where Triggers and PingSources
// lead is held against the registry.
func (c *check) subjects() {
	for _, b := range c.bindings {
		if c.astray(b) {
			c.say(b.Object, at("spec", "subject", "name"), "reference", "there is no Deployment %s", b.is.Spec.Subject.Name)
		}
	}
}

// astray tells whether a SinkBinding is about a Deployment that is not there.
func (c *check) astray(b typed[*sourcesv1.SinkBinding]) bool {
	subject := b.is.Spec.Subject
	return subject.Kind == "Deployment" && subject.Name != "" && subject.Name != relay && c.set.Find("apps", "Deployment", subject.Name) == nil
}
