package externaletest_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/externale/externaletest"
	"quittance.dev/functions/outside/outsidetest"
)

// The statuses of docs/external-e.md, from the raw requests that earn them.
func TestTheContract(t *testing.T) {
	e, err := externaletest.New(externaletest.Options{Tokens: []string{"old", "new"}})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	require.NoError(t, e.Put("a"))
	require.Error(t, e.Put("a/b"))
	key, closure := uuid.NewString(), uuid.NewString()
	body := `{"closure_id":"` + closure + `","reason":"account_emptied"}`
	for _, c := range []struct {
		name, method, path, token, key, body string
		status                               int
		code                                 string
	}{
		{"no token", "POST", "/v1/accounts/a/closure", "", key, body, 401, "token_required"},
		{"wrong token", "POST", "/v1/accounts/a/closure", "x", key, body, 401, "token_required"},
		{"no key", "POST", "/v1/accounts/a/closure", "new", "", body, 400, "idempotency_key_required"},
		{"no body", "POST", "/v1/accounts/a/closure", "new", key, "", 400, "malformed_request"},
		{"no closure", "POST", "/v1/accounts/a/closure", "new", key, `{"reason":"x"}`, 400, "malformed_request"},
		{"prose", "POST", "/v1/accounts/a/closure", "new", key, `{"closure_id":"` + closure + `","reason":"Jane asked"}`, 400, "malformed_request"},
		{"unknown field", "POST", "/v1/accounts/a/closure", "new", key, `{"closure_id":"` + closure + `","reason":"x","name":"Jane"}`, 400, "malformed_request"},
		{"unknown account", "POST", "/v1/accounts/b/closure", "new", uuid.NewString(), body, 404, "account_not_found"},
		{"open", "GET", "/v1/accounts/a", "old", "", "", 200, ""},
		{"closed", "POST", "/v1/accounts/a/closure", "old", key, body, 200, ""},
		{"again", "POST", "/v1/accounts/a/closure", "new", key, body, 200, ""},
		{"other body", "POST", "/v1/accounts/a/closure", "new", key, strings.Replace(body, "emptied", "x", 1), 422, "idempotency_key_reused"},
		{"other key", "POST", "/v1/accounts/a/closure", "new", uuid.NewString(), body, 200, ""},
		{"no such account", "GET", "/v1/accounts/b", "new", "", "", 404, "account_not_found"},
	} {
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		r.Header.Set("Idempotency-Key", c.key)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		var got struct {
			Code      string
			ClosureID string `json:"closure_id"`
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got), c.name)
		require.Equal(t, c.status, w.Code, c.name)
		require.Equal(t, c.code, got.Code, c.name)
		if c.method == "POST" && w.Code == 200 {
			require.Equal(t, closure, got.ClosureID, c.name)
		}
	}
	require.Len(t, e.Book().Closes, 1)
}

func TestAdmin(t *testing.T) {
	e, err := externaletest.New(externaletest.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		e.Admin().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	require.Equal(t, 204, ask("PUT", "/accounts/a", "").Code)
	require.Equal(t, 204, ask("PUT", "/moods/weather", `{"seed":1,"weather":[{"kind":"locked","p":1}]}`).Code)
	require.Equal(t, outsidetest.Locked, e.Moods.Next("close").Kind)
	var book externaletest.Book
	require.NoError(t, json.Unmarshal(ask("GET", "/books", "").Body.Bytes(), &book))
	require.Equal(t, []externaletest.Account{{ID: "a"}}, book.Accounts)
}
