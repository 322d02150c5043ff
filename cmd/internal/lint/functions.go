package lint

import (
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"quittance.dev/cmd/internal/knative"
)

const (
	// Serving gives a Service no address outside the cluster when it has this
	// label. Only the door may be without it.
	visibility   = "networking.knative.dev/visibility"
	clusterLocal = "cluster-local"
	door         = "api"
)

func (c *check) service(name string) *typed[*knative.Service] {
	i := slices.IndexFunc(c.services, func(s typed[*knative.Service]) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &c.services[i]
}

// functions looks for a Service of every function of the registry, complete, in
// a file of its own with all that belongs to it.
func (c *check) functions() {
	for _, f := range c.code.Functions {
		if c.service(f.Name) == nil {
			c.sayAt(c.whole(), "function", "there is no Service %s, though the code has the function", f.Name)
		}
	}
	for _, s := range c.services {
		if _, known := c.code.function(s.Name); !known {
			c.say(s.Object, at("metadata", "name"), "function", "the registry has no function of that name")
			continue
		}
		c.reach(s)
		c.ofFunction(pod{s.Object, podPaths["serving.knative.dev/Service"], s.is.Spec.Template.Spec.PodSpec})
	}
	for _, t := range c.triggers {
		c.sameFile(t.Title(), t.Origin().File, knative.Consumer(t.is), t.Line("metadata", "name").Line)
	}
}

// sameFile holds that what belongs to a function is described in its file. What
// was rendered already has no files to speak of.
func (c *check) sameFile(title, file, function string, line int) {
	s := c.set.Find(serving, "Service", function)
	if s == nil || s.Origin().File == file {
		return
	}
	c.findings = append(c.findings, Finding{file, line, "file", title + ": belongs into " + s.Origin().File + ", where the function " + function + " is described"})
}

// reach looks at who may speak to a function, and how much at once.
func (c *check) reach(s typed[*knative.Service]) {
	if s.is.Labels[visibility] != clusterLocal && (s.Name != door || s.is.Labels[visibility] != "") {
		c.say(s.Object, at("metadata", "labels", visibility), "reach", "may be reached from outside the cluster: label it %s: %s", visibility, clusterLocal)
	}
	if n := s.is.Spec.Template.Spec.ContainerConcurrency; n == nil || *n == 0 {
		c.say(s.Object, at("spec", "template", "spec", "containerConcurrency"), "scale", "takes any number of requests at once: state containerConcurrency")
	}
}

// ofFunction looks at the one container of a function or of the relay.
func (c *check) ofFunction(p pod) {
	if !slices.Contains(c.code.Roles, roleOf(p.Name)) {
		c.say(p.Object, at("metadata", "name"), "role", "no migration makes a role %s%s with grants", roleName, roleOf(p.Name))
	}
	if p.spec.ServiceAccountName != p.Name {
		c.say(p.Object, p.below("serviceAccountName"), "service-account", "runs as %q, not under a ServiceAccount %s of its own", p.spec.ServiceAccountName, p.Name)
	} else if account := c.set.Find("", "ServiceAccount", p.Name); account == nil {
		c.say(p.Object, p.below("serviceAccountName"), "service-account", "there is no ServiceAccount %s", p.Name)
	} else {
		if automount, stated := account.Get("automountServiceAccountToken").(bool); !stated || automount {
			c.say(account, at("automountServiceAccountToken"), "service-account", "gives its token to every pod: state automountServiceAccountToken: false")
		}
		c.sameFile(account.Title(), account.Origin().File, p.Name, account.Line("metadata", "name").Line)
	}
	if len(p.spec.Containers) != 1 {
		c.say(p.Object, p.below("containers"), "image", "has %d containers, not one", len(p.spec.Containers))
		return
	}
	one := p.spec.Containers[0]
	if main, ko := strings.CutPrefix(one.Image, "ko://"); ko && main != mainsPath+p.Name && slices.Contains(c.code.Mains, main) || !ko && !named(one.Image, p.Name) {
		c.say(p.Object, p.below("containers", "0", "image"), "image", "runs %s, not %s", one.Image, mainsPath+p.Name)
	}
	if !slices.ContainsFunc(one.EnvFrom, func(e corev1.EnvFromSource) bool { return e.ConfigMapRef != nil }) {
		c.say(p.Object, p.below("containers", "0", "envFrom"), "setting", "does not read the ConfigMap of all functions")
	}
	i := slices.IndexFunc(one.Env, func(e corev1.EnvVar) bool { return e.Name == "POSTGRES_USER" })
	switch {
	case i < 0:
		c.say(p.Object, p.below("containers", "0", "env"), "role", "does not say as whom it signs in: POSTGRES_USER")
	case one.Env[i].Value != roleName+roleOf(p.Name):
		c.say(p.Object, p.below("containers", "0", "env", strconv.Itoa(i), "value"), "role", "signs in as %s, not as %s%s", one.Env[i].Value, roleName, roleOf(p.Name))
	}
}

// named tells whether an image of a registry is that of a function: its name is
// the last segment, before tag and digest.
func named(image, function string) bool {
	image, _, _ = strings.Cut(image, "@")
	name, _, _ := strings.Cut(path.Base(image), ":")
	return name == function
}

// relay looks at the one process that is no Knative Service.
func (c *check) relay() {
	i := slices.IndexFunc(c.pods, func(p pod) bool { return p.Kind == "Deployment" && p.Name == relay })
	if i < 0 {
		c.sayAt(c.whole(), "function", "there is no Deployment %s: nothing would be sent", relay)
		return
	}
	c.ofFunction(c.pods[i])
	for _, b := range c.bindings {
		if b.is.Spec.Subject.Kind != "Deployment" || b.is.Spec.Subject.Name != relay {
			continue
		}
		switch ref := b.is.Spec.Sink.Ref; {
		case ref == nil || ref.Kind != "Broker" || b.is.Spec.Sink.URI != nil:
			c.say(b.Object, at("spec", "sink"), "broker", "the relay's sink is no Broker")
		case c.set.Find(eventing, "Broker", ref.Name) == nil:
			c.say(b.Object, at("spec", "sink", "ref", "name"), "broker", "there is no Broker %s", ref.Name)
		}
		return
	}
	if slices.ContainsFunc(c.bindings, c.astray) {
		return // said where names that refer to nothing are
	}
	c.say(c.pods[i].Object, at("metadata", "name"), "broker", "no SinkBinding gives the relay its K_SINK")
}
