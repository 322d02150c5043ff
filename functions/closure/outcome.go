package closure

// Outcome is what an outside system's answer means to a closure.
type Outcome int

// The outcomes.
const (
	Late      Outcome = iota // the closure is past the question: nothing changes
	Confirmed                // it moves on
	Refused                  // it is parked: a person must look
)

// Weigh holds an answer against the closure as it is now, which may have moved
// since the question: asked is the state in which it was put, attempt the
// attempt. That an account is closed is true whichever attempt learns it. A
// refusal holds only for the attempt that it answers. A closure that is parked
// stays so: whoever has it go on will hear that the account is closed.
func (c Closure) Weigh(asked State, attempt int, confirmed bool) Outcome {
	switch {
	case c.State != asked:
		return Late
	case confirmed:
		return Confirmed
	case c.Attempt == attempt:
		return Refused
	default:
		return Late
	}
}
