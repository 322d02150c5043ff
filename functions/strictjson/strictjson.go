package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how many levels of objects and arrays are read.
const MaxDepth = 32

// Fault is what is wrong with a document.
type Fault struct { //nolint:errname // it is the document that errs
	Pointer string // RFC 6901, "" for the whole document
	Rule    string // what must hold
}

func (f *Fault) Error() string {
	if f.Pointer == "" {
		return f.Rule
	}
	return f.Rule + ": " + f.Pointer
}

// Check refuses everything that is not exactly one JSON value in UTF-8 without
// duplicate names, null or too many levels. Its error is a *Fault.
func Check(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.ReadToken()
		if err != nil {
			return syntax(err)
		}
		if token.Kind() == 'n' {
			return &Fault{string(d.StackPointer()), "null is not a value here"}
		}
		if d.StackDepth() > MaxDepth {
			return &Fault{"", fmt.Sprintf("must not be deeper than %d levels", MaxDepth)}
		}
		if d.StackDepth() == 0 {
			if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
				return &Fault{"", "nothing may come after the JSON value"}
			}
			return nil
		}
	}
}

func syntax(err error) *Fault {
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return &Fault{pointer(err), "a name must not occur twice"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Fault{"", "must be a whole JSON value"}
	default:
		return &Fault{"", "must be JSON in UTF-8"}
	}
}

func pointer(err error) string {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		return string(syntactic.JSONPointer)
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return string(semantic.JSONPointer)
	}
	return ""
}

// Decode fills v, a pointer, from a document that Check let pass. A member that
// v has no place for, also one whose name is in another case, is a *Fault, and
// so is a value of another type. Into an *any, a number becomes a float64 that
// stays finite: that is for looking at a document's shape, not for amounts.
func Decode(body []byte, v any) error {
	err := json.Unmarshal(body, v, json.RejectUnknownMembers(true), json.WithUnmarshalers(finite))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, json.ErrUnknownName):
		return &Fault{pointer(err), "must not have this member"}
	}
	if where := pointer(err); where != "" {
		return &Fault{where, "must be of the documented type"}
	}
	return &Fault{"", "must be of the documented type"}
}

// finite reads a number of any size into an any.
var finite = json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *any) error {
	if d.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	number, err := strconv.ParseFloat(token.String(), 64)
	if err != nil {
		number = math.Copysign(math.MaxFloat64, number)
	}
	*v = number
	return nil
})
