package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"quittance.dev/events"
	"quittance.dev/functions/accounts"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/query"
	"quittance.dev/functions/report"
)

// reportPath has more than one representation.
const reportPath = "/api/v1/transactions"

// patience is how long opening a report waits for the projection.
const patience = time.Second

// ReportLine is one transaction, whatever became of it.
type ReportLine struct {
	TransactionID        string           `json:"transaction_id" doc:"The id: an operation's, a payment's or a transaction's."`
	TransactionTimestamp Timestamp        `json:"transaction_timestamp" doc:"When the ledger decided."`
	Kind                 query.Kind       `json:"kind" doc:"What it was for." enum:"deposit,withdrawal,invoice,transfer,bank-transaction"`
	SrcAccountID         string           `json:"src_account_id,omitempty" doc:"Of a transfer, the account that it names first; else the bank is the other side."`
	DstAccountID         string           `json:"dst_account_id" doc:"The other account of a transfer; else the customer's account."`
	Amount               Amount           `json:"amount" doc:"In the currency's major unit; positive."`
	Currency             string           `json:"currency" doc:"ISO 4217 code."`
	Direction            events.Direction `json:"direction" doc:"debit: out of src_account_id, or out of dst_account_id where there is no other; credit: into it." enum:"debit,credit"`
	Status               query.LineStatus `json:"status" doc:"What became of it." enum:"success,fail"`
	Reason               string           `json:"reason,omitempty" doc:"Why it failed."`
}

func lineOf(l query.Line) ReportLine {
	return ReportLine{
		TransactionID: l.ID, TransactionTimestamp: Timestamp{l.OccurredAt}, Kind: l.Kind, SrcAccountID: l.Source, DstAccountID: l.Destination,
		Amount: amountOf(l.AmountMinor, l.Currency), Currency: string(l.Currency), Direction: l.Direction, Status: l.Status, Reason: string(l.Reason),
	}
}

// Report is a page of a report.
type Report struct {
	Transactions   []ReportLine `json:"transactions" nullable:"false" doc:"Newest first."`
	Page           int64        `json:"page" doc:"Which page this is, from 1."`
	Limit          int          `json:"limit" doc:"Transactions on a page."`
	TotalAmount    int64        `json:"total_amount" doc:"How many transactions the report has."`
	TotalPages     int64        `json:"total_pages" doc:"How many pages it has."`
	StartTimestamp Timestamp    `json:"start_timestamp" doc:"From when on; never longer ago than five days before the report was opened, whatever was asked for."`
	FrozenAt       Timestamp    `json:"frozen_at" doc:"When the report was opened: what was not there then is on none of its pages."`
	Behind         int64        `json:"behind" doc:"How many postings the ledger had then that the report does not show, because they had not been heard of; 0 when it was up to date."`
	ExpiresAt      Timestamp    `json:"expires_at" doc:"Until when its pages can be read."`
	Cursor         string       `json:"cursor" doc:"Stands for this report: send it with any page, or with format for a download."`
	Next           string       `json:"next,omitempty" doc:"The cursor of the next page; absent on the last."`
}

// ReportQuery is the input of the report.
type ReportQuery struct {
	Page      int64  `query:"page" minimum:"1" maximum:"1000000000" doc:"Which page, from 1, which is the default."`
	Limit     int    `query:"limit" default:"100" minimum:"1" maximum:"1000" doc:"Transactions on a page."`
	Start     string `query:"start_timestamp" maxLength:"40" doc:"From then on, such as 2023-07-11 12:01:27.053 in UTC, or of RFC 3339. What is longer ago than five days means five days ago."`
	End       string `query:"end_timestamp" maxLength:"40" doc:"Until then; the moment that its last digit names is included."`
	AccountID ID     `query:"account_id" doc:"Only this account's."`
	Cursor    string `query:"cursor" maxLength:"200" doc:"The cursor, or the next, of an answer before. Whatever else is sent with it must be what the report was opened with."`
	Conditional
	Format string `query:"format" enum:"json,csv,ndjson" doc:"All of the report as a download, csv or ndjson; goes before Accept."`

	asked    map[string]bool
	accepted string
}

