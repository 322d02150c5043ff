package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/client"
	"quittance.dev/cmd/internal/terminal"
)

func TestAReportAtTheTerminal(t *testing.T) {
	c := sharedCounter(t)
	c.withdraw("5", "1")
	c.withdraw("5", "100000")
	require.NoError(t, atRest(t.Context(), c.bank, time.Minute))
	file := filepath.Join(t.TempDir(), "report.csv")
	require.Empty(t, c.run("", "report", "--output", file, "--account", "5").ok().out)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, "transaction_id", rows[0][0])
	require.Greater(t, len(rows), 3, "the deposit, what was withdrawn and what was refused")
	lines := strings.Split(strings.TrimSpace(c.run("", "report", "--format", "ndjson", "--account", "5").ok().out), "\n")
	require.Len(t, lines, len(rows)-1)
	failed := 0
	for _, line := range lines {
		var one client.ReportLine
		require.NoError(t, json.Unmarshal([]byte(line), &one), line)
		if one.Status == client.Fail {
			failed++
			require.Equal(t, client.InsufficientFunds, one.Reason)
		}
	}
	require.Positive(t, failed)
	require.Equal(t, 1, strings.Count(c.run("", "report", "--from", time.Now().Add(time.Minute).UTC().Format(time.RFC3339)).ok().out, "\n"), "the header alone")
	for _, usage := range [][]string{{"--format", "pdf"}, {"--from", "yesterday"}} {
		require.Equal(t, terminal.ExitUsage, c.run("", append([]string{"report"}, usage...)...).code)
	}
	require.Contains(t, c.run("", "report", "--account", "99").errors, "Account 99 not found.")
	require.NotZero(t, c.run("", "report", "--output", filepath.Join(file, "nowhere")).code)
}
