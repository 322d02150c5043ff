//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/demo"
)

// payments are how many are on their way while pods are deleted (E2E_PAYMENTS).
func payments(t *testing.T) int {
	n, err := strconv.Atoi(or(os.Getenv("E2E_PAYMENTS"), "1000"))
	require.NoError(t, err)
	return n
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// pay has n invoices paid by card, 16 at a time, and returns how long it took.
func (c *cluster) pay(t *testing.T, n int) time.Duration {
	t.Helper()
	base := uuid.NewString()
	slots := make(chan struct{}, 16)
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	started := time.Now()
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if _, err := demo.Payment(t.Context(), c.play(fmt.Sprintf("%s/%d", base, i))); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		require.NoError(t, *err)
	}
	return time.Since(started)
}

// What the cluster does when it is left alone, with one replica of each function.
func TestPaymentsASecond(t *testing.T) {
	c := here(t)
	n := max(payments(t)/5, 1)
	eventually(t, 5*time.Minute, "no function has more than one pod", func() bool {
		pods, err := podsNow(t.Context())
		return err == nil && !slices.ContainsFunc(slices.Collect(maps.Values(pods)), func(n int) bool { return n > 1 })
	})
	c.pay(t, 16) // whoever was at zero has started
	watching, stop := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	most := map[string]int{}
	watch.Go(func() { watchPods(watching, most) })
	took := c.pay(t, n)
	stop()
	watch.Wait()
	c.trueBooks(t)
	require.NotEmpty(t, most)
	for function, pods := range most {
		require.Equal(t, 1, pods, "replicas of %s", function)
	}
	figures.add("throughput with one replica of each of %d functions: %d payments, 16 at a time, in %s: %.1f a second", len(most), n, took.Round(time.Second), float64(n)/took.Seconds())
}

// watchPods keeps the greatest number of pods that each function had at a time.
func watchPods(ctx context.Context, most map[string]int) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if now, err := podsNow(ctx); err == nil {
			for function, n := range now {
				most[function] = max(most[function], n)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// podsNow counts the running pods of each function.
func podsNow(ctx context.Context) (map[string]int, error) {
	pods, err := try(ctx, "get", "pods", "-l", "serving.knative.dev/service", "--field-selector=status.phase=Running", "-o",
		`go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{index .metadata.labels "serving.knative.dev/service"}} {{end}}{{end}}`)
	now := map[string]int{}
	for _, function := range strings.Fields(pods) {
		now[function]++
	}
	return now, err
}

// victims are the functions whose pods are deleted.
var victims = []string{"ledger-posting", "payment", "validation"}

// F30: a thousand invoices are paid by card while pods of three functions are
// deleted at random. Every invoice is paid once, nothing is lost, and no event
// is given up.
func TestF30_PodsAreDeletedWhileAThousandPaymentsAreMade(t *testing.T) {
	c := here(t)
	paid := c.count(t, `select count(*) from invoicing.invoice where state = 'paid'`)
	n := payments(t)
	deleting, stop := context.WithCancel(t.Context())
	var killer sync.WaitGroup
	deleted := map[string]int{}
	killer.Go(func() { deletePods(deleting, deleted, victims...) })
	defer func() { stop(); killer.Wait() }()

	took := c.pay(t, n)
	stop()
	killer.Wait()
	c.trueBooks(t) // among its rules: one charge, one posting, one receipt, one mail for each paid invoice
	require.Equal(t, n, c.count(t, `select count(*) from invoicing.invoice where state = 'paid'`)-paid)
	require.Zero(t, c.count(t, `select count(*) from delivery.dead_letter where status = 'open'`), "dead letters")
	for _, function := range victims {
		require.Positive(t, deleted[function], "no pod of %s was deleted", function)
	}
	figures.add("%d payments in %s (%.1f a second) while pods were deleted %v times", n, took.Round(time.Second), float64(n)/took.Seconds(), deleted)
}

// readyPods lists the pods that serve.
const readyPods = `{{range .items}}{{$name := .metadata.name}}{{if not .metadata.deletionTimestamp}}{{range .status.conditions}}` +
	`{{if and (eq .type "Ready") (eq .status "True")}}{{$name}} {{end}}{{end}}{{end}}{{end}}`

// deletePods deletes a random pod of one of the functions every few seconds,
// without grace every second time. It waits until another pod serves in its place:
// however slow the machine, every function gets to serve between two deletions.
func deletePods(ctx context.Context, deleted map[string]int, functions ...string) {
	serving := func(function string) []string {
		pods, err := try(ctx, "get", "pods", "-l", "serving.knative.dev/service="+function, "-o", `go-template=`+readyPods)
		if err != nil {
			return nil
		}
		return strings.Fields(pods)
	}
	function := functions[rand.IntN(len(functions))]
	for {
		timer := time.NewTimer(4*time.Second + rand.N(8*time.Second))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if len(serving(function)) == 0 { // of the last one
			continue
		}
		function = functions[rand.IntN(len(functions))]
		names := serving(function)
		if len(names) == 0 {
			continue
		}
		args := []string{"delete", "pod", "--wait=false", names[rand.IntN(len(names))]}
		if rand.IntN(2) == 0 {
			args = append(args, "--grace-period=0", "--force")
		}
		if _, err := try(ctx, args...); err == nil {
			deleted[function]++
		}
	}
}
