package mambu_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/mambu"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		status  int
		reasons string
		want    mambu.Meaning
	}{
		{200, "", mambu.Closed},
		{204, "", mambu.Closed},
		{102, "", mambu.Later},
		{302, "", mambu.Misconfigured},

		{400, "ACCOUNT_ALREADY_CLOSED", mambu.AlreadyClosed},
		{409, "ACCOUNT_ALREADY_CLOSED", mambu.AlreadyClosed},
		{400, "ACCOUNT_HAS_REMAINING_BALANCE", mambu.Refused},
		{400, "INVALID_DEPOSIT_ACCOUNT_STATE", mambu.Refused},
		{400, "INVALID_SAVINGS_ACCOUNT_STATE_TRANSITION", mambu.Refused},
		{400, "INVALID_STATE_TRANSITION", mambu.Refused},
		{400, "LINKED_ACCOUNT_DELETION_ERROR", mambu.Refused},
		{400, "LOCKED_SAVINGS_AMOUNT", mambu.Refused},
		{400, "INVALID_DEPOSIT_ACCOUNT_ID", mambu.Refused},
		{404, "INVALID_DEPOSIT_ACCOUNT_ID", mambu.Refused},
		{404, "OBJECT_NOT_FOUND", mambu.Refused},
		{400, "SOMETHING_NEW", mambu.Refused},
		{422, "SOMETHING_NEW", mambu.Refused},

		{409, "BLOCKING_OPERATION_IN_PROGRESS", mambu.Later},
		{400, "BLOCKING_OPERATION_IN_PROGRESS", mambu.Later},
		{400, "READ_ONLY_MODE", mambu.Later},
		{400, "EXCESSIVE_INVALID_REQUESTS", mambu.Later},
		{500, "INTERNAL_ERROR", mambu.Later},
		{400, "INTERNAL_ERROR", mambu.Later},
		{409, "", mambu.Later},
		{429, "", mambu.Later},
		{408, "", mambu.Later},
		{500, "", mambu.Later},
		{503, "ACCOUNT_HAS_REMAINING_BALANCE", mambu.Later},

		{401, "INVALID_CREDENTIALS", mambu.Misconfigured},
		{403, "INVALID_PERMISSIONS", mambu.Misconfigured},
		{403, "API_NOT_AUTHORIZED", mambu.Misconfigured},
		{400, "API_NOT_AUTHORIZED", mambu.Misconfigured},
		{403, "INVALID_IP_ADDRESS", mambu.Misconfigured},
		{401, "", mambu.Misconfigured},
		{403, "", mambu.Misconfigured},
		{400, "", mambu.Misconfigured},
		{404, "", mambu.Misconfigured},
		{404, "NOT_FOUND", mambu.Misconfigured},
		{405, "METHOD_NOT_ALLOWED", mambu.Misconfigured},
		{406, "", mambu.Misconfigured},

		// Several at once: what may not be believed to be a no wins.
		{400, "ACCOUNT_HAS_REMAINING_BALANCE READ_ONLY_MODE", mambu.Later},
		{400, "READ_ONLY_MODE INVALID_PERMISSIONS", mambu.Misconfigured},
		{400, "LOCKED_SAVINGS_AMOUNT ACCOUNT_ALREADY_CLOSED", mambu.AlreadyClosed},
	} {
		var faults []mambu.Fault
		for _, r := range strings.Fields(c.reasons) {
			faults = append(faults, mambu.Fault{Reason: r})
		}
		got, _ := mambu.Classify(c.status, faults)
		require.Equal(t, c.want, got, "%d %s: got %s", c.status, c.reasons, got)
	}
}

func TestParseErrors(t *testing.T) {
	for body, want := range map[string][]mambu.Fault{
		`{"errors":[{"errorCode":4,"errorSource":"jane@example.com","errorReason":"INVALID_PARAMETERS"}]}`: {{4, "INVALID_PARAMETERS"}},
		`{"errors":[{"errorCode":1,"errorReason":"A"},{"errorCode":2,"errorReason":"B"}]}`:                 {{1, "A"}, {2, "B"}},
		`{"errors":[{"errorCode":81}]}`:                        {{81, "ERROR_81"}},
		`{"errors":[null,7,"x",{"errorReason":"A"}]}`:          {{0, "A"}},
		`{"errors":{"errorReason":"A"},"errorReason":"B"}`:     {{0, "B"}},
		`{"errorCode":4,"error":"invalid parameters"}`:         {{4, "INVALID_PARAMETERS"}},
		`{"returnCode":4,"returnStatus":"INVALID_PARAMETERS"}`: {{4, "INVALID_PARAMETERS"}},
		`{"errorCode":"4","errorReason":"A"}`:                  {{0, "A"}},
		`{"errorReason":"A\u0000\nlevel=ERROR msg=forged"}`:    {{0, "A__LEVEL_ERROR_MSG_FORGED"}},
		`{"errorReason":"` + strings.Repeat("A", 300) + `"}`:   {{0, strings.Repeat("A", 100)}},
		`{"errors":[]}`: nil,
		`[]`:            nil,
		`null`:          nil,
		``:              nil,
		`<html>`:        nil,
	} {
		require.Equal(t, want, mambu.ParseErrors([]byte(body)), body)
	}
}

// Whatever the body, the faults are printable, bounded, and never a success.
func FuzzParseErrors(f *testing.F) {
	for _, s := range []string{
		`{"errors":[{"errorCode":4,"errorSource":"x","errorReason":"INVALID_PARAMETERS"}]}`,
		`{"returnCode":4,"returnStatus":"INVALID_PARAMETERS"}`, `{"error":"e","errorCode":1e9}`,
		`{"errors":[[[]]]}`, `{"errors":"no"}`, "\x00", `{"errorReason":"\ud800"}`,
	} {
		f.Add(s, 400)
	}
	f.Fuzz(func(t *testing.T, body string, status int) {
		faults := mambu.ParseErrors([]byte(body))
		for _, fault := range faults {
			require.NotEmpty(t, fault.Reason)
			require.LessOrEqual(t, len(fault.Reason), 100)
			require.Regexp(t, `^[A-Z0-9_]+$`, fault.Reason)
		}
		got, _ := mambu.Classify(status, faults)
		require.NotEmpty(t, got.String())
		require.Equal(t, status >= 200 && status < 300, got == mambu.Closed)
		if got == mambu.Refused {
			require.True(t, status >= 400 && status < 500)
			require.NotEmpty(t, faults)
		}
	})
}
