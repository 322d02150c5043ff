package events

// Event types of dead letters.
const (
	TypeDeadLetterRecorded Type = "dev.quittance.dead-letter.recorded.v1"
)

// DeadLetterRecorded says that a consumer could not handle an event and that
// a person must look.
type DeadLetterRecorded struct {
	DeadLetterID string `json:"dead_letter_id"`
	Consumer     string `json:"consumer"` // the function that could not
	EventType    string `json:"event_type"`
}

// Type is TypeDeadLetterRecorded.
func (DeadLetterRecorded) Type() Type { return TypeDeadLetterRecorded }

// Subject is the dead letter.
func (d DeadLetterRecorded) Subject() string { return d.DeadLetterID }

// PartitionKey is the dead letter.
func (d DeadLetterRecorded) PartitionKey() string { return d.DeadLetterID }

// Validate checks id and consumer.
func (d DeadLetterRecorded) Validate() error {
	return first(id("dead_letter_id", d.DeadLetterID), word("consumer", d.Consumer))
}
