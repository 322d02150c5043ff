package signing

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Event is what a signature covers.
type Event struct {
	ID, Source, Type, Subject, PartitionKey string
	CorrelationID, CausationID              string
	Time                                    time.Time
	Hash                                    [sha256.Size]byte // of the payload
}

// purpose keeps these MACs apart from whatever else a key might be used for.
const purpose = "quittance event signature, version 1"

// appendTo writes the event for one consumer so that no two events, and no two
// consumers, give the same bytes: every text has its length before it.
func (e *Event) appendTo(b []byte, consumer string) []byte {
	for _, text := range [...]string{
		purpose, consumer, e.ID, e.Source, e.Type, e.Subject, e.PartitionKey, e.CorrelationID, e.CausationID,
	} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time.UnixNano()))
	return append(b, e.Hash[:]...)
}
