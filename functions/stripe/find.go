package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	stripego "github.com/stripe/stripe-go/v84"
)

// Bounds of a Find. Stripe's search is behind the truth, usually by less than a minute and in an
// outage by up to an hour (docs.stripe.com/search), while its list is not behind at all; so the
// search answers for what is older than recent, and the list for the rest.
const (
	recent       = time.Hour
	pageSize     = 100 // Stripe's maximum
	maxListPages = 50  // 5,000 intents in that hour; with more, Find says unknown
)

var errTooMany = errors.New("too many recent intents to look through")

// Find looks for the payment by the id in its metadata, for the time after KeyLifetime or when
// Charge stays unknown. With several intents for one payment it gives the one that matters most:
// captured before pending before refused. ErrNotFound proves nothing while the request may still be
// on its way; any other error is an *outside.Unknown.
func (c *Client) Find(ctx context.Context, paymentID string) (ChargeResult, error) {
	if !plainID(paymentID) {
		return ChargeResult{}, ErrNotFound
	}
	ids, err := c.searched(ctx, paymentID)
	if err != nil {
		return ChargeResult{}, err
	}
	listed, err := c.listed(ctx, paymentID)
	if err != nil {
		return ChargeResult{}, err
	}
	best, found := ChargeResult{}, false
	seen := map[string]bool{}
	for _, id := range append(ids, listed...) {
		if seen[id] {
			continue
		}
		seen[id] = true
		// The search shows an intent as it was; reading it shows it as it is.
		r, err := c.Read(ctx, id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return ChargeResult{}, err
		}
		if err == nil && r.PaymentID == paymentID && (!found || weight[r.Outcome] > weight[best.Outcome]) {
			best, found = r, true
		}
	}
	if !found {
		return ChargeResult{}, ErrNotFound
	}
	return best, nil
}

var weight = map[Outcome]int{Refused: 1, Pending: 2, Captured: 3}

func (c *Client) searched(ctx context.Context, paymentID string) ([]string, error) {
	var page stripego.PaymentIntentSearchResult
	err := c.get(ctx, "search", "/v1/payment_intents/search", url.Values{
		// plainID let no quote through.
		"query": {fmt.Sprintf("metadata['%s']:'%s'", metadataPaymentID, paymentID)},
		"limit": {strconv.Itoa(pageSize)},
	}, &page)
	if err != nil {
		return nil, err
	}
	return ours(page.Data, paymentID), nil
}

func (c *Client) listed(ctx context.Context, paymentID string) ([]string, error) {
	query := url.Values{
		"created[gte]": {strconv.FormatInt(c.now().Add(-recent).Unix(), 10)},
		"limit":        {strconv.Itoa(pageSize)},
	}
	var ids []string
	for range maxListPages {
		var page stripego.PaymentIntentList
		if err := c.get(ctx, "list", "/v1/payment_intents", query, &page); err != nil {
			return nil, err
		}
		ids = append(ids, ours(page.Data, paymentID)...)
		if !page.HasMore || len(page.Data) == 0 {
			return ids, nil
		}
		query.Set("starting_after", page.Data[len(page.Data)-1].ID)
	}
	return nil, c.calls.Unknown("list", errTooMany)
}

func ours(intents []*stripego.PaymentIntent, paymentID string) []string {
	var ids []string
	for _, intent := range intents {
		if intent.Metadata[metadataPaymentID] == paymentID {
			ids = append(ids, intent.ID)
		}
	}
	return ids
}
