package outsidetest

import (
	"encoding/json"
	"fmt"
	"time"
)

// Kind names what goes wrong with one call.
type Kind string

// The faults that [Moods.Wrap] plays itself.
const (
	Fine          Kind = "fine"           // nothing goes wrong
	Status        Kind = "status"         // answers Mood.Status (500 if 0), does nothing
	StatusAfter   Kind = "status_after"   // does it, then answers Mood.Status (500 if 0)
	TooMany       Kind = "too_many"       // answers 429 with Mood.RetryAfter, does nothing
	Slow          Kind = "slow"           // waits Mood.Delay, then does it and answers
	TimeoutBefore Kind = "timeout_before" // does nothing and holds the line
	TimeoutAfter  Kind = "timeout_after"  // does it, then holds the line
	CutBefore     Kind = "cut_before"     // does nothing and cuts the line
	CutAfter      Kind = "cut_after"      // does it, then cuts the line
	CutMidBody    Kind = "cut_mid_body"   // does it, sends half the answer, cuts the line
	Garbage       Kind = "garbage"        // does it, then answers 200 with something unreadable
	Huge          Kind = "huge"           // does it, then answers 200 with 2 MiB
	Redirect      Kind = "redirect"       // answers 307 to Mood.Code, does nothing
)

// The faults that the handler words itself: see [MoodOf].
const (
	Busy       Kind = "busy"        // works for Mood.Delay with the key claimed: see Moods.Work
	Refuse     Kind = "refuse"      // a definitive no with Mood.Code
	InProgress Kind = "in_progress" // says that the key is still being worked on
	Locked     Kind = "locked"      // says that something else holds the object
)

// Mood is what goes wrong with one call. The zero Mood is Fine.
type Mood struct {
	Kind       Kind     `json:"kind"`
	Op         string   `json:"op,omitempty"`          // only calls of this operation; empty: any
	Times      int      `json:"times,omitempty"`       // for how many calls; once if 0
	Code       string   `json:"code,omitempty"`        // Refuse: the system's word; Redirect: where to
	Status     int      `json:"status,omitempty"`      // Status, StatusAfter
	RetryAfter Duration `json:"retry_after,omitempty"` // header of an answer that turns away; whole seconds
	Delay      Duration `json:"delay,omitempty"`       // Slow, Busy: how long; others: a wait before it
}

// Duration is a time.Duration that reads and writes as "1.5s" in JSON.
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(d).String())
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("duration: want a string such as \"1.5s\": %w", err)
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	*d = Duration(v)
	return nil
}

var known = map[Kind]bool{
	Fine: true, Status: true, StatusAfter: true, TooMany: true, Slow: true, TimeoutBefore: true,
	TimeoutAfter: true, CutBefore: true, CutAfter: true, CutMidBody: true, Garbage: true, Huge: true,
	Redirect: true, Busy: true, Refuse: true, InProgress: true, Locked: true,
}

func (m Mood) check() error {
	switch {
	case !known[m.Kind]:
		return fmt.Errorf("unknown mood %q", m.Kind)
	case m.Times < 0, m.RetryAfter < 0, m.Delay < 0:
		return fmt.Errorf("mood %q: negative number", m.Kind)
	case m.Status != 0 && (m.Status < 200 || m.Status > 599):
		return fmt.Errorf("mood %q: status %d", m.Kind, m.Status)
	}
	return nil
}
