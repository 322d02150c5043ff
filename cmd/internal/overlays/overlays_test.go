package overlays_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
	"knative.dev/eventing/pkg/kncloudevents"

	"quittance.dev/cmd/internal/knative"
	"quittance.dev/cmd/internal/manifests"
	"quittance.dev/cmd/internal/overlays"
	"quittance.dev/cmd/internal/throwaway"
	"quittance.dev/functions"
)

const infra = "../../../infra"

var all = []string{"local", "kind", "staging", "production"}

func render(t *testing.T, name string) []metav1.Object {
	t.Helper()
	objects, err := overlays.Render(t.Context(), filepath.Join(infra, "overlays", name))
	require.NoError(t, err)
	require.NotEmpty(t, objects)
	return objects
}

// of lists the objects of one type.
func of[T metav1.Object](objects []metav1.Object) (out []T) {
	for _, o := range objects {
		if typed, is := o.(T); is {
			out = append(out, typed)
		}
	}
	return out
}

func names[T metav1.Object](objects []T) (out []string) {
	for _, o := range objects {
		out = append(out, o.GetName())
	}
	slices.Sort(out)
	return out
}

// B29: every deployment renders, and its cluster would take each object.
func TestB29_OverlaysAreAdmitted(t *testing.T) {
	for _, name := range all {
		t.Run(name, func(t *testing.T) {
			objects := render(t, name)
			seen := map[string]bool{}
			for _, o := range objects {
				id := fmt.Sprintf("%T %s", o, o.GetName())
				require.False(t, seen[id], id)
				seen[id] = true
				require.Contains(t, []string{"", "quittance"}, o.GetNamespace(), id)
			}
		})
	}
}

// change renders a copy of infra/ in which a text of one file is another.
func change(t *testing.T, overlay, file, old, with string) error {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(infra)))
	name := filepath.Join(folder, file)
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(string(text), old, with)), 0o600))
	_, err = overlays.Render(context.Background(), filepath.Join(folder, "overlays", overlay))
	return err
}

func TestB29_WhatAClusterWouldRefuseIsFound(t *testing.T) {
	for name, c := range map[string][5]string{
		"a field of no kind":          {"kind", "functions/query.yaml", "containerConcurrency:", "containerConcurency:", `unknown field "spec.template.spec.containerConcurency"`},
		"a duration that is none":     {"kind", "functions/query.yaml", "timeout: PT10S", "timeout: 10s", "spec.delivery.timeout"},
		"a policy of another name":    {"production", "functions/query.yaml", "backoffPolicy: exponential", "backoffPolicy: doubling", "backoffPolicy"},
		"a schedule that never ticks": {"staging", "base/pingsources.yaml", "*/10 * * * * *", "75 * * * * *", "spec.schedule"},
		"a kind nobody knows":         {"kind", "overlays/kind/outside.yaml", "kind: StatefulSet", "kind: StatefulSets", "nothing here knows"},
		"a file that is not there":    {"kind", "functions/kustomization.yaml", "- query.yaml", "- queries.yaml", "queries.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, change(t, c[0], c[1], c[2], c[3]), c[4])
		})
	}
}

// The laptop reads the files; kustomize would make the same of them.
func TestOverlayLocalIsWhatTheLaptopReads(t *testing.T) {
	objects := render(t, "local")
	read, err := knative.LoadInfra("quittance", os.DirFS(infra))
	require.NoError(t, err)
	require.Equal(t, names(read.Brokers), names(of[*eventingv1.Broker](objects)))
	require.Equal(t, names(read.Triggers), names(of[*eventingv1.Trigger](objects)))
	require.Equal(t, names(read.PingSources), names(of[*sourcesv1.PingSource](objects)))
	require.Equal(t, names(read.Services), names(of[*knative.Service](objects)))
	for i, trigger := range of[*eventingv1.Trigger](objects) {
		j := slices.IndexFunc(read.Triggers, func(r *eventingv1.Trigger) bool { return r.Name == trigger.Name })
		require.Equal(t, read.Triggers[j].Spec, trigger.Spec, "%d", i)
	}
}

