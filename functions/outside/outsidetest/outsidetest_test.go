package outsidetest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/functions/outside/outsidetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type note struct{ N int }

func open(t *testing.T, path string) (*outsidetest.Journal[note], []int) {
	t.Helper()
	var got []int
	j, err := outsidetest.OpenJournal(path, func(n note) error {
		got = append(got, n.N)
		return nil
	})
	require.NoError(t, err)
	return j, got
}

func TestJournalIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.jsonl")
	j, got := open(t, path)
	require.Empty(t, got)
	var wg sync.WaitGroup
	for n := range 50 {
		wg.Go(func() {
			if j.Write(note{n}) == nil && j.Sync() == nil {
				return
			}
			t.Error("not written")
		})
	}
	wg.Wait()
	require.NoError(t, j.Close())

	j, got = open(t, path)
	require.Len(t, got, 50)
	require.NoError(t, j.Write(note{50}))
	require.NoError(t, j.Close())
	j, got = open(t, path)
	require.Equal(t, 50, got[50], "appended behind the rest")
	require.NoError(t, j.Close())
}

// A crash in the middle of a write leaves half a line, which was never
// answered for; what stands before it counts, and the book goes on.
func TestJournalSurvivesACrashInAWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("{\"N\":1}\n{\"N\":2}\n{\"N\":3"), 0o600))
	j, got := open(t, path)
	require.Equal(t, []int{1, 2}, got)
	require.NoError(t, j.Write(note{4}))
	require.NoError(t, j.Close())
	j, got = open(t, path)
	require.Equal(t, []int{1, 2, 4}, got)
	require.NoError(t, j.Close())
}

func TestJournalRefusesADamagedBook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("{\"N\":1}\nnonsense\n{\"N\":3}\n"), 0o600))
	_, err := outsidetest.OpenJournal(path, func(note) error { return nil })
	require.ErrorContains(t, err, "line 2")
}

func TestJournalThatCannotBeWrittenSaysSo(t *testing.T) {
	j, _ := open(t, filepath.Join(t.TempDir(), "book.jsonl"))
	require.NoError(t, j.Close())
	require.Error(t, j.Write(note{1}))
	require.Error(t, j.Write(note{2}), "stays broken")
}

func TestScriptComesBeforeWeatherAndKeepsItsOrder(t *testing.T) {
	m := outsidetest.NewMoods()
	require.NoError(t, m.Weather(1, outsidetest.Chance{Mood: outsidetest.Mood{Kind: outsidetest.Slow}, P: 1}))
	require.NoError(t, m.Script(
		outsidetest.Mood{Kind: outsidetest.CutAfter, Op: "close"},
		outsidetest.Mood{Kind: outsidetest.Status, Times: 2},
		outsidetest.Mood{Kind: outsidetest.Fine},
	))
	var got []outsidetest.Kind
	for _, op := range []string{"read", "close", "read", "read", "read"} {
		got = append(got, m.Next(op).Kind)
	}
	require.Equal(t, []outsidetest.Kind{"status", "cut_after", "status", "fine", "slow"}, got)
	m.Clear()
	require.Equal(t, outsidetest.Fine, m.Next("read").Kind)
}

func TestWeatherRepeatsWithItsSeed(t *testing.T) {
	draw := func(seed uint64) (kinds []outsidetest.Kind) {
		m := outsidetest.NewMoods()
		require.NoError(t, m.Weather(seed,
			outsidetest.Chance{Mood: outsidetest.Mood{Kind: outsidetest.TimeoutAfter}, P: 0.2},
			outsidetest.Chance{Mood: outsidetest.Mood{Kind: outsidetest.Status, Op: "close"}, P: 0.3},
		))
		for range 1000 {
			kinds = append(kinds, m.Next("close").Kind)
		}
		return kinds
	}
	require.Equal(t, draw(7), draw(7))
	require.NotEqual(t, draw(7), draw(8))
	count := map[outsidetest.Kind]int{}
	for _, k := range draw(7) {
		count[k]++
	}
	require.InDelta(t, 200, count[outsidetest.TimeoutAfter], 60)
	require.InDelta(t, 300, count[outsidetest.Status], 60)
	require.InDelta(t, 500, count[outsidetest.Fine], 80)
}

