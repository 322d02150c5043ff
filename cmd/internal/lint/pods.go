package lint

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	kjson "sigs.k8s.io/json"

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
		raw, err := json.Marshal(o.Get(path...))
		if err == nil {
			err = kjson.UnmarshalCaseSensitivePreserveInts(raw, &p.spec)
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
		if forbidden := c.restricted(p); forbidden != "" {
			c.say(p.Object, p.path, "pod-security", "a restricted namespace refuses this pod: %s", forbidden)
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
		if own := one.SecurityContext; own == nil || own.ReadOnlyRootFilesystem == nil || !*own.ReadOnlyRootFilesystem {
			c.say(p.Object, path("securityContext", "readOnlyRootFilesystem"), "pod-security", "container %s may write to its image: state readOnlyRootFilesystem: true", one.Name)
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

// restricted says what the platform's own rules for restricted pods forbid here.
func (c *check) restricted(p pod) string {
	spec := p.spec.DeepCopy()
	spec.RestartPolicy = corev1.RestartPolicyAlways
	result := policy.AggregateCheckResults(c.code.pods.EvaluatePod(api.LevelVersion{
		Level: api.LevelRestricted, Version: api.LatestVersion(),
	}, &metav1.ObjectMeta{Name: p.Name}, spec))
	if result.Allowed {
		return ""
	}
	return result.ForbiddenDetail()
}