// A28, E4: every pod passes the platform's own rules for restricted ones, has an
// account of its own without a token for the cluster's API, bounds and a root that
// cannot be written to.
func TestA28_E4_PodsAreRestricted(t *testing.T) {
	rules, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, name := range all {
		t.Run(name, func(t *testing.T) {
			objects := render(t, name)
			accounts := map[string]string{}
			for _, a := range of[*corev1.ServiceAccount](objects) {
				require.NotNil(t, a.AutomountServiceAccountToken, a.Name)
				require.False(t, *a.AutomountServiceAccountToken, a.Name)
				accounts[a.Name] = ""
			}
			for _, o := range objects {
				meta, pod := overlays.Pod(o)
				if pod == nil {
					continue
				}
				pod.RestartPolicy = corev1.RestartPolicyAlways
				result := policy.AggregateCheckResults(rules.EvaluatePod(level, &meta, pod))
				require.True(t, result.Allowed, "%s: %s", o.GetName(), result.ForbiddenDetail())
				require.Contains(t, accounts, pod.ServiceAccountName, "%s has an account", o.GetName())
				require.Empty(t, accounts[pod.ServiceAccountName], "%s shares its account", o.GetName())
				accounts[pod.ServiceAccountName] = o.GetName()
				require.NotNil(t, pod.AutomountServiceAccountToken, o.GetName())
				require.False(t, *pod.AutomountServiceAccountToken, o.GetName())
				require.Equal(t, "quittance", meta.Labels["app.kubernetes.io/part-of"], o.GetName())
				require.Equal(t, o.GetName(), meta.Labels["app.kubernetes.io/name"], "the policies know it by this name")
				for _, c := range pod.Containers {
					require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, o.GetName())
					for _, bounded := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
						require.Contains(t, c.Resources.Requests, bounded, o.GetName())
						require.Contains(t, c.Resources.Limits, bounded, o.GetName())
					}
					for _, e := range c.Env {
						require.Nil(t, e.ValueFrom, "%s %s: no secret is in the environment", o.GetName(), e.Name)
					}
				}
			}
			namespace := of[*corev1.Namespace](objects)
			require.Len(t, namespace, 1)
			require.Equal(t, "restricted", namespace[0].Labels["pod-security.kubernetes.io/enforce"])
		})
	}
}

// mounted collects what all pods of a deployment mount.
func mounted(objects []metav1.Object) map[string][]string {
	wanted := map[string][]string{}
	for _, o := range objects {
		if _, pod := overlays.Pod(o); pod != nil {
			for name, keys := range overlays.Secrets(pod) {
				wanted[name] = append(wanted[name], keys...)
			}
		}
	}
	return wanted
}

// A29: on a cluster on trial every Secret that a pod mounts is made up, and none
// that nobody mounts.
func TestA29_SecretsOfAClusterOnTrial(t *testing.T) {
	var roles []string
	for _, f := range functions.All(functions.Outside{}, functions.Settings{}) {
		roles = append(roles, f.Name)
	}
	signing := []string{"ledger-posting", "payment", "closure-mambu", "closure-e", "api"}
	made, err := throwaway.Secrets("quittance", append(roles, "relay"), signing, nil)
	require.NoError(t, err)
	wanted := mounted(render(t, "kind"))
	for _, s := range made {
		keys, there := wanted[s.Name]
		require.True(t, there || s.Name == "throwaway-authority", "nobody mounts %s", s.Name)
		for _, key := range keys {
			require.Contains(t, s.Data, key, s.Name)
		}
		delete(wanted, s.Name)
	}
	require.Empty(t, wanted, "nobody makes these")
}

// A29: elsewhere every Secret comes from the manager, each function's own, and no
// manifest holds one.
func TestA29_SecretsComeFromTheManager(t *testing.T) {
	for _, name := range []string{"staging", "production"} {
		objects := render(t, name)
		require.Empty(t, of[*corev1.Secret](objects))
		wanted := mounted(objects)
		wanted["kafka"] = []string{"user", "password", "ca.crt"} // by the Brokers' ConfigMap
		for _, e := range of[*manifests.ExternalSecret](objects) {
			require.Equal(t, e.Name, e.Spec.Target.Name)
			keys, there := wanted[e.Name]
			require.True(t, there, "%s: nobody mounts %s", name, e.Name)
			var has []string
			for _, d := range e.Spec.Data {
				require.Equal(t, "quittance/"+e.Name, d.RemoteRef.Key)
				require.Equal(t, d.SecretKey, d.RemoteRef.Property)
				has = append(has, d.SecretKey)
			}
			require.Subset(t, has, keys, e.Name)
			require.LessOrEqual(t, e.Spec.RefreshInterval.Duration, 5*time.Minute, "a rotation is seen soon")
			delete(wanted, e.Name)
		}
		require.Empty(t, wanted, "%s: nobody brings these", name)
	}
}

