package idempotency

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Fingerprint says what a request asks for.
type Fingerprint struct {
	Sum [sha256.Size]byte
	// Members has a piece of a hash for each leaf of the body, by its JSON pointer
	// (RFC 6901). The path stands under "path", which is no pointer.
	Members map[string]string
}

// path is the name of the path among the members.
const path = "path"

// Of makes the fingerprint of a request. name salts the pieces of hashes. body is
// strict JSON, or empty, which is the same as an empty object.
func Of(n Name, where string, body []byte) (Fingerprint, error) {
	leaves, err := leavesOf(body)
	if err != nil {
		return Fingerprint{}, err
	}
	leaves = append(leaves, leaf{path, where})
	slices.SortFunc(leaves, func(x, y leaf) int { return strings.Compare(x.pointer, y.pointer) })
	f := Fingerprint{Members: make(map[string]string, len(leaves))}
	whole := sha256.New()
	for _, l := range leaves {
		fmt.Fprintf(whole, "%d %s %d %s\n", len(l.pointer), l.pointer, len(l.value), l.value) // no two lists are written alike
		piece := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%s\n%s", n.Caller, n.Route, n.Key, l.pointer, l.value))
		f.Members[l.pointer] = hex.EncodeToString(piece[:2])
	}
	f.Sum = [sha256.Size]byte(whole.Sum(nil))
	return f, nil
}

// Differs lists the members in which two requests differ: JSON pointers, in order;
// "path" if it is the path. It may be empty though they differ.
func (f Fingerprint) Differs(other map[string]string) []string {
	var pointers []string
	for pointer, piece := range f.Members {
		if other[pointer] != piece {
			pointers = append(pointers, pointer)
		}
	}
	for pointer := range other {
		if _, there := f.Members[pointer]; !there {
			pointers = append(pointers, pointer)
		}
	}
	slices.Sort(pointers)
	return pointers
}

// leaf is a value without members, in canonical form.
type leaf struct{ pointer, value string }

// leavesOf reads the body once. Objects and lists are known by their leaves, empty
// ones by themselves.
func leavesOf(body []byte) ([]leaf, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	d := jsontext.NewDecoder(bytes.NewReader(body))
	var leaves []leaf
	for {
		token, err := d.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return leaves, nil
		case err != nil:
			return nil, fmt.Errorf("read the body again: %w", err)
		}
		kind := token.Kind()
		parent, length := d.StackIndex(d.StackDepth())
		switch kind {
		case '{', '[':
			if end := d.PeekKind(); end == '}' || end == ']' {
				leaves = append(leaves, leaf{string(d.StackPointer()), string(kind)})
			}
		case '}', ']':
		case '"':
			if parent == '{' && length%2 == 1 {
				continue // a name; it is part of its value's pointer
			}
			leaves = append(leaves, leaf{string(d.StackPointer()), "s" + token.String()})
		case '0':
			leaves = append(leaves, leaf{string(d.StackPointer()), "n" + exact(token.String())})
		default:
			leaves = append(leaves, leaf{string(d.StackPointer()), token.String()})
		}
	}
}

// exact is the one spelling of a decimal number: digits without zeros at either
// end, and the power of ten that they are multiplied with. It is never a float.
func exact(number string) string {
	sign := ""
	if number[0] == '-' {
		sign, number = "-", number[1:]
	}
	number, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	power := 0
	if exponent != "" {
		// strictjson lets no number through whose exponent does not fit.
		if _, err := fmt.Sscanf(exponent, "%d", &power); err != nil {
			return sign + number + "e" + exponent
		}
	}
	whole, fraction, _ := strings.Cut(number, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	power -= len(fraction)
	trimmed := strings.TrimRight(digits, "0")
	power += len(digits) - len(trimmed)
	if trimmed == "" {
		return "0"
	}
	return fmt.Sprintf("%s%se%d", sign, trimmed, power)
}
