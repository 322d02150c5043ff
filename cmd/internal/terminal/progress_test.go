package terminal_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/terminal"
)

func TestTheBarSaysHowFarItIs(t *testing.T) {
	now := time.Unix(0, 0)
	var out, bar bytes.Buffer
	p := &terminal.Progress{To: &out, Bar: &bar, Total: 4, Now: func() time.Time { return now }}
	for range 4 {
		_, err := io.WriteString(p, "a line\n")
		require.NoError(t, err)
		now = now.Add(time.Second)
	}
	p.End()
	require.Equal(t, strings.Repeat("a line\n", 4), out.String())
	require.EqualValues(t, 4, p.Lines())
	states := strings.Split(bar.String(), "\r")
	require.Contains(t, states[1], "[=======                       ]  25 %  1 of 4")
	require.Equal(t, "[==============================] 100 %  4 of 4, 1 a second \n", states[len(states)-1])

	bar.Reset()
	p = &terminal.Progress{To: io.Discard, Bar: &bar, Total: -1, Now: func() time.Time { return now }}
	_, err := io.WriteString(p, "1\n2\n3")
	require.NoError(t, err)
	require.Contains(t, bar.String(), "2 lines")
	quiet := &terminal.Progress{To: io.Discard, Total: 1, Now: func() time.Time { return now }}
	_, err = io.WriteString(quiet, "1\n")
	require.NoError(t, err)
	quiet.End()
}

func TestE11_EveryStatusHasALevelWordsAndACode(t *testing.T) {
	codes := map[int]bool{}
	for _, s := range terminal.Statuses() {
		require.False(t, codes[s.ExitCode()], "%s: a code of its own", s)
		codes[s.ExitCode()] = true
		if s != terminal.Success {
			require.NotEqual(t, string(s), terminal.Withdrawal{Status: s}.String())
		}
	}
	require.Equal(t, "INFO WARN WARN ERROR", strings.Join([]string{
		terminal.Success.Level().String(), terminal.InvalidAmount.Level().String(), terminal.InsufficientFunds.Level().String(), terminal.AccountNotFound.Level().String()}, " "))
}
