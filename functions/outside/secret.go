package outside

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"quittance.dev/functions/secret"
)

const redacted = "[redacted]"

// Secret is a password, token or key. It prints as [redacted] in every form:
// fmt verbs, JSON, slog. The zero Secret is "none".
//
// It holds a function and nothing else, because fmt prints the fields of an
// unexported field without asking its methods, and a function has none.
type Secret struct{ reveal func() (string, error) }

// Literal makes a secret of a value that the process already holds. The empty
// string gives the zero Secret.
func Literal(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{func() (string, error) { return value, nil }}
}

// FromFile makes a secret that lives in a file, as a mounted Secret does. The
// empty path gives the zero Secret. Surrounding white space is not part of it.
//
// The file is read each time, so a rotated secret works from the next call on.
// While it is not good (it may be half way through a rotation) the last good
// value stands in, with a warning: see package secret.
func FromFile(path string) Secret {
	if path == "" {
		return Secret{}
	}
	file := secret.Watch(path, secret.Text)
	return Secret{func() (string, error) {
		value, err := file.Now()
		if err != nil {
			return "", misconfigured(err)
		}
		return value, nil
	}}
}

// IsZero reports whether there is no secret at all.
func (s Secret) IsZero() bool { return s.reveal == nil }

// Reveal gives the value. The error, of no secret or an unreadable one,
// matches [ErrMisconfigured].
func (s Secret) Reveal() (string, error) {
	if s.reveal == nil {
		return "", misconfigured(errors.New("no secret configured"))
	}
	return s.reveal()
}

// Format implements fmt.Formatter for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// MarshalText implements encoding.TextMarshaler, and with it JSON.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Bearer authorizes a request with a bearer token.
func Bearer(token Secret) func(*http.Request) error {
	return func(r *http.Request) error {
		value, err := token.Reveal()
		if err != nil {
			return fmt.Errorf("bearer token: %w", err)
		}
		r.Header.Set("Authorization", "Bearer "+value)
		return nil
	}
}

// Basic authorizes a request with HTTP Basic.
func Basic(user string, password Secret) func(*http.Request) error {
	return func(r *http.Request) error {
		value, err := password.Reveal()
		if err != nil {
			return fmt.Errorf("password: %w", err)
		}
		r.SetBasicAuth(user, value)
		return nil
	}
}

// Header authorizes a request with a secret in a header of its own.
func Header(name string, key Secret) func(*http.Request) error {
	return func(r *http.Request) error {
		value, err := key.Reveal()
		if err != nil {
			return fmt.Errorf("%s header: %w", name, err)
		}
		r.Header.Set(name, value)
		return nil
	}
}