func TestNonsenseIsRefused(t *testing.T) {
	m := outsidetest.NewMoods()
	require.Error(t, m.Script(outsidetest.Mood{Kind: "grumpy"}))
	require.Error(t, m.Script(outsidetest.Mood{Kind: outsidetest.Status, Status: 99}))
	require.Error(t, m.Script(outsidetest.Mood{Kind: outsidetest.Slow, Delay: -1}))
	require.Error(t, m.Weather(1, outsidetest.Chance{Mood: outsidetest.Mood{Kind: outsidetest.Slow}, P: 1.1}))
	slow := outsidetest.Chance{Mood: outsidetest.Mood{Kind: outsidetest.Slow}, P: 0.6}
	require.Error(t, m.Weather(1, slow, slow))
	require.Equal(t, outsidetest.Fine, m.Next("x").Kind)
}

func TestAdmin(t *testing.T) {
	m := outsidetest.NewMoods()
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		m.Admin().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	require.Equal(t, 204, ask("POST", "/script", `[{"kind":"refuse","op":"close","code":"NO","times":2}]`).Code)
	require.Equal(t, 204, ask("PUT", "/weather", `{"seed":7,"weather":[{"kind":"slow","delay":"1.5s","p":0.5}]}`).Code)
	require.JSONEq(t, `{"script":[{"kind":"refuse","op":"close","code":"NO","times":2}],
		"seed":7,"weather":[{"kind":"slow","delay":"1.5s","p":0.5}]}`, withoutZeros(ask("GET", "/", "").Body.String()))
	require.Equal(t, 400, ask("POST", "/script", `[{"kind":"grumpy"}]`).Code)
	require.Equal(t, 400, ask("POST", "/script", `[{"kind":"slow","delya":"1s"}]`).Code)
	require.Equal(t, 400, ask("POST", "/script", `[{"kind":"slow","delay":5}]`).Code)
	require.Equal(t, 400, ask("PUT", "/weather", `{"weather":[{"kind":"slow","p":2}]}`).Code)
	require.Equal(t, 204, ask("DELETE", "/", "").Code)
	require.Equal(t, outsidetest.Fine, m.Next("close").Kind)
}

// withoutZeros drops the durations that are not set.
func withoutZeros(s string) string {
	return strings.NewReplacer(`,"retry_after":"0s"`, "", `,"delay":"0s"`, "").Replace(s)
}

// Close lets go of everything that is held, whatever the patience set.
func TestCloseLetsGo(t *testing.T) {
	m := outsidetest.NewMoods()
	m.Hold = time.Hour
	seen := make(chan struct{}, 3)
	m.Seen = func(*http.Request, []byte, outsidetest.Mood) { seen <- struct{}{} }
	s := outsidetest.Listen(m.Wrap(func(r *http.Request) string { return r.URL.Path }, http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { m.Final102(w) })))
	require.NoError(t, m.Script(
		outsidetest.Mood{Kind: outsidetest.TimeoutBefore, Op: "/held"},
		outsidetest.Mood{Kind: outsidetest.Slow, Op: "/slow", Delay: outsidetest.Duration(time.Hour)},
	))
	var wg sync.WaitGroup
	for _, path := range []string{"/held", "/slow", "/102"} {
		wg.Go(func() {
			resp, err := (&http.Client{Transport: s.Transport()}).Get("http://x.invalid" + path)
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	for range 3 {
		<-seen
	}
	m.Close()
	wg.Wait()
	require.NoError(t, s.Close())
	_, err := (&http.Client{Transport: s.Transport()}).Get("http://x.invalid/")
	require.Error(t, err)
}

func TestKeys(t *testing.T) {
	var k outsidetest.Keys
	begin := func(key, request string) outsidetest.KeyState { s, _ := k.Begin(key, request); return s }
	require.Equal(t, outsidetest.KeyNew, begin("a", "1"))
	require.Equal(t, outsidetest.KeyRunning, begin("a", "1"))
	require.Equal(t, outsidetest.KeyReused, begin("a", "2"))
	k.Finish("a", outsidetest.Stored{Status: 200, Body: "x"})
	state, stored := k.Begin("a", "1")
	require.Equal(t, outsidetest.KeyDone, state)
	require.Equal(t, outsidetest.Stored{Status: 200, Body: "x"}, stored)
	k.Forget("a")
	require.Equal(t, outsidetest.KeyNew, begin("a", "2"))
	k.Restore("b", "1", outsidetest.Stored{Status: 200})
	require.Equal(t, outsidetest.KeyDone, begin("b", "1"))
}

func TestClockRises(t *testing.T) {
	stopped := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	c := outsidetest.Clock{Source: func() time.Time { return stopped }}
	a, b := c.Now(), c.Now()
	require.True(t, b.After(a))
	c.NotBefore(stopped.Add(time.Hour))
	require.True(t, c.Now().After(stopped.Add(time.Hour)))
}