// Resolve is for huma: it looks which parameters there are. One that is there has a
// value, once.
func (q *ReportQuery) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return []error{&huma.ErrorDetail{Location: "query", Message: "must be parameters of the form name=value"}}
	}
	q.asked = map[string]bool{}
	for name, values := range parameters {
		q.asked[name] = true
		if len(values) > 1 || values[0] == "" {
			return []error{&huma.ErrorDetail{Location: "query." + name, Message: "must be there once, with a value"}}
		}
	}
	q.accepted = acceptOf(ctx.Context())
	return nil
}

// question reads the times and names the question.
func (q *ReportQuery) question() (from, to time.Time, hash [32]byte, err error) {
	var start, end timestamp
	for name, value := range map[string]struct {
		text string
		into *timestamp
	}{"start_timestamp": {q.Start, &start}, "end_timestamp": {q.End, &end}} {
		if !q.asked[name] {
			continue
		}
		parsed, err := parseTimestamp(value.text)
		if err != nil {
			return from, to, hash, invalidContent.problem(FieldError{Parameter: name, Detail: err.Error()})
		}
		*value.into = parsed
	}
	if q.asked["start_timestamp"] {
		from = start.at
	}
	if q.asked["end_timestamp"] {
		if to = end.after(); !to.After(from) {
			return from, to, hash, invalidContent.problem(FieldError{Parameter: "end_timestamp", Detail: "must not be before start_timestamp"})
		}
	}
	return from, to, sha256.Sum256(fmt.Appendf(nil, "%d|%d|%d|%s", from.UnixMicro(), to.UnixMicro(), q.Limit, q.AccountID)), nil
}

func (a *api) reportRoutes() {
	registry := a.huma.OpenAPI().Components.Schemas
	text := &huma.Schema{Type: huma.TypeString}
	register(a, huma.Operation{
		OperationID: "report-transactions", Method: http.MethodGet, Path: reportPath, Tags: []string{"Reports"}, Security: allow(identity.Customer, identity.Service, identity.Operator),
		Summary: "Report the transactions of up to five days",
		Description: "Deposits, withdrawals, paid invoices, transfers and bank transactions, failed ones too: yours, or everybody's for an operator. " +
			"Page 1 opens a report, and its pages are one set from then on, whatever is posted meanwhile; a page without a cursor belongs to the report that you opened last with the same parameters, or opens one. " +
			"A report stays open for a quarter of an hour. Opening waits up to a second for postings that the ledger has and the report does not; behind says what is missing all the same. " +
			"As text/csv or application/x-ndjson the whole report is streamed; a cell that a spreadsheet would take for a formula has an apostrophe before it.",
		Responses: map[string]*huma.Response{"304": {Description: "You hold the page."}, "200": {
			Description: "A page of the report, or all of it.",
			Content: map[string]*huma.MediaType{
				"application/json":     {Schema: registry.Schema(typeOf[Report](), true, "Report")},
				"text/csv":             {Schema: text},
				"application/x-ndjson": {Schema: text},
			},
			Headers: map[string]*huma.Param{"Report-Total": {Description: "Of a download, how many transactions follow.", Schema: &huma.Schema{Type: huma.TypeInteger, Format: "int64"}}},
		}},
	}, []kind{invalidCursor, notFound, reportEnded, notAcceptable, tooManyReports}, a.report)
}

func (a *api) report(ctx context.Context, q *ReportQuery) (*huma.StreamResponse, error) {
	format, ok := formatOf(q.Format, q.accepted)
	if !ok {
		return nil, notAcceptable.problem()
	}
	r, page, err := a.reportOf(ctx, q)
	if err != nil {
		return nil, err
	}
	if format != formatJSON {
		return a.download(r, format), nil
	}
	version := cached(fmt.Sprintf("%s-%d", r.ID, page)) // a page never changes
	if q.holds(version.ETag) {
		return reportAnswer(http.StatusNotModified, version, nil), nil
	}
	lines, err := r.Page(ctx, a.host.Pool(), page)
	if err != nil {
		return nil, err
	}
	answer, err := a.reportPage(ctx, r, page, lines)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	return reportAnswer(http.StatusOK, version, body), nil
}

