//go:build unix

package knative

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/memnet"
)

// BenchmarkHop sends events through one Broker to functions that do nothing, 64
// producers at a time. Every event is meant for one of the Triggers; the fan-out
// asks all of them. One hop is the whole way: into the Broker, channel, filters,
// function, and the 202 back.
func BenchmarkHop(b *testing.B) {
	for name, network := range map[string]func() *memnet.Network{"memory": memnet.New, "tcp": memnet.NewLoopback} {
		for _, triggers := range []int{1, 4, 10} {
			b.Run(fmt.Sprintf("%s/triggers=%d", name, triggers), func(b *testing.B) {
				hop(b, Options{network: network}, triggers)
			})
		}
	}
	b.Run("memory/triggers=4/journal+weather", func(b *testing.B) {
		weather := &Weather{}
		require.NoError(b, weather.Set(Forecast{}))
		hop(b, Options{Weather: weather, Journal: new(tally)}, 4)
	})
}

// tally is a Journal that only counts.
type tally struct{ hops atomic.Int64 }

func (t *tally) Record(Hop) { t.hops.Add(1) }

func hop(b *testing.B, o Options, triggers int) {
	manifests := "apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: {name: payments}\n"
	o.Services = make(map[string]http.Handler)
	var delivered atomic.Int64
	for i := range triggers {
		manifests += fmt.Sprintf(`---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: f%[1]d}
spec:
  broker: payments
  filters: [{exact: {type: t%[1]d}}]
  subscriber: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: f%[1]d}}
  delivery: {retry: 3, backoffPolicy: exponential, backoffDelay: PT0.2S, timeout: PT10S}
`, i)
		o.Services[fmt.Sprint("f", i)] = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			delivered.Add(1)
		})
	}
	var err error
	o.Manifests, err = Load("quittance", fstest.MapFS{"bench.yaml": {Data: []byte(manifests)}})
	require.NoError(b, err)
	broker, err := Start(context.Background(), o)
	require.NoError(b, err)
	defer func() { require.NoError(b, broker.Close(context.Background())) }()

	url, body := broker.URL("payments"), `{"order":"`+strings.Repeat("x", 300)+`"}`
	var sent atomic.Int64
	b.SetParallelism(32) // times GOMAXPROCS, 2 on the machine of the figures: 64
	b.ReportAllocs()
	before := cpuTime(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := sent.Add(1)
			req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header = http.Header{
				"Content-Type": {"application/json"}, "Ce-Specversion": {"1.0"}, "Ce-Id": {fmt.Sprint("e", n)}, "Ce-Source": {"/bench"},
				"Ce-Type": {fmt.Sprint("t", n%int64(triggers))}, "Ce-Subject": {"acc-1"}, "Ce-Correlationid": {"journey"},
			}
			res, err := broker.Transport().RoundTrip(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode != http.StatusAccepted {
				b.Errorf("answered %s", res.Status)
			}
		}
	})
	b.StopTimer()
	require.Equal(b, sent.Load(), delivered.Load())
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "hops/s")
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-us/hop")
}

// cpuTime is what the process has used so far, over all cores. Unlike hops/s it
// can be compared between runs on a machine that has other work.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
