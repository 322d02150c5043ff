package events

// Event types of the audit.
const (
	TypeAuditFinding Type = "dev.quittance.audit.finding.v1"
)

// AuditFinding says that an event was never handled by a consumer in spite of
// being sent again, or that a flow stands still.
type AuditFinding struct {
	FindingID string `json:"finding_id"`
	Check     string `json:"check"`    // the name of the check
	Consumer  string `json:"consumer"` // the function concerned
	EventID   string `json:"event_id"` // the event or entity concerned
}

// Type is TypeAuditFinding.
func (AuditFinding) Type() Type { return TypeAuditFinding }

// Subject is the finding.
func (d AuditFinding) Subject() string { return d.FindingID }

// PartitionKey is the finding.
func (d AuditFinding) PartitionKey() string { return d.FindingID }

// Validate checks that all are given.
func (d AuditFinding) Validate() error {
	return first(id("finding_id", d.FindingID), word("check", d.Check),
		word("consumer", d.Consumer), word("event_id", d.EventID))
}
