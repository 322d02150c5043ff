package events

// Event types of closing an account.
const (
	TypeClosureStarted     Type = "dev.quittance.closure.started.v1"
	TypeClosureMambuClosed Type = "dev.quittance.closure.mambu-closed.v1"
	TypeClosureRefused     Type = "dev.quittance.closure.refused.v1"
)

// ClosureStarted says that an emptied account is being closed: Mambu comes next.
type ClosureStarted struct {
	ClosureID string `json:"closure_id"`
	AccountID string `json:"account_id"`
}

// Type is TypeClosureStarted.
func (ClosureStarted) Type() Type { return TypeClosureStarted }

// Subject is the closure.
func (d ClosureStarted) Subject() string { return d.ClosureID }

// PartitionKey is the account.
func (d ClosureStarted) PartitionKey() string { return d.AccountID }

// Validate checks the ids.
func (d ClosureStarted) Validate() error {
	return first(id("closure_id", d.ClosureID), id("account_id", d.AccountID))
}

// ClosureMambuClosed says that Mambu confirmed: E comes next.
type ClosureMambuClosed struct {
	ClosureID string `json:"closure_id"`
	AccountID string `json:"account_id"`
}

// Type is TypeClosureMambuClosed.
func (ClosureMambuClosed) Type() Type { return TypeClosureMambuClosed }

// Subject is the closure.
func (d ClosureMambuClosed) Subject() string { return d.ClosureID }

// PartitionKey is the account.
func (d ClosureMambuClosed) PartitionKey() string { return d.AccountID }

// Validate checks the ids.
func (d ClosureMambuClosed) Validate() error {
	return first(id("closure_id", d.ClosureID), id("account_id", d.AccountID))
}

// ClosureRefused says that a system refused for good: the closure is parked
// until a person has looked.
type ClosureRefused struct {
	ClosureID string `json:"closure_id"`
	AccountID string `json:"account_id"`
	System    string `json:"system"` // "ledger", "mambu" or "e"
	Reason    Reason `json:"reason"` // the system's own code or our reason
}

// Type is TypeClosureRefused.
func (ClosureRefused) Type() Type { return TypeClosureRefused }

// Subject is the closure.
func (d ClosureRefused) Subject() string { return d.ClosureID }

// PartitionKey is the account.
func (d ClosureRefused) PartitionKey() string { return d.AccountID }

// Validate checks ids, system and reason.
func (d ClosureRefused) Validate() error {
	return first(id("closure_id", d.ClosureID), id("account_id", d.AccountID),
		check{"system", d.System == "ledger" || d.System == "mambu" || d.System == "e", "must be ledger, mambu or e"}, reason(d.Reason))
}
