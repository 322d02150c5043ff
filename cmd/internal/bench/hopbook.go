package bench

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"quittance.dev/cmd/internal/knative"
	"quittance.dev/events"
)

// hopBook counts what the brokers deliver, per journey, and lets a journey be
// waited for without asking the bank again and again.
type hopBook struct {
	mu       sync.Mutex
	journeys map[string]*journeyHops
}

// handled is an event of one type that a consumer has answered with 2xx.
type handled struct {
	event    events.Type
	consumer string
}

type journeyHops struct {
	times      map[handled]int
	deliveries int           // from a Trigger to its function, answered with 2xx
	again      int           // the other deliveries
	news       chan struct{} // closed when something came; nil when nobody waits
}

func newHopBook() *hopBook { return &hopBook{journeys: map[string]*journeyHops{}} }

var _ knative.Journal = (*hopBook)(nil)

// Record counts a delivery from a Trigger to its function.
func (b *hopBook) Record(h knative.Hop) {
	if h.Trigger == "" || h.DeadLetter {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	j := b.journey(h.CorrelationID)
	if h.Status/100 != 2 {
		j.again++
		return
	}
	j.deliveries++
	j.times[handled{events.Type(h.Type), h.Consumer}]++
	if j.news != nil {
		close(j.news)
		j.news = nil
	}
}

func (b *hopBook) journey(id string) *journeyHops {
	j := b.journeys[id]
	if j == nil {
		j = &journeyHops{times: map[handled]int{}}
		b.journeys[id] = j
	}
	return j
}

// wait returns when everything wanted has been handled in the journey, as often
// as it is wanted.
func (b *hopBook) wait(ctx context.Context, journey string, wanted map[handled]int) error {
	for {
		b.mu.Lock()
		j := b.journey(journey)
		done := true
		for what, times := range wanted {
			done = done && j.times[what] >= times
		}
		if done {
			b.mu.Unlock()
			return nil
		}
		if j.news == nil {
			j.news = make(chan struct{})
		}
		news := j.news
		b.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("journey %s: %w; handled so far: %v", journey, ctx.Err(), b.seen(journey))
		}
	}
}

func (b *hopBook) seen(journey string) map[handled]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.journey(journey).times)
}

// count sums up the deliveries of the given journeys.
func (b *hopBook) count(journeys []string) (deliveries, again int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range journeys {
		j := b.journey(id)
		deliveries, again = deliveries+j.deliveries, again+j.again
	}
	return deliveries, again
}
