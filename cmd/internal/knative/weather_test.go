package knative_test

import (
	"fmt"
	"net/http"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/knative"
)

// weathered runs one Broker with one consumer, whose answers have no retry and
// no sink unless delivery says so.
func weathered(t *testing.T, consumer http.Handler, f knative.Forecast, delivery string, o ...func(*knative.Options)) (*knative.Broker, *knative.Weather) {
	t.Helper()
	weather := &knative.Weather{}
	require.NoError(t, weather.Set(f))
	options := knative.Options{
		Manifests: load(t, brokerYAML("payments", "{}"), triggerYAML("payment", "payments", delivery)),
		Services:  map[string]http.Handler{"payment": consumer},
		Weather:   weather,
	}
	for _, change := range o {
		change(&options)
	}
	return start(t, options), weather
}

// consumersOnly keeps the way into the Broker clear.
var consumersOnly = []string{"payments"}

func TestDropLosesTheEvent(t *testing.T) {
	t.Run("on the way to the consumer", func(t *testing.T) {
		payment := &recorder{}
		b, weather := weathered(t, payment, knative.Forecast{Drop: 1, Spare: consumersOnly}, "{retry: 3}")
		require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"), "nobody knows")
		require.Empty(t, payment.deliveries())
		require.EqualValues(t, 1, weather.Counts()[knative.Drop])
	})
	t.Run("on the way into the Broker", func(t *testing.T) {
		payment := &recorder{}
		b, weather := weathered(t, payment, knative.Forecast{Drop: 1, Spare: []string{"payment"}}, "{retry: 3}")
		require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"), "nobody knows")
		require.Empty(t, payment.deliveries())
		require.EqualValues(t, 1, weather.Counts()[knative.Drop])
	})
}

func TestDuplicateDoublesTheDelivery(t *testing.T) {
	payment := &recorder{}
	b, weather := weathered(t, payment, knative.Forecast{Duplicate: 1, DuplicateWithin: time.Millisecond, Spare: consumersOnly}, "{retry: 0}")
	require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"))
	got := payment.wait(t, 2)
	require.Len(t, got, 2)
	require.Equal(t, got[0].body, got[1].body)
	require.Equal(t, got[0].header.Get("Ce-Id"), got[1].header.Get("Ce-Id"))
	require.EqualValues(t, 1, weather.Counts()[knative.Duplicate])
}

func TestRefusalIsRetriedUntilTheEventIsSpared(t *testing.T) {
	payment := &recorder{}
	b, weather := weathered(t, payment, knative.Forecast{Refuse: 1, Attempts: 2, Spare: consumersOnly}, "{retry: 5}")
	require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"))
	require.Len(t, payment.deliveries(), 1, "the third attempt")
	require.EqualValues(t, 2, weather.Counts()[knative.Refuse])
}

func TestRefusalIntoTheBrokerReachesTheProducer(t *testing.T) {
	b, _ := weathered(t, &recorder{}, knative.Forecast{Refuse: 1}, "{retry: 0}")
	require.GreaterOrEqual(t, post(t, b, b.URL("payments"), "e1"), 500)
}

func TestDisconnectHappensBeforeTheConsumer(t *testing.T) {
	payment := &recorder{}
	b, _ := weathered(t, payment, knative.Forecast{Disconnect: 1, Spare: consumersOnly}, "{retry: 1}")
	require.Equal(t, http.StatusInternalServerError, post(t, b, b.URL("payments"), "e1"))
	require.Empty(t, payment.deliveries())
}

func TestLostAnswerMakesTheBrokerTryAgainWhatSucceeded(t *testing.T) {
	payment := &recorder{}
	b, _ := weathered(t, payment, knative.Forecast{LoseAnswer: 1, Attempts: 1, Spare: consumersOnly}, "{retry: 1}")
	require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"))
	require.Len(t, payment.deliveries(), 2)
}

func TestCrashTakesTheContextAwayAndTellsTheOwner(t *testing.T) {
	aborted := make(chan error, 1)
	payment := &recorder{}
	working := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		payment.ServeHTTP(w, r)
		if len(payment.deliveries()) == 1 {
			<-r.Context().Done()
			aborted <- r.Context().Err()
		}
	})
	crashed := make(chan string, 1)
	b, weather := weathered(t, working, knative.Forecast{Crash: 1, CrashWithin: 10 * time.Millisecond, Attempts: 1, Spare: consumersOnly}, "{retry: 1}",
		func(o *knative.Options) { o.OnCrash = func(service string) { crashed <- service } })
	require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), "e1"))
	require.Error(t, <-aborted)
	require.Equal(t, "payment", <-crashed)
	require.Len(t, payment.deliveries(), 2, "the second attempt went through")
	require.EqualValues(t, 1, weather.Counts()[knative.Crash])
}

