package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/identity/identitytest"
	"quittance.dev/functions/pgtest"
)

func TestH1_HeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	for _, got := range []answer{b.get("/docs"), b.get("/openapi.json"), b.get("/openapi.yaml"), b.get("/readyz"), b.get("/nothing"),
		b.post("/customers", ada), b.post("/customers", "{"), b.ask("PUT", "/customers", ada)} {
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
		require.Equal(t, "DENY", got.header.Get("X-Frame-Options"))
		require.Contains(t, got.header.Get("Content-Security-Policy"), "default-src 'none'")
		require.Equal(t, "no-store", got.header.Get("Cache-Control"))
		require.NotEmpty(t, got.header.Get("X-Request-Id"))
		for name := range got.header {
			require.False(t, strings.HasPrefix(name, "Access-Control-"), "no CORS")
		}
	}
	got := b.ask("OPTIONS", "/customers", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
	refused(t, got, wrongMethod)
}

func TestRequestIDsAreTakenWhenTheyAreWords(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	require.Equal(t, "my-id.7_x", b.ask("GET", "/nothing", "", "X-Request-Id", "my-id.7_x").header.Get("X-Request-Id"))
	for _, bad := range []string{"a b", "<script>", strings.Repeat("x", 65), "ä", `"`} {
		got := b.ask("GET", "/nothing", "", "X-Request-Id", bad)
		require.Len(t, got.header.Get("X-Request-Id"), 36)
		refused(t, got, notFound)
	}
}

func TestWrongMethodsAndPaths(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	for path, allow := range map[string]string{
		"/customers": "POST", "/accounts": "GET, HEAD, POST", "/deposit": "POST", "/docs": "GET, HEAD",
		"/accounts/x/close": "POST", "/events": "POST", "/webhooks/stripe": "POST", "/journeys/x": "GET, HEAD",
	} {
		for _, method := range []string{"DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW"} {
			got := b.ask(method, path, "")
			refused(t, got, wrongMethod)
			require.Equal(t, allow, got.header.Get("Allow"), path)
		}
	}
	refused(t, b.get("/customers"), wrongMethod)
	refused(t, b.post("/nothing", "{}"), notFound)
}

func TestBodiesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	before := b.rows()
	for _, mediaType := range []string{"", "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
		"application/json; charset=latin1", "application/json-patch+json", "application/vnd.x+json", "application/json, text/plain", "json", "application/json;charset=utf-16"} {
		refused(t, b.post("/customers", ada, "Content-Type", mediaType), wrongMediaType)
	}
	for _, encoding := range []string{"gzip", "deflate", "br", "gzip, gzip", "x"} {
		refused(t, b.post("/customers", ada, "Content-Encoding", encoding), wrongEncoding)
	}
	pad := func(size int) string { return ada + strings.Repeat(" ", size-len(ada)) }
	refused(t, b.post("/customers", pad(maxBody+1)), tooLarge)
	refused(t, b.post("/customers", pad(10<<20)), tooLarge)
	chunked := b.request("POST", "/customers", "")
	chunked.Body, chunked.ContentLength = io.NopCloser(strings.NewReader(pad(maxBody+1))), -1
	chunked.Header.Set("Content-Type", "application/json")
	refused(t, b.do(chunked), tooLarge)
	refused(t, b.post("/customers", ""), malformedRequest)
	require.Equal(t, before, b.rows())
	require.Equal(t, 201, b.post("/customers", pad(maxBody)).status, "exactly the cap")
	require.Equal(t, 201, b.post("/customers", ada, "Content-Type", `Application/JSON; Charset="UTF-8"`, "Content-Encoding", "identity").status)
	got := b.ask("POST", "/customers", ada, "Content-Type", "application/json", "Accept", "application/xml, json")
	require.Equal(t, "application/json", got.header.Get("Content-Type"), "there is one representation")
}

