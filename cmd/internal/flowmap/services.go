package flowmap

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"

	"quittance.dev/cmd/internal/knative"
)

const (
	images    = "ko://quittance.dev/functions/cmd/"
	emulators = "ko://quittance.dev/cmd/emulators" // on a cluster on trial
	relay     = "relay"
	audit     = "audit"
	migrate   = "migrate" // a Job, before the functions of a release
	roleName  = "quittance_"

	// Serving gives a Service no address outside the cluster when it has this
	// label. Nothing of ours asks a caller who they are.
	visibility   = "networking.knative.dev/visibility"
	clusterLocal = "cluster-local"
)

// checkServices looks for a Service, an image, a main and a role for every
// function, and for functions that a manifest only pretends to have.
func (m *Map) checkServices(say sayer) {
	var deployed []string
	for _, s := range m.Manifests.Services {
		deployed = append(deployed, s.Name)
		m.checkService(s, func(format string, arguments ...any) {
			say("Service %s: "+format, append([]any{s.Name}, arguments...)...)
		})
	}
	need := []string{deadLetters, audit}
	for _, e := range m.Catalogue {
		need = append(append(need, e.Says...), e.Hears...)
	}
	slices.Sort(need)
	for _, name := range missing(slices.Compact(need), deployed) {
		say("there is no Service %s", name)
	}
	for _, name := range missing(m.Mains, append(deployed, relay, migrate)) {
		say("functions/cmd/%s has no Service", name)
	}
	if !slices.ContainsFunc(m.Manifests.PingSources, func(p *sourcesv1.PingSource) bool {
		return p.Spec.Sink.Ref != nil && p.Spec.Sink.Ref.Name == audit
	}) {
		say("no PingSource wakes the audit")
	}
	for _, p := range m.Manifests.PingSources {
		if ref := p.Spec.Sink.Ref; ref == nil || !slices.Contains(deployed, ref.Name) {
			say("PingSource %s: its sink is no Service of ours", p.Name)
		}
	}
	var files []string
	for _, o := range m.Objects {
		if o.Kind != "Kustomization" {
			files = append(files, o.File)
		}
	}
	slices.Sort(files)
	for _, file := range missing(slices.Compact(files), m.Listed) {
		say("no kustomization of infra/ lists %s", file)
	}
	for _, file := range missing(m.Listed, files) {
		say("a kustomization of infra/ lists %s, which is not there", file)
	}
	want := []string{images + relay, images + migrate, emulators}
	for _, name := range deployed {
		want = append(want, images+name)
	}
	for _, image := range missing(want, m.Built) {
		say("skaffold.yaml does not build %s", image)
	}
	for _, image := range missing(m.Built, want) {
		say("skaffold.yaml builds %s, which nothing runs", image)
	}
}

func (m *Map) checkService(s *knative.Service, say sayer) {
	pod := s.Spec.Template.Spec
	m.checkPod(s.Name, pod.PodSpec, say)
	if s.Labels[visibility] != clusterLocal {
		say("may be reached from outside the cluster: label it %s: %s", visibility, clusterLocal)
	}
	if pod.ContainerConcurrency == nil || *pod.ContainerConcurrency == 0 {
		say("takes any number of requests at once: state containerConcurrency")
	}
	patience := time.Duration(0)
	if pod.TimeoutSeconds != nil {
		patience = time.Duration(*pod.TimeoutSeconds) * time.Second
	}
	for _, t := range m.Manifests.Triggers {
		if consumer(t) != s.Name || t.Spec.Delivery == nil {
			continue
		}
		if timing, err := timingOf(t); err == nil && patience <= timing.timeout {
			say("timeoutSeconds %s is not over the timeout of Trigger %s, %s", patience, t.Name, timing.timeout)
		}
	}
}

// checkPod looks at what every process of ours has in common.
func (m *Map) checkPod(name string, pod corev1.PodSpec, say sayer) {
	if !slices.Contains(m.Mains, name) {
		say("there is no functions/cmd/%s", name)
	}
	if !slices.Contains(m.Roles, roleOf(name)) {
		say("no migration makes a role %s%s with grants", roleName, roleOf(name))
	}
	if len(pod.Containers) != 1 {
		say("has %d containers, not one", len(pod.Containers))
		return
	}
	c := pod.Containers[0]
	if c.Image != images+name {
		say("runs %s, not %s%s", c.Image, images, name)
	}
	if !slices.ContainsFunc(c.EnvFrom, func(e corev1.EnvFromSource) bool {
		return e.ConfigMapRef != nil && e.ConfigMapRef.Name == configMap
	}) {
		say("does not read the ConfigMap %s", configMap)
	}
	i := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == "POSTGRES_USER" })
	if i < 0 || c.Env[i].Value != roleName+roleOf(name) {
		say("does not sign in as %s%s", roleName, roleOf(name))
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		say("is given a token for the cluster's API, which it never calls")
	}
	if s := c.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
		say("may run as root or write to its image")
	}
}

// checkRelay looks at the one process that is no Knative Service.
func (m *Map) checkRelay(say sayer) {
	deployment, there := m.find("Deployment", relay)
	if !there {
		say("there is no Deployment %s: nothing would be sent", relay)
		return
	}
	m.checkPod(relay, deployment.Spec.Template.Spec, func(format string, arguments ...any) {
		say("Deployment relay: "+format, arguments...)
	})
	binding, there := m.find("SinkBinding", relay)
	switch {
	case !there || binding.Spec.Subject.Kind != "Deployment" || binding.Spec.Subject.Name != relay:
		say("no SinkBinding gives the relay its K_SINK")
	case binding.Spec.Sink.Ref == nil || binding.Spec.Sink.Ref.Kind != "Broker" || binding.Spec.Sink.URI != nil:
		say("the relay's sink is no Broker")
	default:
		if !slices.ContainsFunc(m.Manifests.Brokers, func(b *eventingv1.Broker) bool { return b.Name == binding.Spec.Sink.Ref.Name }) {
			say("the relay's sink is a Broker %s that is not there", binding.Spec.Sink.Ref.Name)
		}
	}
}
