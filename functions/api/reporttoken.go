package api

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"quittance.dev/functions/signing"
)

// cursor is what a caller holds of a report: which one, until when, and, of a
// cursor for the next page, which page. It is signed for its caller, so nobody
// else's and nothing that was changed is taken; what the report is about stands
// in the database.
type cursor struct {
	report  string
	expires time.Time // in whole seconds
	page    int64     // 0: of the report
}

const (
	cursorPurpose = "quittance report cursor, version 1"
	cursorVersion = "v1"
	cursorLength  = 16 + 8 + 4
)

func (c cursor) payload() []byte {
	id := uuid.MustParse(c.report) // as the database gave it
	b := append(make([]byte, 0, cursorLength), id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(c.expires.Unix()))
	return binary.BigEndian.AppendUint32(b, uint32(c.page))
}

// seal writes the cursor for its caller.
func (c cursor) seal(keys *signing.Ring, caller string) (string, error) {
	payload := c.payload()
	key, sum, err := keys.Mark(cursorPurpose, append([]byte(caller), payload...))
	if err != nil {
		return "", err
	}
	word := base64.RawURLEncoding.EncodeToString
	return cursorVersion + "." + key + "." + word(payload) + "." + word(sum[:]), nil
}

// errCursor means that a cursor is none of ours, or not this caller's.
var errCursor = errors.New("the cursor is not accepted")

// unseal reads a cursor of the caller's. Its time is the database's to judge.
// Errors match errCursor or signing.ErrNoKeys.
func unseal(keys *signing.Ring, caller, sealed string) (cursor, error) {
	version, rest, _ := strings.Cut(sealed, ".")
	key, rest, _ := strings.Cut(rest, ".")
	text, mac, ok := strings.Cut(rest, ".")
	strict := base64.RawURLEncoding.Strict()
	payload, err := strict.DecodeString(text)
	if !ok || version != cursorVersion || err != nil || len(payload) != cursorLength {
		return cursor{}, errCursor
	}
	sum, err := strict.DecodeString(mac)
	if err != nil {
		return cursor{}, errCursor
	}
	good, err := keys.Marked(cursorPurpose, append([]byte(caller), payload...), key, sum)
	switch {
	case errors.Is(err, signing.ErrUnknownKey), err == nil && !good:
		return cursor{}, errCursor // forged, or its key is long gone
	case err != nil:
		return cursor{}, err
	}
	return cursor{
		report:  uuid.UUID(payload[:16]).String(),
		expires: time.Unix(int64(binary.BigEndian.Uint64(payload[16:])), 0).UTC(),
		page:    int64(binary.BigEndian.Uint32(payload[24:])),
	}, nil
}

// unsealFor is unseal for the caller of a request, with its error as a problem.
func (a *api) unsealFor(ctx context.Context, sealed string) (cursor, error) {
	c, err := unseal(a.reportKeys, caller(ctx).ID, sealed)
	if errors.Is(err, errCursor) {
		return c, invalidCursor.problem()
	}
	return c, err
}
