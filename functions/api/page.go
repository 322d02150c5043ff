package api

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Page is part of the input of every list.
type Page struct {
	Limit int    `query:"limit" default:"50" minimum:"1" maximum:"100" doc:"At most so many."`
	After string `query:"after" maxLength:"200" doc:"The value of next from the page before. Nothing is skipped or repeated, whatever is added meanwhile."`
}

// place is where a list goes on: an instant and an id, or one of them. Callers
// get it as an opaque word.
type place struct {
	at time.Time
	id string
}

func (p place) cursor() string {
	at := ""
	if !p.at.IsZero() {
		at = p.at.UTC().Format(time.RFC3339Nano)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(at + "|" + p.id))
}

// place reads the cursor; no cursor is the beginning. Only what cursor wrote is
// accepted.
func (p Page) place() (place, error) {
	if p.After == "" {
		return place{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(p.After)
	at, id, ok := strings.Cut(string(raw), "|")
	if err != nil || !ok {
		return place{}, invalidCursor.problem()
	}
	var from place
	if at != "" {
		if from.at, err = time.Parse(time.RFC3339Nano, at); err != nil {
			return place{}, invalidCursor.problem()
		}
	}
	if from.id = id; from.cursor() != p.After {
		return place{}, invalidCursor.problem()
	}
	return from, nil
}

// cut shortens a list, of which one more than limit was read, to its page and
// gives the cursor of the next one, "" at the end.
func cut[T any](list []T, limit int, of func(T) place) ([]T, string) {
	if len(list) <= limit {
		return list, ""
	}
	return list[:limit], of(list[limit-1]).cursor()
}

// ID is an id in a body: a lower-case UUID.
type ID string

// Schema is for the document and for huma's check.
func (ID) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, Pattern: idPattern, PatternDescription: "a lower-case UUID",
		Examples: []any{"5f0c1f6e-6c39-4d1c-9f5a-0d8a1f2b3c4d"},
	}
}

const idPattern = `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`

// isID: what is no lower-case UUID names nothing.
func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}
