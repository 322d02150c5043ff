package outsidetest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Moods decides what goes wrong with each call: first what is scripted, in
// order; then by chance, if chances are set. It is safe for concurrent use.
// The zero Moods is not usable: see [NewMoods].
type Moods struct {
	// Hold bounds how long a held line is held; 30 s by default. Set it
	// before the first call.
	Hold time.Duration

	// Seen is told of every call before its mood is played, for the list of
	// attempts in an emulator's book. Set it before the first call.
	Seen func(r *http.Request, body []byte, mood Mood)

	mu     sync.Mutex
	script []Mood
	seed   uint64
	dice   *rand.Rand
	chance []Chance

	done     chan struct{} // closed by Close: nothing is held or slow any more
	closeOne sync.Once
}

// Chance is the probability of a mood, from 0 to 1.
type Chance struct {
	Mood
	P float64 `json:"p"`
}

// NewMoods makes an emulator's temper: fine, until told otherwise.
func NewMoods() *Moods {
	return &Moods{Hold: 30 * time.Second, done: make(chan struct{})}
}

// Script appends moods to the queue. Each is used for Times calls of its Op.
func (m *Moods) Script(moods ...Mood) error {
	for _, mood := range moods {
		if err := mood.check(); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mood := range moods {
		mood.Times = max(mood.Times, 1)
		m.script = append(m.script, mood)
	}
	return nil
}

// Weather sets what goes wrong by chance, for calls that no script is left
// for. The same seed and the same order of calls give the same faults. No
// chances means fair weather.
func (m *Moods) Weather(seed uint64, chances ...Chance) error {
	var sum float64
	for _, c := range chances {
		if err := c.check(); err != nil {
			return err
		}
		if !(c.P >= 0 && c.P <= 1) {
			return fmt.Errorf("chance of %q: %v is not between 0 and 1", c.Kind, c.P)
		}
		sum += c.P
	}
	if sum > 1 {
		return fmt.Errorf("chances add up to %v, more than 1", sum)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seed, m.chance = seed, append([]Chance(nil), chances...)
	m.dice = rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	return nil
}

// Clear drops script and weather.
func (m *Moods) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.script, m.chance, m.dice, m.seed = nil, nil, nil, 0
}

// Close lets go of every call that is being held or slow, for shutdown.
func (m *Moods) Close() { m.closeOne.Do(func() { close(m.done) }) }

// Next takes the mood of a call of operation op.
func (m *Moods) Next(op string) Mood {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.script {
		mood := m.script[i]
		if mood.Op != "" && mood.Op != op {
			continue
		}
		if m.script[i].Times--; m.script[i].Times == 0 {
			m.script = append(m.script[:i], m.script[i+1:]...)
		}
		return mood
	}
	if m.dice == nil {
		return Mood{Kind: Fine}
	}
	roll := m.dice.Float64()
	for _, c := range m.chance {
		if c.Op != "" && c.Op != op {
			continue
		}
		if roll < c.P {
			return c.Mood
		}
		roll -= c.P
	}
	return Mood{Kind: Fine}
}

// state is what the admin handler shows and takes.
type state struct {
	Script []Mood   `json:"script"`
	Seed   uint64   `json:"seed"`
	Chance []Chance `json:"weather"`
}

func (m *Moods) state() state {
	m.mu.Lock()
	defer m.mu.Unlock()
	return state{
		Script: append([]Mood{}, m.script...),
		Seed:   m.seed,
		Chance: append([]Chance{}, m.chance...),
	}
}
