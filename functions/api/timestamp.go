package api

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// timestampLayout is how clients of the reports have always written a time: in
// UTC, with milliseconds.
const timestampLayout = "2006-01-02 15:04:05.000"

var timestampPattern = regexp.MustCompile(`^\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d{1,9})?|T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))$`)

// timestamp is an instant as somebody wrote it, and how long the moment is that
// its last digit names.
type timestamp struct {
	at    time.Time
	width time.Duration
}

// after is the first instant that is later than the moment.
func (t timestamp) after() time.Time { return t.at.Add(t.width) }

// parseTimestamp reads "2023-07-11 12:01:27.053", which is in UTC, and RFC 3339.
// The database counts in microseconds; finer digits are cut off.
func parseTimestamp(s string) (timestamp, error) {
	if !timestampPattern.MatchString(s) {
		return timestamp{}, errors.New("must be a time such as 2023-07-11 12:01:27.053 (UTC), or of RFC 3339")
	}
	layout := time.RFC3339Nano
	if s[10] == ' ' {
		layout = "2006-01-02 15:04:05"
	}
	at, err := time.Parse(layout, s)
	if err != nil || at.UTC().Year() < 1 || at.UTC().Year() > 9998 {
		return timestamp{}, errors.New("is no time that there is")
	}
	width := time.Second
	if _, fraction, found := strings.Cut(s, "."); found {
		for i := 0; i < len(fraction) && fraction[i] >= '0' && fraction[i] <= '9'; i++ {
			width /= 10
		}
	}
	return timestamp{at.UTC().Truncate(time.Microsecond), max(width, time.Microsecond)}, nil
}

// Timestamp is an instant as the reports and transactions answer it.
type Timestamp struct{ time.Time }

// MarshalJSON writes it in UTC with milliseconds.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return []byte(`"` + t.UTC().Format(timestampLayout) + `"`), nil
}

// Schema is for the document.
func (Timestamp) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, Pattern: `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$`, PatternDescription: "a time in UTC",
		Description: "In UTC, to the millisecond.", Examples: []any{"2023-07-11 12:01:27.053"},
	}
}
