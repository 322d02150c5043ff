package flowmap_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/cmd/internal/flowmap"
)

const root = "../../.."

func read(t *testing.T) *flowmap.Map {
	t.Helper()
	m, err := flowmap.Read(root)
	require.NoError(t, err)
	return m
}

func TestThePicturesInTheReadmeAreFresh(t *testing.T) {
	stale, err := flowmap.Stale(root)
	require.NoError(t, err)
	require.False(t, stale, "run `make generate`")
}

// What is drawn is what the manifests do.
func TestPicturesShowTheJourneys(t *testing.T) {
	pictures := string(read(t).Pictures())
	for _, line := range []string{
		`api -->|"payment.submitted<br/><i>payments</i>"| validation`,
		`payment -->|"invoice.paid<br/><i>payments</i>"| ledger_posting`,
		`payment -->|"invoice.paid<br/><i>payments</i>"| receipt`,
		`payment <-.-> card_processor{{card processor}}`,
		`card_processor{{card processor}} -.->|webhook| api`,
		`clock((clock)) -.-> payment`,
		`api -->|"withdrawal.requested<br/><i>requests</i>"| ledger_posting`,
		`ledger_posting -->|"withdrawal.completed<br/><i>money</i>"| closure_mambu`,
		`closure_mambu -->|"closure.mambu-closed<br/><i>closure</i>"| closure_e`,
		`closure_mambu <-.-> Mambu{{Mambu}}`,
		`closure_e <-.-> E{{E}}`,
		`closure_e -->|"account.closed<br/><i>closure</i>"| notification`,
		`notification <-.-> mail_gateway{{mail gateway}}`,
		`api <==>|"transfer.requested<br/><i>straight, for the answer</i>"| ledger_posting`,
		`ledger_posting -->|"transfer.completed<br/><i>money</i>"| query`,
	} {
		require.Contains(t, pictures, line)
	}
	require.Contains(t, pictures, "5 brokers, 16 triggers; each delivers up to 6 times over 15.5s of waiting, 10s at a time")
}

// Every type of a journey exists and reaches somebody: a picture without an
// arrow for it would be wrong.
func TestEveryTypeOfAJourneyIsHeard(t *testing.T) {
	m := read(t)
	for _, j := range flowmap.Journeys() {
		for _, eventType := range j.Types {
			short := strings.TrimSuffix(strings.TrimPrefix(string(eventType), "dev.quittance."), ".v1")
			require.Contains(t, string(m.Pictures()), short, j.Title)
		}
	}
}

// A Trigger that changes makes the picture stale, and Write mends it and
// touches nothing else.
func TestWriteKeepsThePageAroundThePictures(t *testing.T) {
	project := copyOf(t)
	page := filepath.Join(project, "README.md")
	require.NoError(t, flowmap.Write(project))
	before, err := os.ReadFile(page)
	require.NoError(t, err)

	manifest := filepath.Join(project, "infra/functions/receipt.yaml")
	text, err := os.ReadFile(manifest)
	require.NoError(t, err)
	changed := strings.ReplaceAll(string(text), "dev.quittance.invoice.paid.v1", "dev.quittance.payment.validated.v1")
	require.NotEqual(t, string(text), changed)
	require.NoError(t, os.WriteFile(manifest, []byte(changed), 0o600))
	stale, err := flowmap.Stale(project)
	require.NoError(t, err)
	require.True(t, stale)

	require.NoError(t, flowmap.Write(project))
	after, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(after), `validation -->|"payment.validated<br/><i>payments</i>"| receipt`)
	require.NotContains(t, string(after), `payment -->|"invoice.paid<br/><i>payments</i>"| receipt`)
	const mark = "<!-- flow: "
	require.Equal(t, strings.Split(string(before), mark)[0], strings.Split(string(after), mark)[0])
	require.Equal(t, strings.Split(string(before), "<!-- /flow -->")[1], strings.Split(string(after), "<!-- /flow -->")[1])
}

func TestWriteRefusesAPageWithoutAPlaceForThem(t *testing.T) {
	project := copyOf(t)
	require.NoError(t, os.WriteFile(filepath.Join(project, "README.md"), []byte("# Quittance\n"), 0o600))
	require.ErrorContains(t, flowmap.Write(project), "must have each of these lines once")
}

// copyOf copies the files that a Map is read from.
func copyOf(t *testing.T) string {
	t.Helper()
	project := t.TempDir()
	for _, folder := range []string{"infra", "functions/cmd", "functions/schema/migrations"} {
		require.NoError(t, os.MkdirAll(filepath.Join(project, filepath.Dir(folder)), 0o755))
		require.NoError(t, os.CopyFS(filepath.Join(project, folder), os.DirFS(filepath.Join(root, folder))))
	}
	for _, file := range []string{"README.md", "skaffold.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(project, file), text, 0o600))
	}
	return project
}
