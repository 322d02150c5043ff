package lint

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"quittance.dev/cmd/internal/manifests"
)

// pod is what a workload runs.
type pod struct {
	*manifests.Object          // the workload
	path              []string // where in it the pod is described
	spec              corev1.PodSpec
}

// podPaths is where each kind of workload describes its pods.
var podPaths = map[string][]string{
	"serving.knative.dev/Service": {"spec", "template", "spec"},
	"apps/Deployment":             {"spec", "template", "spec"},
	"apps/StatefulSet":            {"spec", "template", "spec"},
	"apps/DaemonSet":              {"spec", "template", "spec"},
	"batch/Job":                   {"spec", "template", "spec"},
	"batch/CronJob":               {"spec", "jobTemplate", "spec", "template", "spec"},
}

func (c *check) podsOf() {
	for _, o := range c.set.Objects {
		path, runs := podPaths[o.Group()+"/"+o.Kind]
		if !runs {
			continue
		}
		p := pod{Object: o, path: path}
		raw, err := yaml.Marshal(o.Get(path...))
		if err == nil {
			raw, err = yaml.YAMLToJSON(raw)
		}
		if err == nil {
			err = json.UnmarshalCaseSensitivePreserveInts(raw, &p.spec)
		}
		if err != nil {
			c.say(o, path, "type", "%v", err)
			continue
		}
		c.pods = append(c.pods, p)
	}
}

// below is a path inside the pod.
func (p pod) below(path ...string) []string { return append(slices.Clone(p.path), path...) }

// main is the import path of the program that a container runs, if it is one of
// the project's.
func program(image string) (string, bool) {
	path, ours := strings.CutPrefix(image, "ko://")
	return path, ours && strings.HasPrefix(path, module)
}

// workloads looks at what every pod has in common: that its program is there,
// that it can do as little as possible, and that it asks for what it needs.
func (c *check) workloads() {
	for _, p := range c.pods {
		if p.spec.AutomountServiceAccountToken == nil || *p.spec.AutomountServiceAccountToken {
			c.say(p.Object, p.below("automountServiceAccountToken"), "pod-security", "is given a token for the cluster's API, which it never calls")
		}
		c.containers(p, "containers", p.spec.Containers)
		c.containers(p, "initContainers", p.spec.InitContainers)
	}
}

func (c *check) containers(p pod, list string, containers []corev1.Container) {
	for i, one := range containers {
		path := func(steps ...string) []string { return p.below(append([]string{list, strconv.Itoa(i)}, steps...)...) }
		if strings.HasPrefix(one.Image, "ko://") {
			if main, ours := program(one.Image); !ours || !slices.Contains(c.code.Mains, main) {
				c.say(p.Object, path("image"), "image", "there is no program %s", strings.TrimPrefix(one.Image, "ko://"))
			}
		}
		if lacks := unsafe(p.spec.SecurityContext, one.SecurityContext); lacks != "" {
			c.say(p.Object, path("securityContext"), "pod-security", "container %s lacks %s", one.Name, lacks)
		}
		var absent []string
		for _, need := range []struct {
			name string
			list corev1.ResourceList
			of   corev1.ResourceName
		}{
			{"requests.cpu", one.Resources.Requests, corev1.ResourceCPU}, {"requests.memory", one.Resources.Requests, corev1.ResourceMemory},
			{"limits.memory", one.Resources.Limits, corev1.ResourceMemory},
		} {
			if _, stated := need.list[need.of]; !stated {
				absent = append(absent, need.name)
			}
		}
		if len(absent) > 0 {
			c.say(p.Object, path("resources"), "resources", "container %s does not state %s", one.Name, strings.Join(absent, ", "))
		}
	}
}

// unsafe names what a container lacks of the restricted pod security standard,
// and of a root file system that nobody writes to.
func unsafe(pod *corev1.PodSecurityContext, own *corev1.SecurityContext) string {
	of, all := ptr.Deref(own, corev1.SecurityContext{}), ptr.Deref(pod, corev1.PodSecurityContext{})
	var lacks []string
	if !ptr.Deref(of.RunAsNonRoot, ptr.Deref(all.RunAsNonRoot, false)) {
		lacks = append(lacks, "runAsNonRoot")
	}
	if !ptr.Deref(of.ReadOnlyRootFilesystem, false) {
		lacks = append(lacks, "readOnlyRootFilesystem")
	}
	if ptr.Deref(of.AllowPrivilegeEscalation, true) || ptr.Deref(of.Privileged, false) {
		lacks = append(lacks, "allowPrivilegeEscalation: false")
	}
	if of.Capabilities == nil || !slices.Contains(of.Capabilities.Drop, "ALL") || len(of.Capabilities.Add) > 0 {
		lacks = append(lacks, "capabilities.drop: [ALL]")
	}
	if profile := cmpProfile(of.SeccompProfile, all.SeccompProfile); profile == nil || profile.Type == corev1.SeccompProfileTypeUnconfined {
		lacks = append(lacks, "seccompProfile")
	}
	return strings.Join(lacks, ", ")
}

func cmpProfile(own, pod *corev1.SeccompProfile) *corev1.SeccompProfile {
	if own != nil {
		return own
	}
	return pod
}
