package strictjson_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/strictjson"
)

func TestWhatCheckRefuses(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]strictjson.Fault{
		``:                          {"", "must be a whole JSON value"},
		`{"a":1`:                    {"", "must be a whole JSON value"},
		`{"a":1}{`:                  {"", "nothing may come after the JSON value"},
		`{"a":1} x`:                 {"", "nothing may come after the JSON value"},
		`{"a":1,"a":2}`:             {"/a", "a name must not occur twice"},
		`{"b":{"\u0061":1,"a":2}}`:  {"/b/a", "a name must not occur twice"},
		`{"a":[1,null]}`:            {"/a/1", "null is not a value here"},
		`{"a":"` + "\xff" + `"}`:    {"", "must be JSON in UTF-8"},
		`{"a":"\ud800"}`:            {"", "must be JSON in UTF-8"},
		"\ufeff{}":                  {"", "must be JSON in UTF-8"},
		`{"a":NaN}`:                 {"", "must be JSON in UTF-8"},
		strings.Repeat("[", 33):     {"", "must not be deeper than 32 levels"},
		strings.Repeat("[", 100000): {"", "must not be deeper than 32 levels"},
	} {
		var fault *strictjson.Fault
		require.ErrorAs(t, strictjson.Check([]byte(body)), &fault, body)
		require.Equal(t, want, *fault, body)
	}
	for _, body := range []string{`{}`, ` {"a":[1,{"a":"\ud83d\ude00"}]} ` + "\n", `0`, strings.Repeat("[", 32) + strings.Repeat("]", 32)} {
		require.NoError(t, strictjson.Check([]byte(body)), body)
	}
}

func TestDecodeTakesExactNamesOnly(t *testing.T) {
	t.Parallel()
	type order struct {
		Amount int64 `json:"amount"`
	}
	for body, want := range map[string]strictjson.Fault{
		`{"amount":1,"AMOUNT":2}`: {"/AMOUNT", "must not have this member"},
		`{"Amount":1}`:            {"/Amount", "must not have this member"},
		`{"amount":"1"}`:          {"/amount", "must be of the documented type"},
		`{"amount":1.5}`:          {"/amount", "must be of the documented type"},
		`[]`:                      {"", "must be of the documented type"},
	} {
		var fault *strictjson.Fault
		require.ErrorAs(t, strictjson.Decode([]byte(body), &order{}), &fault, body)
		require.Equal(t, want, *fault, body)
	}
	var into order
	require.NoError(t, strictjson.Decode([]byte(`{"amount":7}`), &into))
	require.Equal(t, int64(7), into.Amount)
}

func TestANumberBeyondEveryFloatKeepsItsSign(t *testing.T) {
	t.Parallel()
	var shape any
	require.NoError(t, strictjson.Decode([]byte(`[1e400,-1e400,2.5]`), &shape))
	require.Equal(t, []any{math.MaxFloat64, -math.MaxFloat64, 2.5}, shape)
}

// FuzzCheck: what passes is JSON for everybody, and reads the same for a lenient
// reader.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,"x"]}`, `{"a":1,"a":2}`, `[[[]]]`, `"\ud83d\ude00"`, "\ufeff{}", `{"a":null}`, "{}{}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if strictjson.Check(body) != nil {
			return
		}
		require.True(t, json.Valid(body))
		var strict, lenient any
		require.NoError(t, strictjson.Decode(body, &strict))
		if json.Unmarshal(body, &lenient) == nil { // a number may be too large for it
			require.Equal(t, lenient, strict)
		}
	})
}