func TestReorderLetsLaterEventsOvertake(t *testing.T) {
	payment := &recorder{}
	b, _ := weathered(t, payment, knative.Forecast{Seed: 7, Reorder: 0.5, ReorderWindow: 200 * time.Millisecond, Spare: consumersOnly}, "{retry: 0}")
	var producers sync.WaitGroup
	for i := range 30 {
		producers.Go(func() { post(t, b, b.URL("payments"), fmt.Sprintf("e%02d", i)) })
	}
	producers.Wait()
	var held []time.Duration
	first := payment.deliveries()[0].at
	for _, d := range payment.deliveries() {
		held = append(held, d.at.Sub(first))
	}
	require.Len(t, held, 30)
	sort.Slice(held, func(i, j int) bool { return held[i] < held[j] })
	require.Greater(t, held[29], 50*time.Millisecond, "some were held back")
}

func TestDelayMakesDeliveriesLate(t *testing.T) {
	journal := &ledger{}
	b, weather := weathered(t, &recorder{}, knative.Forecast{Seed: 1, Delay: 1, DelayMax: 40 * time.Millisecond}, "{retry: 0}",
		func(o *knative.Options) { o.Journal = journal })
	for i := range 10 {
		require.Equal(t, http.StatusAccepted, post(t, b, b.URL("payments"), fmt.Sprint("e", i)))
	}
	require.EqualValues(t, 20, weather.Counts()[knative.Delay])
	longest := time.Duration(0)
	for _, h := range journal.all() {
		require.Equal(t, knative.Delay, h.Fault)
		if h.Consumer != "" {
			longest = max(longest, h.Duration)
		}
	}
	require.Greater(t, longest, 10*time.Millisecond)
}

// story runs 200 events of 8 producers through bad weather and tells what befell
// each attempt.
func story(t *testing.T, seed uint64, spare []string) map[string]knative.Fault {
	t.Helper()
	journal := &ledger{}
	b, _ := weathered(t, &recorder{}, knative.Forecast{
		Seed: seed, Drop: 0.1, Refuse: 0.1, Disconnect: 0.1, LoseAnswer: 0.1, Crash: 0.1, CrashWithin: time.Millisecond,
		Reorder: 0.2, ReorderWindow: 2 * time.Millisecond, Delay: 0.1, DelayMax: time.Millisecond, Spare: spare,
	}, "{retry: 3}", func(o *knative.Options) { o.Journal = journal })
	var producers sync.WaitGroup
	for p := range 8 {
		producers.Go(func() {
			for i := range 25 {
				id := fmt.Sprintf("e%d-%d", p, i)
				for try := 0; try < 5 && post(t, b, b.URL("payments"), id) != http.StatusAccepted; try++ {
				}
			}
		})
	}
	producers.Wait()
	require.NoError(t, b.Close(t.Context()))
	told := make(map[string]knative.Fault)
	for _, h := range journal.all() {
		told[fmt.Sprint(h.ID, " to ", h.Broker, "/", h.Consumer, " attempt ", h.Attempt)] = h.Fault
	}
	return told
}

func differences(a, b map[string]knative.Fault) (n int) {
	for attempt, fault := range a {
		if other, happened := b[attempt]; happened && other != fault {
			n++
		}
	}
	return n
}

// One seed, one story, whatever order the goroutines run in.
func TestWeatherIsReproducibleBySeed(t *testing.T) {
	one, again, other := story(t, 42, consumersOnly), story(t, 42, consumersOnly), story(t, 43, consumersOnly)
	require.Equal(t, len(one), len(again))
	require.Zero(t, differences(one, again))
	require.NotZero(t, differences(one, other))
	seen := make(map[knative.Fault]bool)
	for _, f := range one {
		seen[f] = true
	}
	require.Len(t, seen, 8, "all faults of the forecast, and none: %v", seen)
}

// With faults on the way into the Broker too, an event may be fanned out twice at
// a time, and timing decides how many attempts there are. What befalls the n-th
// of them is the seed's all the same.
func TestWeatherDecidesEachAttemptBySeed(t *testing.T) {
	one, again := story(t, 42, nil), story(t, 42, nil)
	require.Greater(t, len(one), 300)
	require.Zero(t, differences(one, again))
}

func TestWeatherCanChangeAtRunTime(t *testing.T) {
	payment := &recorder{}
	b, weather := weathered(t, payment, knative.Forecast{Drop: 1}, "{retry: 0}")
	post(t, b, b.URL("payments"), "e1")
	require.Empty(t, payment.deliveries())
	weather.Calm()
	post(t, b, b.URL("payments"), "e2")
	require.Len(t, payment.deliveries(), 1)
	require.NoError(t, weather.Set(knative.Forecast{Drop: 1, Spare: []string{"payments", "payment"}}))
	post(t, b, b.URL("payments"), "e3")
	require.Len(t, payment.deliveries(), 2, "spared")
}

func TestForecastMustMakeSense(t *testing.T) {
	weather := &knative.Weather{}
	for says, f := range map[string]knative.Forecast{
		"drop: 1.5 is not a probability":     {Drop: 1.5},
		"delay: -0.1 is not a probability":   {Delay: -0.1},
		"add up to 1.2":                      {Drop: 0.6, Refuse: 0.6},
		"reorder needs a time":               {Reorder: 0.1},
		"duplicate needs a time":             {Duplicate: 0.1},
		"crash needs a time within which it": {Crash: 0.1},
	} {
		require.ErrorContains(t, weather.Set(f), says)
	}
	require.NoError(t, weather.Set(knative.Forecast{}))
}
