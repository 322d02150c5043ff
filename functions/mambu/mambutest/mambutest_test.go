package mambutest_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/functions/mambu/mambutest"
	"quittance.dev/functions/outside/outsidetest"
)

// TestMain is also the process that TestBooksSurviveAKill kills.
func TestMain(m *testing.M) {
	if path := os.Getenv("MAMBUTEST_JOURNAL"); path != "" {
		if err := serveForEver(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func serveForEver(path string) error {
	e, err := mambutest.New(mambutest.Options{Journal: path, APIKey: "k", AdoptUnknown: true})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return (&http.Server{Handler: e, ReadHeaderTimeout: time.Minute}).Serve(l)
}

func closeCall(base, id, key, notes string) *http.Request {
	r := httptest.NewRequest("POST", base+"/api/deposits/"+id+":changeState",
		strings.NewReader(`{"action":"CLOSE","notes":"`+notes+`"}`))
	r.RequestURI = ""
	r.Header.Set("apikey", "k")
	r.Header.Set("Accept", "application/vnd.mambu.v2+json")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	return r
}

func answer(e http.Handler, r *http.Request) (int, string) {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	var body struct {
		Errors []struct{ ErrorReason string }
	}
	_ = json.Unmarshal(w.Body.Bytes(), &body)
	if len(body.Errors) > 0 {
		return w.Code, body.Errors[0].ErrorReason
	}
	return w.Code, ""
}

// Every CLOSE that was answered is in the books after kill -9.
func TestBooksSurviveAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mambu.jsonl")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "MAMBUTEST_JOURNAL="+path)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	base := "http://" + strings.TrimSpace(line)

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	confirmed := map[string]string{} // account to key
	enough := make(chan struct{})
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for n := 0; ; n++ {
				id, key := fmt.Sprintf("A%d-%d", w, n), uuid.NewString()
				resp, err := client.Do(closeCall(base, id, key, "x"))
				if err != nil {
					return // killed
				}
				_ = resp.Body.Close()
				mu.Lock()
				if resp.StatusCode == http.StatusOK {
					confirmed[id] = key
				}
				if len(confirmed) == 40 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	require.NoError(t, child.Process.Kill())
	workers.Wait()
	var killed *exec.ExitError
	require.True(t, errors.As(child.Wait(), &killed))

	e, err := mambutest.New(mambutest.Options{Journal: path, APIKey: "k"})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	keys := map[string]string{}
	for _, c := range e.Book().Closes {
		require.Empty(t, keys[c.AccountID], "applied once")
		keys[c.AccountID] = c.Key
	}
	for id, key := range confirmed {
		require.Equal(t, key, keys[id])
		a, ok := e.Account(id)
		require.True(t, ok)
		require.Equal(t, "CLOSED", a.State)
		status, _ := answer(e, closeCall("", id, key, "x"))
		require.Equal(t, 200, status, "the stored answer is there again")
		status, reason := answer(e, closeCall("", id, uuid.NewString(), "x"))
		require.Equal(t, "400 ACCOUNT_ALREADY_CLOSED", fmt.Sprint(status, " ", reason))
	}
}

func TestTheProtocol(t *testing.T) {
	e, err := mambutest.New(mambutest.Options{APIKey: "k"})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	for _, a := range []mambutest.Account{{ID: "full", Balance: "-0.01"}, {ID: "locked", State: "LOCKED"}, {ID: "a"}, {ID: "b"}} {
		require.NoError(t, e.Put(a))
	}
	key := uuid.NewString()
	for _, c := range []struct {
		name   string
		call   *http.Request
		status int
		reason string
	}{
		{"balance", closeCall("", "full", uuid.NewString(), ""), 400, "ACCOUNT_HAS_REMAINING_BALANCE"},
		{"state", closeCall("", "locked", uuid.NewString(), ""), 400, "INVALID_DEPOSIT_ACCOUNT_STATE"},
		{"unknown", closeCall("", "nobody", uuid.NewString(), ""), 404, "INVALID_DEPOSIT_ACCOUNT_ID"},
		{"key", closeCall("", "a", "not-a-uuid", ""), 400, "INVALID_PARAMETERS"},
		{"closed", closeCall("", "a", key, ""), 200, ""},
		{"again", closeCall("", "a", key, ""), 200, ""},
		{"other body", closeCall("", "a", key, "other"), 400, "INVALID_PARAMETERS"},
		{"other account", closeCall("", "b", key, ""), 400, "INVALID_PARAMETERS"},
		{"other key", closeCall("", "a", uuid.NewString(), ""), 400, "ACCOUNT_ALREADY_CLOSED"},
		{"no key", changed(closeCall("", "b", "", ""), "Idempotency-Key", ""), 200, ""},
		{"no credentials", changed(closeCall("", "b", key, ""), "apikey", ""), 401, "INVALID_CREDENTIALS"},
		{"version 1", changed(closeCall("", "b", key, ""), "Accept", "application/json"), 406, "INVALID_PARAMETERS"},
		{"form", changed(closeCall("", "b", key, ""), "Content-Type", "text/plain"), 415, "INVALID_PARAMETERS"},
		{"path", changed(httptest.NewRequest("GET", "/api/loans/1", nil), "apikey", "k"), 406, "INVALID_PARAMETERS"},
	} {
		status, reason := answer(e, c.call)
		require.Equal(t, c.status, status, c.name)
		require.Equal(t, c.reason, reason, c.name)
	}
	require.Len(t, e.Book().Closes, 2)
}

func changed(r *http.Request, header, value string) *http.Request {
	r.Header.Set(header, value)
	if value == "" {
		r.Header.Del(header)
	}
	return r
}

func TestAdmin(t *testing.T) {
	e, err := mambutest.New(mambutest.Options{APIKey: "k"})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		e.Admin().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	require.Equal(t, 204, ask("PUT", "/accounts/a", `{"balance":"0.00"}`).Code)
	require.Equal(t, 400, ask("PUT", "/accounts/a", `{"balance":"1/3"}`).Code)
	require.Equal(t, 400, ask("PUT", "/accounts/a", `{"balance":"ten"}`).Code)
	require.Equal(t, 204, ask("POST", "/moods/script", `[{"kind":"refuse","op":"close","code":"LOCKED_SAVINGS_AMOUNT"}]`).Code)
	status, reason := answer(e, closeCall("", "a", uuid.NewString(), ""))
	require.Equal(t, "400 LOCKED_SAVINGS_AMOUNT", fmt.Sprint(status, " ", reason))
	var book mambutest.Book
	require.NoError(t, json.Unmarshal(ask("GET", "/books", "").Body.Bytes(), &book))
	require.Equal(t, []mambutest.Account{{ID: "a", State: "ACTIVE", Balance: "0.00", Currency: "EUR"}}, book.Accounts)
	require.Equal(t, outsidetest.Refuse, book.Attempts[0].Mood)
	require.Empty(t, book.Closes)
}
