package issuer

import (
	"html"
	"net/http"
	"strings"
	"time"
)

// The device flow (RFC 8628): a terminal asks for a code, a person types it into a
// page and signs in there, and the terminal, which has been asking, gets its token.

const (
	deviceGrant    = "urn:ietf:params:oauth:grant-type:device_code"
	deviceLifetime = 10 * time.Minute
	maxDevices     = 100
)

// device is one terminal that waits.
type device struct {
	userCode string
	expires  time.Time
	tries    int
	user     *User // set when somebody has signed in
}

func (i *Issuer) authorizeDevice(w http.ResponseWriter, r *http.Request) {
	if !formed(w, r) {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for code, d := range i.devices {
		if time.Now().After(d.expires) {
			delete(i.devices, code)
		}
	}
	if len(i.devices) >= maxDevices {
		refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable")
		return
	}
	code, d := random(32), &device{userCode: userCode(), expires: time.Now().Add(deviceLifetime)}
	i.devices[code] = d
	page := baseOf(r) + "/device"
	answer(w, http.StatusOK, map[string]any{
		"device_code": code, "user_code": d.userCode, "verification_uri": page,
		"verification_uri_complete": page + "?user_code=" + d.userCode,
		"expires_in":                int(deviceLifetime.Seconds()), "interval": 1,
	})
}

// userCode is eight letters that make no words and are not mixed up (RFC 8628, 6.1).
func userCode() string {
	const letters = "BCDFGHJKLMNPQRSTVWXZ"
	var b strings.Builder
	for n, c := range random(8) { // sixteen hexadecimal digits
		if n%2 == 0 {
			if b.Len() == 4 {
				b.WriteByte('-')
			}
			b.WriteByte(letters[int(c)%len(letters)])
		}
	}
	return b.String()
}

const pageHead = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in to the laptop's bank</title><body>`

func devicePage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(pageHead + `<h1>Sign in</h1><form method="post" action="device">
<p><label>Code <input name="user_code" required value="` + html.EscapeString(r.URL.Query().Get("user_code")) + `"></label></p>
<p><label>E-mail <input name="email" type="email" required></label></p>
<p><label>Password <input name="password" type="password" required></label></p>
<p><button>Sign in</button></p></form></body></html>`)) // the reader has left
}

func (i *Issuer) confirmDevice(w http.ResponseWriter, r *http.Request) {
	if !formed(w, r) {
		return
	}
	user, ok := signIn(r.PostForm.Get("email"), r.PostForm.Get("password"))
	said := "Signed in. Go back to the terminal."
	if !i.confirm(r.PostForm.Get("user_code"), user, ok) {
		w.WriteHeader(http.StatusForbidden)
		said = "Code, e-mail or password are not right."
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(pageHead + "<p>" + said + "</p></body></html>"))
}

// confirm hands the token to the terminal with the code. A code is given up after
// five wrong passwords.
func (i *Issuer) confirm(code string, u User, signedIn bool) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, d := range i.devices {
		if d.userCode != strings.ToUpper(code) || time.Now().After(d.expires) || d.tries >= 5 {
			continue
		}
		if signedIn {
			d.user = &u
			return true
		}
		d.tries++
	}
	return false
}

// token is the token endpoint: the terminal asks whether somebody has signed in.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	if !formed(w, r) {
		return
	}
	if r.PostForm.Get("grant_type") != deviceGrant {
		refuse(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	code := r.PostForm.Get("device_code")
	i.mu.Lock()
	d := i.devices[code]
	done := d != nil && d.user != nil
	if done {
		delete(i.devices, code)
	}
	i.mu.Unlock()
	switch {
	case d == nil || time.Now().After(d.expires):
		refuse(w, http.StatusBadRequest, "expired_token")
	case !done:
		refuse(w, http.StatusBadRequest, "authorization_pending")
	default:
		i.give(w, *d.user)
	}
}

// formed reads the form.
func formed(w http.ResponseWriter, r *http.Request) bool {
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request")
		return false
	}
	return true
}