func reportAnswer(status int, version Cached, body []byte) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("ETag", version.ETag)
		ctx.SetHeader("Cache-Control", version.CacheControl)
		if status == http.StatusOK {
			ctx.SetHeader("Content-Type", "application/json")
		}
		ctx.SetStatus(status)
		_, _ = ctx.BodyWriter().Write(body) // the caller has left
	}}
}

// reportOf finds the report that is asked for and the page, or opens one.
func (a *api) reportOf(ctx context.Context, q *ReportQuery) (r report.Report, page int64, err error) {
	from, to, hash, err := q.question()
	if err != nil {
		return r, 0, err
	}
	if q.asked["cursor"] {
		return a.reportUnder(ctx, q, hash)
	}
	page = max(q.Page, 1)
	if page > 1 {
		r, err = report.Latest(ctx, a.host.Pool(), caller(ctx).ID, hash)
		if !errors.Is(err, report.ErrNotFound) {
			return r, page, err
		}
	}
	mine, err := a.accountsOf(ctx, q.AccountID)
	if err != nil {
		return r, 0, err
	}
	if err := report.Await(ctx, a.host.Pool(), mine, patience); err != nil {
		return r, 0, err
	}
	r, err = report.Open(ctx, a.host.Pool(), report.Question{
		Caller: caller(ctx).ID, Accounts: mine, From: from, To: to, Limit: q.Limit, Hash: hash, AtMost: a.openReports,
	})
	return r, page, err
}

// reportUnder finds the report that a cursor stands for.
func (a *api) reportUnder(ctx context.Context, q *ReportQuery, hash [32]byte) (r report.Report, page int64, err error) {
	c, err := a.unsealFor(ctx, q.Cursor)
	if err != nil {
		return r, 0, err
	}
	if page = max(c.page, 1); q.asked["page"] {
		if c.page > 0 && q.Page != c.page {
			return r, 0, invalidCursor.problem(FieldError{Parameter: "page", Detail: "is not the page of the cursor"})
		}
		page = q.Page
	}
	if r, err = report.Find(ctx, a.host.Pool(), c.report, caller(ctx).ID); err != nil {
		return r, 0, err
	}
	for _, name := range []string{"limit", "start_timestamp", "end_timestamp", "account_id"} {
		if q.asked[name] && hash != r.Hash {
			return r, 0, invalidCursor.problem(FieldError{Parameter: name, Detail: "is not what the report was opened with"})
		}
	}
	return r, page, nil
}

// accountsOf are the accounts whose transactions the caller may have: the one
// asked for, else all of the caller's; nil means everybody's.
func (a *api) accountsOf(ctx context.Context, wanted ID) ([]string, error) {
	switch {
	case wanted != "":
		account, err := a.exists(ctx, string(wanted))
		return []string{account.ID}, err
	case caller(ctx).May(identity.Operator):
		return nil, nil
	}
	return accounts.IDsOf(ctx, a.host.Pool(), caller(ctx).ID)
}

func (a *api) reportPage(ctx context.Context, r report.Report, page int64, lines []query.Line) (Report, error) {
	answer := Report{
		Transactions: make([]ReportLine, len(lines)), Page: page, Limit: r.Limit, TotalAmount: r.Total, TotalPages: r.Pages(),
		StartTimestamp: Timestamp{r.From}, FrozenAt: Timestamp{r.OpenedAt}, Behind: r.Behind, ExpiresAt: Timestamp{r.ExpiresAt},
	}
	for i, l := range lines {
		answer.Transactions[i] = lineOf(l)
	}
	c := cursor{report: r.ID, expires: r.ExpiresAt}
	var err error
	if answer.Cursor, err = c.seal(a.reportKeys, caller(ctx).ID); err != nil {
		return answer, err
	}
	if c.page = page + 1; c.page <= r.Pages() {
		answer.Next, err = c.seal(a.reportKeys, caller(ctx).ID)
	}
	return answer, err
}
