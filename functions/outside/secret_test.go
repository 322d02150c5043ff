package outside_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/outside"
)

// A29: a secret shows in no form of output.
func TestA29_SecretsPrintRedacted(t *testing.T) {
	const value = "hunter2-canary"
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(value), 0o600))
	fromFile := outside.FromFile(path)
	_, err := fromFile.Reveal()
	require.NoError(t, err)

	for _, s := range []outside.Secret{outside.Literal(value), fromFile} {
		hidden := struct {
			Public  outside.Secret
			private outside.Secret
		}{s, s}
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+" "+verb+" "+verb+"\n", s, &s, hidden)
		}
		require.NoError(t, json.NewEncoder(&out).Encode(hidden))
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", s, "in", hidden)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", s, "in", hidden)
		require.NotContains(t, out.String(), value)
		require.NotContains(t, out.String(), fmt.Sprintf("%x", value))
		require.Contains(t, out.String(), "[redacted]")
	}
}

// A29, F3: a rotated secret works from the next call on.
func TestA29_SecretIsReadAgainOnChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	secret := outside.FromFile(path)
	_, err := secret.Reveal()
	require.ErrorIs(t, err, outside.ErrMisconfigured)

	write := func(s string) { require.NoError(t, os.WriteFile(path, []byte(s), 0o600)) }
	reveals := func(want string) {
		t.Helper()
		got, err := secret.Reveal()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	write("one\n")
	reveals("one")
	write("two\r\n")
	reveals("two")
	write("") // half way through a rotation
	reveals("two")
	require.NoError(t, os.Remove(path))
	reveals("two")
	write("three")
	reveals("three")
	write(strings.Repeat("x", 70<<10))
	reveals("three")
}

func TestNoSecret(t *testing.T) {
	require.True(t, outside.Literal("").IsZero())
	require.True(t, outside.FromFile("").IsZero())
	require.False(t, outside.Literal("x").IsZero())
	_, err := outside.Secret{}.Reveal()
	require.ErrorIs(t, err, outside.ErrMisconfigured)
}

func TestAuthorize(t *testing.T) {
	r, err := http.NewRequest(http.MethodGet, "https://there.invalid/", nil)
	require.NoError(t, err)
	require.NoError(t, outside.Bearer(outside.Literal("t"))(r))
	require.Equal(t, "Bearer t", r.Header.Get("Authorization"))
	require.NoError(t, outside.Basic("u", outside.Literal("p"))(r))
	user, password, _ := r.BasicAuth()
	require.Equal(t, "u p", user+" "+password)
	require.NoError(t, outside.Header("apikey", outside.Literal("k"))(r))
	require.Equal(t, "k", r.Header.Get("apikey"))
	for _, f := range []func(*http.Request) error{
		outside.Bearer(outside.Secret{}), outside.Basic("u", outside.Secret{}), outside.Header("x", outside.Secret{}),
	} {
		require.ErrorIs(t, f(r), outside.ErrMisconfigured)
	}
}
