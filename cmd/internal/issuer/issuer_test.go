package issuer_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/cmd/internal/issuer"
	"quittance.dev/config"
	"quittance.dev/functions/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const issuerName = "http://issuer.test"

// open serves an issuer below a path, as the workbench does, and makes a verifier
// that trusts it.
func open(t *testing.T, keyFile string) (base string, v *identity.Verifier) {
	t.Helper()
	i, err := issuer.New(issuer.Options{Name: issuerName, Audience: "bank", KeyFile: keyFile})
	require.NoError(t, err)
	server := httptest.NewServer(http.StripPrefix("/issuer", i))
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	base = server.URL + "/issuer"
	var c config.OIDC
	require.NoError(t, config.Load(t.Context(), func(string) (string, bool) { return "", false }, &c))
	c.Issuer, c.Audience, c.DiscoveryURL, c.AllowPlainHTTP, c.AllowPrivateNetwork = issuerName, "bank", base+"/.well-known/openid-configuration", true, true
	v, err = identity.NewVerifier(c, identity.Options{Transport: http.DefaultTransport})
	require.NoError(t, err)
	return base, v
}

func post(t *testing.T, where, mediaType, body string) (int, map[string]any, string) {
	t.Helper()
	response, err := http.Post(where, mediaType, strings.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var said map[string]any
	_ = json.Unmarshal(text, &said)
	return response.StatusCode, said, string(text)
}

func TestB01_SigningIn(t *testing.T) {
	base, v := open(t, filepath.Join(t.TempDir(), "key.pem"))
	for _, u := range issuer.Users() {
		status, said, _ := post(t, base+"/login", "application/json", `{"email":"`+u.Email+`","password":"`+u.Password()+`"}`)
		require.Equal(t, 200, status, u.Name)
		p, err := v.Verify(context.Background(), said["access_token"].(string))
		require.NoError(t, err)
		require.Equal(t, identity.ID(issuerName, u.Subject()), p.ID)
		require.Equal(t, u.Scopes, p.Scopes)
	}
	for _, body := range []string{
		`{"email":"ada@example.org","password":"ben-password"}`, `{"email":"ada@example.org","password":""}`,
		`{"email":"nobody@example.org","password":"ada-password"}`, `{"email":"","password":"-password"}`, `{}`,
	} {
		status, said, _ := post(t, base+"/login", "application/json", body)
		require.Equal(t, 401, status, body)
		require.Equal(t, "invalid_grant", said["error"])
	}
	status, _, _ := post(t, base+"/login", "text/plain", `{"email":"ada@example.org","password":"ada-password"}`)
	require.Equal(t, 415, status, "a page of another origin can send this without asking")
}

func TestB01_TheDeviceFlow(t *testing.T) {
	base, v := open(t, filepath.Join(t.TempDir(), "key.pem"))
	const form = "application/x-www-form-urlencoded"
	status, begun, _ := post(t, base+"/device_authorization", form, "client_id=quittance&scope=customer")
	require.Equal(t, 200, status)
	require.Equal(t, base+"/device", begun["verification_uri"])
	require.Regexp(t, `^[B-Z]{4}-[B-Z]{4}$`, begun["user_code"])
	ask := func() (int, map[string]any) {
		status, said, _ := post(t, base+"/token", form, url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {begun["device_code"].(string)}, "client_id": {"quittance"},
		}.Encode())
		return status, said
	}
	status, said := ask()
	require.Equal(t, 400, status)
	require.Equal(t, "authorization_pending", said["error"])
	confirm := func(code, email, password string) int {
		status, _, _ := post(t, base+"/device", form, url.Values{"user_code": {code}, "email": {email}, "password": {password}}.Encode())
		return status
	}
	code := begun["user_code"].(string)
	require.Equal(t, 403, confirm(code, "ada@example.org", "wrong"))
	require.Equal(t, 403, confirm("BBBB-BBBB", "ada@example.org", "ada-password"))
	_, said = ask()
	require.Equal(t, "authorization_pending", said["error"])
	require.Equal(t, 200, confirm(strings.ToLower(code), "ada@example.org", "ada-password"))
	status, said = ask()
	require.Equal(t, 200, status)
	_, err := v.Verify(context.Background(), said["access_token"].(string))
	require.NoError(t, err)
	_, said = ask()
	require.Equal(t, "expired_token", said["error"], "a code gives one token")
	status, said, _ = post(t, base+"/token", form, "grant_type=password&username=ada@example.org&password=ada-password")
	require.Equal(t, 400, status)
	require.Equal(t, "unsupported_grant_type", said["error"], "OAuth 2.1 has no such grant")

	page, err := http.Get(base + `/device?user_code="><script>`)
	require.NoError(t, err)
	defer page.Body.Close()
	text, err := io.ReadAll(page.Body)
	require.NoError(t, err)
	require.NotContains(t, string(text), "<script>")
	require.Contains(t, page.Header.Get("Content-Security-Policy"), "default-src 'none'")
}

// Tokens outlive the process, and the key is nobody else's to read.
func TestTheKeyIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "issuer", "key.pem")
	i, err := issuer.New(issuer.Options{Name: issuerName, Audience: "bank", KeyFile: file})
	require.NoError(t, err)
	token, err := i.Token(issuer.Users()[0])
	require.NoError(t, err)
	_, v := open(t, file)
	_, err = v.Verify(context.Background(), token)
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, os.WriteFile(file, []byte("junk"), 0o600))
	_, err = issuer.New(issuer.Options{KeyFile: file})
	require.Error(t, err)
}
