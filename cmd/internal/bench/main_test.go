package bench

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Started by the init function of Knative's package, for the process's life.
		goleak.IgnoreTopFunction("knative.dev/eventing/pkg/kncloudevents.cleanupClientsMap"),
	)
}
