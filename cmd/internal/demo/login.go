package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Logins signs people in at the laptop's issuer, each once while the token is
// good. It is safe for concurrent use.
type Logins struct {
	issuer string
	http   *http.Client

	mu   sync.Mutex
	held map[string]Login // by e-mail
}

// Login is an access token and until when it is good.
type Login struct {
	AccessToken string
	Until       time.Time
}

// NewLogins signs in at the issuer with this base URL.
func NewLogins(issuer string) *Logins {
	return &Logins{issuer: issuer, http: &http.Client{Timeout: 30 * time.Second}, held: map[string]Login{}}
}

// Token is an access token of the person with this e-mail and password.
func (l *Logins) Token(ctx context.Context, email, password string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held, ok := l.held[email]; ok && time.Now().Before(held.Until) {
		return held.AccessToken, nil
	}
	signedIn := time.Now()
	login, err := l.Login(ctx, email, password)
	if err != nil {
		return "", err
	}
	login.Until = signedIn.Add(login.Until.Sub(signedIn) / 2) // so that none expires on the way
	l.held[email] = login
	return login.AccessToken, nil
}

// Login signs the person with this e-mail and password in.
func (l *Logins) Login(ctx context.Context, email, password string) (Login, error) {
	raw, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		return Login{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.issuer+"/login", bytes.NewReader(raw))
	if err != nil {
		return Login{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := l.http.Do(r)
	if err != nil {
		return Login{}, fmt.Errorf("sign in: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	var said struct {
		Token     string `json:"access_token"`
		ExpiresIn int    `json:"expires_in"`
		Error     string `json:"error"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, 64<<10)).Decode(&said); err != nil {
		return Login{}, fmt.Errorf("sign in: %s: %w", response.Status, err)
	}
	if said.Token == "" {
		return Login{}, fmt.Errorf("sign in as %s: %s %s", email, response.Status, said.Error)
	}
	return Login{said.Token, time.Now().Add(time.Duration(said.ExpiresIn) * time.Second)}, nil
}
