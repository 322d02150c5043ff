package events

// Direction says which way the money of a transaction goes, seen from the
// account that is named first: the source of a transfer, the customer's account
// of a bank transaction.
type Direction string

// The directions.
const (
	Debit  Direction = "debit"  // out of it
	Credit Direction = "credit" // into it
)

// Known reports whether d is one of them.
func (d Direction) Known() bool { return d == Debit || d == Credit }

func direction(d Direction) check {
	return check{"direction", d.Known(), "must be debit or credit"}
}
