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
	_, err := scan(body)
	return err
}

// Members is Check for a document that must be an object, and returns the names
// of the object's members.
func Members(body []byte) ([]string, error) {
	names, err := scan(body)
	if err == nil && names == nil {
		return nil, &Fault{"", "must be a JSON object"}
	}
	return names, err
}

// scan reads the document once. names is nil if it is not an object.
func scan(body []byte) (names []string, err error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(body)) // of a Buffer it reads without a copy
	for {
		token, err := d.ReadToken()
		if err != nil {
			return nil, syntax(err)
		}
		depth := d.StackDepth()
		switch kind := token.Kind(); {
		case kind == 'n':
			return nil, &Fault{string(d.StackPointer()), "null is not a value here"}
		case depth > MaxDepth:
			return nil, &Fault{"", fmt.Sprintf("must not be deeper than %d levels", MaxDepth)}
		case kind == '{' && depth == 1:
			names = make([]string, 0, 8)
		case kind == '"' && depth == 1 && names != nil:
			if _, length := d.StackIndex(1); length%2 == 1 { // a name, not a value
				names = append(names, token.String())
			}
		}
		if depth == 0 {
			if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
				return nil, &Fault{"", "nothing may come after the JSON value"}
			}
			return names, nil
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