func TestABodyThatBreaksOffLeavesNothing(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	before := b.rows()
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", strings.TrimPrefix(b.url, "http://"))
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "POST /customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n%s", b.token, ada)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, 400, response.StatusCode)
	require.NoError(t, response.Body.Close())
	require.NoError(t, conn.Close())
	require.Equal(t, before, b.rows())
}

func TestAPanicIsAProblemAndTheProcessLives(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	host := fn.NewHost(Function(), pgtest.New(t).Pool(role), fn.Options{})
	defer host.Close()
	issuer := identitytest.New(t)
	a, err := build(Options{Host: host, Logger: slog.New(slog.NewJSONHandler(&log, nil)), Tokens: issuer.Verifier()})
	require.NoError(t, err)
	type output struct{ Body Customer }
	register(a, huma.Operation{OperationID: "panic", Method: http.MethodGet, Path: "/panic", Summary: "x", Security: allow(identity.Customer)}, nil,
		func(context.Context, *struct{}) (*output, error) { panic("canary") })
	handler := a.handler()
	for range 3 {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/panic", nil)
		r.Header.Set("Authorization", "Bearer "+issuer.Token("canary@example.org", identity.Customer))
		handler.ServeHTTP(w, r)
		refused(t, answer{w.Code, w.Header(), w.Body.String()}, internalError)
		require.NotContains(t, w.Body.String(), "canary")
	}
	require.Contains(t, log.String(), "canary", "the log has it")
	require.Contains(t, log.String(), `"route":"GET /panic","status":500`)
}

func TestH3_WithoutADatabaseItIs503AndSaysNothingOfIt(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	b.api.host.Pool().Close()
	for _, got := range []answer{
		b.post("/customers", ada), b.post("/deposit", movement(account, "1")), b.get("/accounts/" + account),
		b.get("/journeys/" + account), b.binary("a", "deposit.requested", payload(account, account, 1)),
	} {
		p := refused(t, got, unavailable)
		require.Equal(t, "1", got.header.Get("Retry-After"))
		for _, leak := range []string{"pool", "sql", "pgx", "closed", "127.0.0.1", "/tmp", "select"} {
			require.NotContains(t, strings.ToLower(got.body), leak, p)
		}
	}
	require.Equal(t, 200, b.get("/healthz").status)
	require.Equal(t, 503, b.get("/readyz").status)
}

func TestA31_NoPersonalDataInTheLogOrInAProblem(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	host := fn.NewHost(Function(), pgtest.New(t).Pool(role), fn.Options{})
	defer host.Close()
	issuer := identitytest.New(t)
	handler, err := New(Options{Host: host, Tokens: issuer.Verifier(), Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	require.NoError(t, err)
	var bodies strings.Builder
	for _, body := range []string{
		`{"name":"canary-name","email":"canary@example.org","phone":"+41791112233"}`,
		`{"name":"canary-name","email":"canary-example","phone":"+41791112233"}`,
		`{"name":"canary-name","email":"canary@example.org","phone":"41791112233"}`,
		`{"name":7,"email":"canary@example.org","phone":"+41791112233","x":"canary-x"}`,
		`{"name":"canary-name"`,
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/customers", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+issuer.Token("canary@example.org", identity.Customer))
		handler.ServeHTTP(w, r)
		if w.Code != 201 {
			bodies.WriteString(w.Body.String())
		}
	}
	require.Contains(t, log.String(), `"status":422`)
	for _, canary := range []string{"canary", "1791112233"} {
		require.NotContains(t, log.String(), canary)
		require.NotContains(t, bodies.String(), canary)
	}
}

func TestB1_ABodyThatDripsIsCutOff(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	b.api.routes.bodyTimeout = 100 * time.Millisecond
	for _, path := range []string{"/customers", "/webhooks/stripe", "/events"} {
		conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", strings.TrimPrefix(b.url, "http://"))
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/cloudevents-batch+json\r\nContent-Length: 1000\r\n\r\n[", path, b.token)
		require.NoError(t, err)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, 408, response.StatusCode, path)
		require.NoError(t, response.Body.Close())
		require.NoError(t, conn.Close())
	}
}
