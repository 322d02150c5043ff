package terminal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Login is who signed in, as it is kept between commands.
type Login struct {
	Issuer string    `json:"issuer"`
	Token  string    `json:"token"` // an access token
	Until  time.Time `json:"until,omitzero"`
}

// ErrSignIn means that nobody has signed in, or too long ago.
var ErrSignIn = errors.New("sign in first: quittance login")

// LoginFile is where a login is kept, in the user's own folder of settings.
func LoginFile() (string, error) {
	folder, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find where the login is kept: %w", err)
	}
	return filepath.Join(folder, "quittance", "login.json"), nil
}

// Keep writes the login to a file that nobody else may read, in one step.
func (l Login) Keep(file string) error {
	raw, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("keep the login: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("keep the login: %w", err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".login-*") // 0600
	if err != nil {
		return fmt.Errorf("keep the login: %w", err)
	}
	_, err = temporary.Write(raw)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("keep the login: %w", errors.Join(err, os.Remove(temporary.Name())))
	}
	return nil
}

// ReadLogin reads a login that was kept. One that is over, or none, is ErrSignIn.
func ReadLogin(file string, now time.Time) (Login, error) {
	var l Login
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return l, ErrSignIn
	}
	if err != nil {
		return l, fmt.Errorf("read the login: %w", err)
	}
	if err := json.Unmarshal(raw, &l); err != nil || l.Token == "" {
		return l, ErrSignIn
	}
	if !l.Until.IsZero() && now.After(l.Until) {
		return l, fmt.Errorf("%w (the last one ended at %s)", ErrSignIn, l.Until.Local().Format(time.DateTime))
	}
	return l, nil
}
