package flowmap

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

const (
	// connections is how many of Postgres's connections all functions may hold
	// together when every one is scaled out as far as it goes. Postgres has 100
	// by default (max_connections) and keeps 3 for superusers; the rest is for
	// migrations, for people, and for a second revision while one is replaced.
	connections = 90

	// bell is the relay's connection beside its pool, on which it listens.
	bell = 1

	maxScale = "autoscaling.knative.dev/max-scale"
	minScale = "autoscaling.knative.dev/min-scale"
	poolSize = "POSTGRES_MAX_CONNECTIONS"
)

// checkConnections adds up what Postgres is asked for at the worst. Without
// max-scale, Serving answers a burst with as many pods as it takes, and the
// functions shut each other out of the database.
func (m *Map) checkConnections(say sayer) {
	pool := m.Settings.Service.Postgres.MaxConnections
	worst := 0
	for _, s := range m.Manifests.Services {
		annotations := s.Spec.Template.Annotations
		most, err := strconv.Atoi(annotations[maxScale])
		if err != nil || most < 1 { // 0 is Serving's word for no bound
			say("Service %s: may have any number of pods: state %s", s.Name, maxScale)
			continue
		}
		if least, err := strconv.Atoi(annotations[minScale]); err == nil && least > most {
			say("Service %s: %s is over %s", s.Name, minScale, maxScale)
		}
		if sizesPool(s.Spec.Template.Spec.PodSpec) {
			say("Service %s: sets %s by itself: the ConfigMap sets it for all", s.Name, poolSize)
		}
		worst += most * pool
	}
	if deployment, there := m.find("Deployment", relay); there {
		if sizesPool(deployment.Spec.Template.Spec) {
			say("Deployment %s: sets %s by itself: the ConfigMap sets it for all", relay, poolSize)
		}
		worst += int(ptr.Deref(deployment.Spec.Replicas, 1)) * (pool + bell)
	}
	if worst > connections {
		say("scaled out, the functions hold %d connections to Postgres, over the %d they may: lower a %s or %s", worst, connections, maxScale, poolSize)
	}
}

func sizesPool(pod corev1.PodSpec) bool {
	return slices.ContainsFunc(pod.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == poolSize })
	})
}
