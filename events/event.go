package events

import (
	"errors"
	"fmt"
)

// Data is the payload of an event. Its zero value must fail Validate.
type Data interface {
	// Type is the CloudEvents type, the same for every value of the Go type.
	Type() Type
	// Subject is the id of the entity the event is about.
	Subject() string
	// PartitionKey is the id of the entity whose events must stay in order:
	// the account, the invoice or the closure.
	PartitionKey() string
	// Validate reports the first field that breaks the event's own rules.
	Validate() error
}

// Type is a CloudEvents type: reverse DNS, noun, past participle, version.
type Type string

// FieldError says which field of a payload is wrong, and never its value:
// values may be personal.
type FieldError struct {
	Field string // JSON name
	Rule  string // what must hold
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Rule) }

// check is one rule of a payload; first returns the error of the first broken
// one.
type check struct {
	field string
	ok    bool
	rule  string
}

func first(checks ...check) error {
	for _, c := range checks {
		if !c.ok {
			return &FieldError{Field: c.field, Rule: c.rule}
		}
	}
	return nil
}

// isUUID accepts the canonical lower-case form only, so that one id has one
// spelling everywhere.
func isUUID(s string) bool {
	if len(s) != 36 || s == "00000000-0000-0000-0000-000000000000" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

func id(field, value string) check {
	return check{field, isUUID(value), "must be a lower-case UUID"}
}

func positive(field string, minor int64) check {
	return check{field, minor > 0, "must be a positive number of minor units"}
}

func notNegative(field string, minor int64) check {
	return check{field, minor >= 0, "must not be negative"}
}

func word(field, value string) check {
	return check{field, value != "" && len(value) <= 200, "must be 1 to 200 bytes"}
}

// ErrUnknownType means that the catalogue has no such event type.
var ErrUnknownType = errors.New("unknown event type")
