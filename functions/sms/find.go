package sms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"quittance.dev/functions/outside"
)

// Bounds of a Find: one number does not get a thousand texts from us in the time between a lost
// answer and its look-up.
const (
	pageSize = "100"
	maxPages = 10
)

// Find looks for the text among those sent to the same number since then, which is when the first
// Send began. ErrNotFound proves nothing by itself; any other error is an *outside.Unknown.
func (c *Client) Find(ctx context.Context, m Message, since time.Time) (Receipt, error) {
	if m.check() != "" {
		return Receipt{}, ErrNotFound // Send refused it, too
	}
	if err := c.ready(); err != nil {
		return Receipt{}, c.calls.Unknown("find", err)
	}
	since = since.Add(-5 * time.Minute) // their clock and ours
	next := c.base + "/Messages.json?" + url.Values{"To": {m.To}, "PageSize": {pageSize}}.Encode()
	for range maxPages {
		page, err := c.page(ctx, next)
		if err != nil {
			return Receipt{}, err
		}
		for _, r := range page.Messages { // newest first
			if made, err := mail.ParseDate(r.DateCreated); err == nil && made.Before(since) {
				return Receipt{}, ErrNotFound
			}
			if r.To == m.To && r.SID != "" && strings.HasSuffix(r.Body, "\nRef "+Reference(m.Key)) {
				return r.receipt(), nil
			}
		}
		if page.Next == "" {
			return Receipt{}, ErrNotFound
		}
		if next, err = c.follow(page.Next); err != nil {
			return Receipt{}, c.calls.Unknown("find", err)
		}
	}
	return Receipt{}, c.calls.Unknown("find", errors.New("too many messages to look through"))
}

type page struct {
	Messages []resource `json:"messages"`
	Next     string     `json:"next_page_uri"` // relative; null on the last page
}

func (c *Client) page(ctx context.Context, address string) (page, error) {
	answer, err := c.calls.Do(ctx, outside.Call{Op: "find", Method: http.MethodGet, URL: address})
	if err != nil {
		return page{}, err
	}
	var p page
	if answer.Status == http.StatusOK && json.Unmarshal(answer.Body, &p) == nil && p.Messages != nil {
		return p, nil
	}
	cause := fmt.Errorf("status %d", answer.Status)
	switch answer.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		cause = fmt.Errorf("%w: %w", outside.ErrMisconfigured, cause)
	}
	u := c.calls.Unknown("find", cause)
	u.RetryAfter, _ = outside.RetryAfter(answer.Header, time.Now())
	return page{}, u
}

// follow makes the address of the next page. The answer names a path; our credentials go to no other
// host than the configured one, whatever it names.
func (c *Client) follow(path string) (string, error) {
	base, err := url.Parse(c.base)
	if err != nil {
		return "", err
	}
	next, err := base.Parse(path)
	if err != nil {
		return "", errors.New("next page is not an address")
	}
	if next.Host != base.Host || next.Scheme != base.Scheme || !strings.HasPrefix(next.Path, base.Path+"/") {
		return "", errors.New("next page is not of this account")
	}
	return next.String(), nil
}
