package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ReportLine is one transaction, whatever became of it.
type ReportLine struct {
	TransactionID        string            `json:"transaction_id"` // an operation's, a payment's or a transaction's
	TransactionTimestamp Timestamp         `json:"transaction_timestamp"`
	Kind                 TransactionKind   `json:"kind"`
	SrcAccountID         string            `json:"src_account_id,omitempty"` // of a transfer; else the bank is the other side
	DstAccountID         string            `json:"dst_account_id"`
	Amount               Amount            `json:"amount"`
	Currency             string            `json:"currency"`
	Direction            Direction         `json:"direction"` // Debit: out of src, or out of dst where there is no other
	Status               TransactionStatus `json:"status"`
	Reason               string            `json:"reason,omitempty"` // why it failed
}

// Report is a page of a report. All its pages are of one set, whatever is posted
// meanwhile.
type Report struct {
	Transactions   []ReportLine `json:"transactions"` // newest first
	Page           int64        `json:"page"`
	Limit          int          `json:"limit"`
	TotalAmount    int64        `json:"total_amount"` // how many transactions
	TotalPages     int64        `json:"total_pages"`
	StartTimestamp Timestamp    `json:"start_timestamp"`
	FrozenAt       Timestamp    `json:"frozen_at"`
	Behind         int64        `json:"behind"` // postings that the ledger had then and the report does not show
	ExpiresAt      Timestamp    `json:"expires_at"`
	Cursor         string       `json:"cursor"`         // stands for the report
	Next           string       `json:"next,omitempty"` // the cursor of the next page, "" on the last
}

// ReportQuery says what a report is about. With a Cursor it goes on with a report
// that is open.
type ReportQuery struct {
	Page      int64 // from 1, the default
	Limit     int   // transactions on a page, 1 to 1000; 0 is 100
	Start     time.Time
	End       time.Time
	AccountID string // only this account's
	Cursor    string
}

func (r ReportQuery) query() url.Values {
	q := url.Values{}
	if r.Page != 0 {
		q.Set("page", strconv.FormatInt(r.Page, 10))
	}
	if r.Limit != 0 {
		q.Set("limit", strconv.Itoa(r.Limit))
	}
	for name, at := range map[string]time.Time{"start_timestamp": r.Start, "end_timestamp": r.End} {
		if !at.IsZero() {
			q.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	set(q, "account_id", r.AccountID)
	set(q, "cursor", r.Cursor)
	return q
}

// ReportTransactions reads a page of a report of up to five days.
func (c *Client) ReportTransactions(ctx context.Context, r ReportQuery) (Report, error) {
	return read[Report](ctx, c, "/api/v1/transactions", r.query())
}

// ReportFormat is that of a download.
type ReportFormat string

// The formats of a download.
const (
	CSV    ReportFormat = "csv"
	NDJSON ReportFormat = "ndjson"
)

// Download is a whole report as it arrives.
type Download struct {
	io.ReadCloser
	Total int64 // how many transactions follow, -1 if the bank does not say
}

// DownloadReport streams a whole report. A stream that breaks off is an error of
// Read, and what was read of it is not the report: open another one. The caller
// closes it. Options.HTTP must not bound the time of an answer more tightly than the
// download needs; ctx does.
func (c *Client) DownloadReport(ctx context.Context, r ReportQuery, format ReportFormat) (*Download, error) {
	q := r.query()
	q.Set("format", string(format))
	for attempt := 1; ; attempt++ {
		response, err := c.open(ctx, request{method: http.MethodGet, path: "/api/v1/transactions", query: q})
		if err != nil {
			return nil, err
		}
		if response.StatusCode == http.StatusOK {
			total, err := strconv.ParseInt(response.Header.Get("Report-Total"), 10, 64)
			if err != nil {
				total = -1
			}
			return &Download{response.Body, total}, nil
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		_ = response.Body.Close() // it was read
		if err != nil {
			return nil, fmt.Errorf("client: read the answer: %w", err)
		}
		problem := problemIn(response, body)
		if !problem.Passes() || attempt == c.o.Attempts || !pause(ctx, max(retryAfter(response), c.o.Wait(attempt+1))) {
			return nil, problem
		}
	}
}
