package bench

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// short is a run that measures next to nothing but does all of it.
func short() Options {
	return Options{Rounds: 1, Duration: time.Second, Scale: 1, Pairs: 4, Root: "../../.."}
}

func TestPostingsAreComparedInOneRunAndTheBooksAgree(t *testing.T) {
	o := short()
	o.Postings = true
	r, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, r.Sections, 1)
	s := r.Sections[0]
	require.Len(t, s.Ratios, 4)
	for _, ratio := range s.Ratios {
		require.Positive(t, ratio.Value(), ratio.Name)
	}
	for _, f := range s.Raw {
		require.Len(t, f.Rounds, 1, f.Name)
		require.Positive(t, f.Value(), f.Name)
	}
	require.Contains(t, strings.Join(s.Notes, "\n"), "0 refusals")
}

func TestTransfersAreComparedInOneRunAndTheBooksAgree(t *testing.T) {
	o := short()
	o.Transfers = true
	r, err := Run(t.Context(), o)
	require.NoError(t, err)
	s := r.Sections[0]
	for _, ratio := range s.Ratios {
		require.Positive(t, ratio.Value(), ratio.Name)
	}
	for _, f := range s.Raw {
		require.Len(t, f.Rounds, 1, f.Name)
		require.Positive(t, f.Value(), f.Name)
	}
	require.Contains(t, strings.Join(s.Notes, "\n"), "0 missing")
}

func TestJourneysAreComparedWithTheSameDeliveries(t *testing.T) {
	o := short()
	o.Journeys = true
	r, err := Run(t.Context(), o)
	require.NoError(t, err)
	s := r.Sections[0]
	require.Positive(t, s.Ratios[0].Value())
	per := s.Raw[len(s.Raw)-1]
	require.Equal(t, "deliveries per journey", per.Name)
	require.Greater(t, per.Value(), 8.0, "a journey passes many functions")
}

// A benchmark that counted work which was not done would be worth nothing.
func TestBooksThatDoNotAgreeWithTheAnswersAreAnError(t *testing.T) {
	l, err := openLedger(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, joinClose(nil, l.close)) })
	require.NoError(t, l.open(t.Context(), 3))
	_, err = l.load(t.Context(), opening(l.ids), 0, nil, func() bool { return true })
	require.NoError(t, err)
	require.Equal(t, 3, l.answered)
	_, err = l.verify(t.Context())
	require.NoError(t, err)

	l.answered++
	_, err = l.verify(t.Context())
	require.ErrorIs(t, err, errBooks)
	l.answered--
	_, err = l.owner.Exec(t.Context(), `update ledger.account set balance_minor = balance_minor + 1 where id = $1`, l.ids[0])
	require.NoError(t, err)
	_, err = l.verify(t.Context())
	require.ErrorContains(t, err, "1 balances wrong")
}

func TestAnAnswerThatIsNotASuccessIsAnError(t *testing.T) {
	l, err := openLedger(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, joinClose(nil, l.close)) })
	l.ids = []string{"not an account"}
	_, err = l.load(t.Context(), oneAccount, 2, nil, func() bool { return true })
	require.ErrorContains(t, err, "400")
}

// A page may come in pieces whose number nobody has told before.
func TestTheFirstAnswerOfAProcess(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.Error(w, "not here", http.StatusNotFound)
			return
		}
		for range 3 {
			_, _ = io.WriteString(w, "a piece")
			w.(http.Flusher).Flush()
		}
	}))
	t.Cleanup(server.Close)
	ask := func(path string) error {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		return answerOn(t.Context(), conn, []byte("GET "+path+" HTTP/1.1\r\nHost: bank\r\n\r\n"))
	}
	require.NoError(t, ask("/"))
	require.ErrorContains(t, ask("/elsewhere"), "404 Not Found: not here")
}

func TestMedianIsNeverBetterThanMeasured(t *testing.T) {
	require.Zero(t, median(nil))
	require.Equal(t, 2.0, median([]float64{3, 1, 2}))
	require.Equal(t, 2.0, median([]float64{4, 3, 2, 1}))
}

func TestQuantileIsTheNearestRank(t *testing.T) {
	var d []time.Duration
	require.Zero(t, quantile(d, 0.5))
	for i := range 100 {
		d = append(d, time.Duration(i+1))
	}
	require.Equal(t, time.Duration(51), quantile(d, 0.5))
	require.Equal(t, time.Duration(100), quantile(d, 0.99))
	require.Equal(t, time.Duration(100), quantile(d, 1))
}

func TestReportSaysWhatIsNotMet(t *testing.T) {
	r := Report{Sections: []Section{{
		Title:  "Part",
		Ratios: []Ratio{{Name: "good", Rounds: []float64{2, 3, 4}, Wanted: 2}, {Name: "bad", Rounds: []float64{1.5}, Wanted: 2}, {Name: "free", Rounds: []float64{0.1}}},
		Raw:    []Figure{{Name: "heavy", Unit: "MB", Rounds: []float64{30}, Under: 25}},
		Notes:  []string{"a note"},
	}}}
	require.False(t, r.Met())
	var out bytes.Buffer
	require.NoError(t, r.Print(&out))
	require.Regexp(t, `good +3\.00x +ok, wanted at least 2\.00x +\(2\.00x, 3\.00x, 4\.00x\)`, out.String())
	require.Regexp(t, `bad +1\.50x +NOT MET, wanted at least 2\.00x`, out.String())
	require.Regexp(t, `heavy +30\.0 MB +NOT MET, wanted under 25\.0 MB`, out.String())
	require.Contains(t, out.String(), "* a note")
	r.Sections[0].Ratios, r.Sections[0].Raw = r.Sections[0].Ratios[:1], nil
	require.True(t, r.Met())
}

func TestProcessorTimeOfAProcessAndItsChildren(t *testing.T) {
	before := own()
	for own() == before { // the processor is used by asking for it
	}
	s, err := readStat("/proc/self/stat")
	if os.IsNotExist(err) {
		t.Skip("the system does not tell")
	}
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), s.pid)
	require.Equal(t, os.Getppid(), s.parent)
	require.GreaterOrEqual(t, family(os.Getpid()), s.self)
}
