package stripetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/stripe/stripe-go/v84/webhook"
)

// postTimeout bounds one delivery: a receiver that says nothing is tried again later.
const postTimeout = 10 * time.Second

// Delivery says how webhooks go out.
type Delivery struct {
	Hold    bool `json:"hold"`    // keep them until it is lifted
	Copies  int  `json:"copies"`  // how often each is sent; once if 0
	Reverse bool `json:"reverse"` // newest first among those that wait
}

// sender posts the events that are not delivered yet, one after the other, with retries. What was
// not delivered when the process died is found in the book and sent by the next.
type sender struct {
	e      *Emulator
	http   *http.Client
	poke   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu  sync.Mutex
	how Delivery

	tries map[string]*tries // by event; only run's goroutine looks at it
}

type tries struct {
	n    int
	next time.Time
}

func newSender(e *Emulator) *sender {
	s := &sender{e: e, http: e.config.HTTP, poke: make(chan struct{}, 1), tries: map[string]*tries{}}
	if s.http == nil {
		s.http = &http.Client{}
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if e.config.WebhookURL != "" {
		s.done.Go(s.run)
	}
	return s
}

func (s *sender) close() {
	s.cancel()
	s.done.Wait()
	s.http.CloseIdleConnections()
}

func (s *sender) wake() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// SetDelivery changes how webhooks go out from now on. Lifting a hold sends what has waited.
func (e *Emulator) SetDelivery(d Delivery) {
	e.sender.mu.Lock()
	e.sender.how = d
	e.sender.mu.Unlock()
	e.sender.wake()
}

func (s *sender) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.poke:
		case <-timer.C:
		}
		timer.Reset(s.round())
	}
}

// round sends what is due and says how long until something is due again.
func (s *sender) round() time.Duration {
	s.mu.Lock()
	how := s.how
	s.mu.Unlock()
	wait := time.Hour
	if how.Hold {
		return wait
	}
	for _, event := range s.due(how.Reverse, &wait) {
		for range max(how.Copies, 1) {
			if s.ctx.Err() != nil {
				return wait
			}
			err := s.post(event)
			s.settle(event, err, &wait)
			if err != nil {
				break
			}
		}
	}
	return wait
}

// due lists the events to send now, and lowers wait to when the next other one is due.
func (s *sender) due(reverse bool, wait *time.Duration) []Event {
	var events []Event
	now := time.Now()
	for _, event := range s.e.undelivered() {
		if t := s.tries[event.ID]; t != nil && t.next.After(now) {
			*wait = min(*wait, t.next.Sub(now))
			continue
		}
		if reverse {
			events = append([]Event{event}, events...)
		} else {
			events = append(events, event)
		}
	}
	return events
}

// settle notes a delivery, or when to try again.
func (s *sender) settle(event Event, err error, wait *time.Duration) {
	if err == nil {
		delete(s.tries, event.ID)
		s.note(event.ID, func(v *Event) { v.Delivered++ })
		return
	}
	if s.ctx.Err() != nil {
		return
	}
	t := s.tries[event.ID]
	if t == nil {
		t = &tries{}
		s.tries[event.ID] = t
	}
	t.n++
	pause, longest, most := s.e.config.RetryMin, s.e.config.RetryMax, s.e.config.RetryTimes
	if pause == 0 {
		pause = time.Second
	}
	if longest == 0 {
		longest = time.Minute
	}
	if most == 0 {
		most = 12
	}
	if t.n >= most {
		s.e.log.Warn("stripe emulator gives up a webhook", "event", event.ID, "error", err)
		s.note(event.ID, func(v *Event) { v.GivenUp = true })
		return
	}
	pause = min(pause<<min(t.n-1, 16), longest)
	t.next = time.Now().Add(pause)
	*wait = min(*wait, pause)
}

func (s *sender) note(id string, change func(*Event)) {
	s.e.mu.Lock()
	event := s.e.books.events[id]
	change(&event)
	err := s.e.commit(entry{At: s.e.clock.Now(), Event: &event})
	s.e.mu.Unlock()
	if err != nil {
		s.e.log.Error("stripe emulator's book", "error", err)
	}
}

// post sends one event, signed now: Stripe signs every attempt afresh.
func (s *sender) post(event Event) error {
	payload, err := json.Marshal(eventObject(event))
	if err != nil {
		return err
	}
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{
		Payload: payload, Secret: s.e.config.WebhookSecret, Timestamp: time.Now(),
	})
	ctx, cancel := context.WithTimeout(s.ctx, postTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.e.config.WebhookURL, bytes.NewReader(payload))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
	req.Header.Set("Stripe-Signature", signed.Header)
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("answered %d", resp.StatusCode)
	}
	return nil
}

// Resend sends one event again, delivered or not, and gives the receiver's verdict.
func (e *Emulator) Resend(eventID string) error {
	e.mu.Lock()
	event, have := e.books.events[eventID]
	e.mu.Unlock()
	if !have || e.config.WebhookURL == "" {
		return errors.New("no such event, or no webhook URL")
	}
	err := e.sender.post(event)
	if err == nil {
		e.sender.note(eventID, func(v *Event) { v.Delivered++ })
	}
	return err
}
