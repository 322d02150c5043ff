package externale

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// The table of docs/external-e.md.
func TestClassify(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		want   Meaning
	}{
		{200, "", Closed},
		{201, "", Misconfigured}, {202, "", Misconfigured}, {204, "", Misconfigured},
		{400, "malformed_request", Misconfigured},
		{401, "token_required", Misconfigured}, {403, "", Misconfigured},
		{404, "account_not_found", Refused}, {404, "", Misconfigured}, {404, "no_route", Misconfigured},
		{409, "in_progress", Later}, {409, "account_locked", Later}, {409, "", Later},
		{422, "account_blocked", Refused}, {422, "idempotency_key_reused", Refused}, {422, "", Misconfigured},
		{429, "", Later}, {408, "", Later}, {425, "", Later},
		{500, "", Later}, {503, "account_blocked", Later}, {102, "", Later},
		{301, "", Misconfigured}, {307, "", Misconfigured}, {405, "", Misconfigured}, {418, "teapot", Misconfigured},
	} {
		got := Classify(c.status, c.code)
		require.Equal(t, c.want, got, "%d %s: %s", c.status, c.code, got)
	}
}

func TestParseFault(t *testing.T) {
	for body, want := range map[string]fault{
		`{"code":"account_blocked","reason":"court order"}`: {"account_blocked", "court order"},
		`{"code":"a","reason":"x\nlevel=ERROR\u0000"}`:      {"a", "x level=ERROR"},
		`{"code":"Not A Code","reason":"x"}`:                {},
		`{"reason":"x"}`:                                    {}, `{"code":7}`: {}, `[]`: {}, ``: {}, `<html>`: {},
	} {
		require.Equal(t, want, parseFault([]byte(body)), body)
	}
}

// Whatever the body, code and reason are bounded and printable, and only what
// the contract calls a refusal is one.
func FuzzParseFault(f *testing.F) {
	f.Add(`{"code":"account_blocked","reason":"court order"}`, 422)
	f.Add(`{"code":"account_not_found"}`, 404)
	f.Add("{\"code\":\"a\",\"reason\":\"\x00\xff\u2028\"}", 500)
	f.Fuzz(func(t *testing.T, body string, status int) {
		got := parseFault([]byte(body))
		require.LessOrEqual(t, len(got.Code), 64)
		require.LessOrEqual(t, utf8.RuneCountInString(got.Reason), reasonLimit)
		require.NotRegexp(t, `[\x00-\x1f\x7f]`, got.Reason)
		switch Classify(status, got.Code) {
		case Refused:
			require.NotEmpty(t, got.Code)
			require.Contains(t, []int{404, 422}, status)
		case Closed:
			require.Equal(t, 200, status)
		}
	})
}