// B31: people reach the API under one name, and nothing else has a name outside.
// Where Kafka, Postgres and the name are is said in one place per deployment.
func TestB31_TheAPIHasOneDomain(t *testing.T) {
	taken := map[string]string{}
	for _, name := range all {
		objects := render(t, name)
		mappings := of[*manifests.DomainMapping](objects)
		if name == "local" || name == "kind" {
			require.Empty(t, mappings, name)
			continue
		}
		i := slices.IndexFunc(of[*corev1.ConfigMap](objects), func(c *corev1.ConfigMap) bool { return c.Name == "platform" })
		require.GreaterOrEqual(t, i, 0)
		platform := of[*corev1.ConfigMap](objects)[i].Data
		require.Len(t, mappings, 1, name)
		require.Equal(t, platform["api-domain"], mappings[0].Name)
		require.Equal(t, "api", mappings[0].Spec.Ref.Name)
		require.Equal(t, "Redirected", mappings[0].Annotations["networking.knative.dev/http-protocol"])
		claims := of[*manifests.ClusterDomainClaim](objects)
		require.Len(t, claims, 1, name)
		require.Equal(t, mappings[0].Name, claims[0].Name)
		require.Equal(t, "quittance", claims[0].Spec.Namespace)
		for _, s := range of[*knative.Service](objects) {
			require.Equal(t, "cluster-local", s.Labels["networking.knative.dev/visibility"], s.Name)
		}
		for what, value := range platform {
			require.Empty(t, taken[what+value], "%s and %s have the same %s", name, taken[what+value], what)
			taken[what+value] = name
		}
		policies := of[*networkingv1.NetworkPolicy](objects)
		j := slices.IndexFunc(policies, func(p *networkingv1.NetworkPolicy) bool { return p.Name == "postgres-clients" })
		require.Equal(t, []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: platform["postgres-network"]}}}, policies[j].Spec.Egress[0].To)
	}
}

// forgets names what of a deployment would lose an event that it accepted.
func forgets(objects []metav1.Object) (wrong []string) {
	configs := names(of[*corev1.ConfigMap](objects))
	for _, b := range of[*eventingv1.Broker](objects) {
		if class := b.Annotations[eventingv1.BrokerClassAnnotationKey]; class != "Kafka" {
			wrong = append(wrong, fmt.Sprintf("Broker %s is of class %q", b.Name, class))
		}
		if b.Spec.Config == nil || !slices.Contains(configs, b.Spec.Config.Name) {
			wrong = append(wrong, fmt.Sprintf("Broker %s has no topic of ours", b.Name))
		}
	}
	for _, tr := range of[*eventingv1.Trigger](objects) {
		if tr.Annotations["kafka.eventing.knative.dev/delivery.order"] != "ordered" {
			wrong = append(wrong, fmt.Sprintf("Trigger %s is not ordered", tr.Name))
		}
	}
	return wrong
}

// F08: where money is real no Broker keeps events in memory, and an account's
// events stay in order.
func TestF08_BrokersKeepEvents(t *testing.T) {
	for _, name := range []string{"staging", "production"} {
		objects := render(t, name)
		require.Len(t, of[*eventingv1.Broker](objects), 5)
		require.Empty(t, forgets(objects), name)
		i := slices.IndexFunc(of[*corev1.ConfigMap](objects), func(c *corev1.ConfigMap) bool { return c.Name == "kafka-brokers" })
		config := of[*corev1.ConfigMap](objects)[i].Data
		require.Equal(t, "3", config["default.topic.replication.factor"])
		require.Regexp(t, `^kafka\..*:9093$`, config["bootstrap.servers"], "what platform.yaml says")
		require.Equal(t, "2", config["default.topic.config.min.insync.replicas"])
	}
	require.Len(t, forgets(render(t, "kind")), 5+5+16, "and this test would see it")
}

// The Kafka dispatcher pauses twice as long as the in-memory channel's, so the
// audit must wait longer before it takes an event for lost.
func TestTheAuditWaitsForKafka(t *testing.T) {
	objects := render(t, "production")
	i := slices.IndexFunc(of[*corev1.ConfigMap](objects), func(c *corev1.ConfigMap) bool { return strings.HasPrefix(c.Name, "quittance-") })
	deadline, err := time.ParseDuration(of[*corev1.ConfigMap](objects)[i].Data["AUDIT_DEADLINE"])
	require.NoError(t, err)
	for _, tr := range of[*eventingv1.Trigger](objects) {
		config, err := kncloudevents.RetryConfigFromDeliverySpec(*tr.Spec.Delivery)
		require.NoError(t, err)
		longest := time.Duration(config.RetryMax+1) * config.RequestTimeout
		for n := range config.RetryMax {
			longest += config.Backoff(n+1, nil)
		}
		require.Less(t, longest, deadline, tr.Name)
		require.Greater(t, longest, 90*time.Second, "or base's deadline would do")
	}
}
