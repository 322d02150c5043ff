package invoicing

// State is where a payment stands.
type State string

// The states of a payment.
const (
	Submitted State = "submitted"  // somebody wants to pay
	Validated State = "validated"  // it fits its invoice and may be charged
	Rejected  State = "rejected"   // it does not, nothing was charged
	Charging  State = "charging"   // the processor may have been asked; its answer is not known
	Pending   State = "pending"    // the processor has it and has not decided
	Captured  State = "captured"   // the money is taken and pays the invoice
	Failed    State = "failed"     // the processor said no; it may still change its mind
	RefundDue State = "refund_due" // the money is taken and cannot pay the invoice
)

// next are the moves that invoicing.payment_moves_forward lets through.
var next = map[State][]State{
	Submitted: {Validated, Rejected},
	Validated: {Charging, Rejected},
	Charging:  {Captured, Failed, Pending, RefundDue},
	Pending:   {Captured, Failed, RefundDue},
	Failed:    {Captured, RefundDue},
}

// States lists all of them.
func States() []State {
	return []State{Submitted, Validated, Rejected, Charging, Pending, Captured, Failed, RefundDue}
}

// CanBecome reports whether a payment in state s may go to state to.
func (s State) CanBecome(to State) bool {
	for _, candidate := range next[s] {
		if candidate == to {
			return true
		}
	}
	return false
}

// Unsettled reports whether the processor still owes an answer.
func (s State) Unsettled() bool { return s == Charging || s == Pending }
