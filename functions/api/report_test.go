package api

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/query"
	"quittance.dev/functions/report"
	"quittance.dev/functions/signing"
)

// refusals makes n refused withdrawals of an account, a second apart, the last one
// now: they leave nothing but their line.
func (b *bank) refusals(account string, n int) {
	b.t.Helper()
	now := one[time.Time](b, `select now()`)
	movements := make([]query.Movement, n)
	for i := range movements {
		movements[i], _ = query.Of(events.WithdrawalRejected{
			OperationID: uuid.NewString(), AccountID: account, AmountMinor: 150, Currency: "EUR", Reason: events.InsufficientFunds,
		}, now.Add(-time.Duration(i)*time.Second))
	}
	require.NoError(b.t, query.Moved(b.t.Context(), b.owner, movements))
}

func (b *bank) report(parameters string) Report {
	b.t.Helper()
	return as[Report](b.t, b.get(reportPath+"?"+parameters), 200)
}

// C08: the shape that clients rely on: 135 rows, limit 100: 135 and 2.
func TestC08_TheReportAsClientsKnowIt(t *testing.T) {
	t.Parallel()
	b := openBank(t).as("ada", identity.Customer)
	account := b.account("EUR")
	b.refusals(account, 135)
	got := b.get(reportPath + "?page=1&limit=100")
	require.Equal(t, 200, got.status, got.body)
	require.Equal(t, "application/json", got.header.Get("Content-Type"))
	require.Contains(t, got.body, `"page":1,"limit":100,"total_amount":135,"total_pages":2`)
	var raw struct {
		Transactions []map[string]any `json:"transactions"`
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &raw))
	first := raw.Transactions[0]
	require.Regexp(t, `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$`, first["transaction_timestamp"])
	delete(first, "transaction_timestamp")
	require.NotEmpty(t, first["transaction_id"])
	delete(first, "transaction_id")
	require.Equal(t, map[string]any{
		"kind": "withdrawal", "dst_account_id": account, "amount": 1.5, "currency": "EUR", "direction": "debit",
		"status": "fail", "reason": "Insufficient funds",
	}, first)
	require.Len(t, b.report("page=2&limit=100").Transactions, 35)
	require.Empty(t, b.report("page=3&limit=100").Transactions)
	require.Empty(t, b.as("ben", identity.Customer).report("").Transactions, "somebody else's report is empty")
	require.EqualValues(t, 135, b.as("olga", identity.Operator).report("").TotalAmount, "an operator's has everything")
}

// C10 through the door: without a cursor the pages go on with the caller's own
// report of the same question; with one, with that report.
func TestC10_PagesGoOnWithTheReport(t *testing.T) {
	t.Parallel()
	b := openBank(t).as("ada", identity.Customer)
	account := b.account("EUR")
	b.refusals(account, 25)
	old := b.report("limit=10")
	require.Equal(t, 3, int(old.TotalPages))
	b.refusals(account, 25)

	for _, way := range []string{"limit=10&page=%d", "cursor=" + old.Cursor + "&page=%[1]d", "cursor=" + old.Cursor + "&page=%d&limit=10"} {
		union := map[string]bool{}
		for page := 1; page <= 3; page++ {
			if page == 1 && !strings.Contains(way, "cursor") {
				for _, l := range old.Transactions {
					union[l.TransactionID] = true
				}
				continue
			}
			got := b.report(fmt.Sprintf(way, page))
			require.EqualValues(t, 25, got.TotalAmount)
			require.Equal(t, old.FrozenAt, got.FrozenAt)
			for _, l := range got.Transactions {
				require.False(t, union[l.TransactionID])
				union[l.TransactionID] = true
			}
		}
		require.Len(t, union, 25, way)
	}
	following := old
	for page := 2; following.Next != ""; page++ {
		following = b.report("cursor=" + following.Next)
		require.EqualValues(t, page, following.Page)
	}
	require.EqualValues(t, 3, following.Page)
	require.EqualValues(t, 50, b.report("limit=20&page=2").TotalAmount, "another question opens another report")
	fresh := b.report("limit=10")
	require.EqualValues(t, 50, fresh.TotalAmount, "page 1 opens a new one")
	require.EqualValues(t, 50, b.report("limit=10&page=2").TotalAmount, "which the next page belongs to")
	require.EqualValues(t, 25, b.report("cursor="+old.Cursor).TotalAmount, "the old one is still there")

	// B28, B30: who holds a page need not have it again.
	page := b.get(reportPath + "?cursor=" + old.Next)
	require.Equal(t, "private, no-cache", page.header.Get("Cache-Control"))
	kept := b.ask(http.MethodGet, reportPath+"?cursor="+old.Next, "", "If-None-Match", page.header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, kept.status)
	require.Empty(t, kept.body)
	require.Equal(t, 200, b.ask(http.MethodGet, reportPath+"?cursor="+old.Cursor, "", "If-None-Match", page.header.Get("ETag")).status)

	// P1: the same bytes again.
	for _, parameters := range []string{"cursor=" + old.Cursor, "cursor=" + old.Next} {
		require.Equal(t, b.get(reportPath+"?"+parameters).body, b.get(reportPath+"?"+parameters).body)
	}
}

// C07: both ways to write a time; the moment that the end names is included.
func TestC07_TimesAsClientsWriteThem(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	at := one[time.Time](b, `select now() - interval '1 hour'`).UTC().Truncate(time.Millisecond).Add(456 * time.Microsecond)
	m, _ := query.Of(events.DepositRejected{OperationID: uuid.NewString(), AccountID: account, AmountMinor: 1, Currency: "EUR", Reason: events.OneDepositOnly}, at)
	require.NoError(t, query.Moved(t.Context(), b.owner, []query.Movement{m}))
	ms := at.Truncate(time.Millisecond)
	zone := time.FixedZone("", 2*60*60)
	for start, found := range map[string]int64{
		ms.Format(timestampLayout): 1, ms.Add(time.Millisecond).Format(timestampLayout): 0,
		at.Format(time.RFC3339Nano): 1, at.Add(time.Microsecond).In(zone).Format(time.RFC3339Nano): 0, at.In(zone).Format(time.RFC3339Nano): 1,
		at.AddDate(0, 0, -30).Format(timestampLayout): 1,
	} {
		require.Equal(t, found, b.report("start_timestamp="+url.QueryEscape(start)).TotalAmount, start)
	}
	for end, found := range map[string]int64{
		ms.Format(timestampLayout): 1, ms.Add(-time.Millisecond).Format(timestampLayout): 0,
		ms.Format("2006-01-02 15:04:05"): 1, at.Format(time.RFC3339Nano): 1, ms.Format(time.RFC3339Nano): 1,
		at.Add(-time.Microsecond).Format(time.RFC3339Nano): 0,
	} {
		require.Equal(t, found, b.report("end_timestamp="+url.QueryEscape(end)).TotalAmount, end)
	}
	opened := b.report("start_timestamp=" + url.QueryEscape(at.AddDate(0, 0, -6).Format(timestampLayout)))
	require.WithinDuration(t, one[time.Time](b, `select now()`).Add(-report.Reach), opened.StartTimestamp.Time, time.Minute, "older than five days is five days ago, and it says so")
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Timestamp) UnmarshalJSON(raw []byte) (err error) {
	t.Time, err = time.Parse(`"`+timestampLayout+`"`, string(raw))
	return err
}

func TestAnAccountsReport(t *testing.T) {
	t.Parallel()
	b := openBank(t).as("ada", identity.Customer)
	mine, other := b.account("EUR"), b.account("EUR")
	b.refusals(mine, 3)
	b.refusals(other, 4)
	require.EqualValues(t, 7, b.report("").TotalAmount)
	require.EqualValues(t, 3, b.report("account_id="+mine).TotalAmount)
	refused(t, b.as("ben", identity.Customer).get(reportPath+"?account_id="+mine), notFound)
}

// A download is all of the report, as it was frozen.
func TestTheReportAsADownload(t *testing.T) {
	t.Parallel()
	b := openBank(t).as("ada", identity.Customer)
	account := b.account("EUR")
	b.refusals(account, 33)
	r := b.report("limit=7")
	b.refusals(account, 10)

	ask := func(parameters string, pairs ...string) answer {
		return b.ask(http.MethodGet, reportPath+"?cursor="+r.Cursor+parameters, "", pairs...)
	}
	table := ask("&format=csv")
	require.Equal(t, "text/csv; charset=utf-8", table.header.Get("Content-Type"))
	require.Equal(t, "33", table.header.Get("Report-Total"))
	require.Regexp(t, `^attachment; filename="transactions-\d{8}-\d{6}\.csv"$`, table.header.Get("Content-Disposition"))
	rows, err := csv.NewReader(strings.NewReader(table.body)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, csvNames, rows[0])
	require.Len(t, rows, 34)
	lines := ask("", "Accept", "application/x-ndjson")
	require.Equal(t, "application/x-ndjson; charset=utf-8", lines.header.Get("Content-Type"))
	scanner := bufio.NewScanner(strings.NewReader(lines.body))
	n := 0
	for ; scanner.Scan(); n++ {
		var l ReportLine
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &l))
		require.Equal(t, rows[n+1][0], l.TransactionID)
		require.Equal(t, []string{"withdrawal", "", account, "1.50", "EUR", "debit", "fail", "Insufficient funds"}, rows[n+1][2:])
	}
	require.Equal(t, 33, n)
	require.Equal(t, r.Transactions[0].TransactionID, rows[1][0])

	for accept, mediaType := range map[string]string{
		"": "application/json", "*/*": "application/json", "text/*": "text/csv", "text/csv;q=0.5, application/json;q=0.4": "text/csv",
		"application/x-ndjson, */*;q=0.1": "application/x-ndjson", "text/csv;q=0, application/*": "application/json", "what, text/csv": "text/csv",
	} {
		require.Equal(t, mediaType, strings.Split(ask("", "Accept", accept).header.Get("Content-Type"), ";")[0], accept)
	}
	for _, accept := range []string{"text/html", "application/json;q=0", "image/*", "text/csv;q=high"} {
		refused(t, ask("", "Accept", accept), notAcceptable)
	}
	require.Equal(t, "text/csv; charset=utf-8", ask("&format=csv", "Accept", "application/json").header.Get("Content-Type"), "the name goes first")
}

// A cell that a spreadsheet would take for a formula is told apart; amounts are as
// they are.
func TestFormulasAreTextInTheDownload(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "|x": "'|x", "a=1": "a=1", "": "", "12.50": "12.50",
	} {
		require.Equal(t, want, cellText(cell))
	}
	cells := csvCells(query.Line{Reason: "=HYPERLINK(\"http://evil.example\")", AmountMinor: 5, Currency: "EUR"})
	require.Equal(t, `'=HYPERLINK("http://evil.example")`, cells[len(cells)-1])
}

// What breaks a download off breaks the connection: nobody takes half for whole.
func TestADownloadThatBreaksIsNotTakenForWhole(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	b.refusals(b.account("EUR"), 30)
	r := b.report("limit=10")
	b.exec(`update query.report set total = total + 1`) // as if a line had vanished
	response, err := b.http.Do(b.request(http.MethodGet, reportPath+"?format=csv&cursor="+r.Cursor, ""))
	if err == nil {
		_, err = bufio.NewReader(response.Body).ReadString(0)
		require.ErrorContains(t, err, "unexpected EOF")
		_ = response.Body.Close()
	}
	require.Error(t, err)
	require.Equal(t, 200, b.get("/healthz").status, "the process lives")
}

func TestA8_TooManyOpenReports(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	b.api.openReports = 3
	for range 3 {
		b.report("")
	}
	got := b.get(reportPath)
	refused(t, got, tooManyReports)
	require.Regexp(t, `^\d+$`, got.header.Get("Retry-After"))
	require.EqualValues(t, 0, b.as("ben", identity.Customer).report("").TotalAmount, "others are not concerned")
	require.Equal(t, 200, b.get(reportPath+"?page=2").status, "pages of an open one are read all the same")
}

// Cursors that are not the caller's, or not ours, or of another question.
func TestCorpusOfCursors(t *testing.T) {
	t.Parallel()
	b := openBank(t).as("ada", identity.Customer)
	account := b.account("EUR")
	b.refusals(account, 12)
	r := b.report("limit=5")
	parts := strings.Split(r.Cursor, ".")
	require.Len(t, parts, 4)
	other := b.as("ben", identity.Customer)
	other.account("EUR")
	foreign := other.report("").Cursor
	id := caller2(t, b)
	ended, err := cursor{report: uuid.NewString(), expires: time.Now()}.seal(b.api.reportKeys, id)
	require.NoError(t, err)
	strange, err := cursor{report: uuid.NewString(), expires: time.Now()}.seal(signing.Ephemeral("x").Ring("x"), id)
	require.NoError(t, err)
	with := func(i int, part string) string {
		changed := slices.Clone(parts)
		changed[i] = part
		return strings.Join(changed, ".")
	}
	flip := func(s string, at int) string {
		c := byte('A')
		if s[at] == c {
			c = 'B'
		}
		return s[:at] + string(c) + s[at+1:]
	}
	names := map[string]string{
		"{cursor}": r.Cursor, "{next}": r.Next, "{foreign}": foreign, "{ended}": ended, "{strange}": strange,
		"{flip-id}": with(2, flip(parts[2], 0)), "{flip-expiry}": with(2, flip(parts[2], 28)), "{flip-page}": with(2, flip(parts[2], 34)),
		"{flip-mac}": with(3, flip(parts[3], 5)), "{short-mac}": with(3, parts[3][:40]), "{no-mac}": with(3, ""), "{version}": with(0, "v2"),
		"{no-key}": with(1, ""), "{other-key}": with(1, "nobody"), "{three}": strings.Join(parts[:3], "."), "{longer}": with(2, parts[2]+"AAAA"),
		"{swapped}": parts[0] + "." + parts[1] + "." + parts[3] + "." + parts[2], "{padded}": r.Cursor + "=", "{tail}": r.Cursor + ".x",
		"{spaced}": " " + r.Cursor, "{upper}": strings.ToUpper(r.Cursor), "{cut}": r.Cursor[:len(r.Cursor)-1], "{account}": account,
	}
	before := b.rows()
	b.runQueries(t, "report-cursors", names)
	require.Equal(t, before, b.rows(), "nothing is written, and no report opened")
	refused(t, other.get(reportPath+"?cursor="+r.Cursor), invalidCursor)
	b.exec(`update query.report set opened_at = opened_at - interval '1 day', expires_at = now() - interval '1 second'`)
	refused(t, b.get(reportPath+"?cursor="+r.Cursor), reportEnded)
	refused(t, b.get(reportPath+"?format=csv&cursor="+r.Cursor), reportEnded)
}

// caller2 is the id of whoever asks.
func caller2(t *testing.T, b *bank) string {
	t.Helper()
	who, err := b.api.tokens.Verify(t.Context(), b.token)
	require.NoError(t, err)
	return who.ID
}

func TestCorpusOfReportFilters(t *testing.T) {
	t.Parallel()
	b := openBank(t).as("ada", identity.Customer)
	account := b.account("EUR")
	b.refusals(account, 12)
	b.runQueries(t, "report-filters", map[string]string{"{account}": account, "{nobody}": uuid.NewString()})
}

// badQuery is a query string, and what it is answered with.
type badQuery struct {
	Name, Query, Problem string
	Status               int
}

// runQueries asks for the report with each query of a corpus.
func (b *bank) runQueries(t *testing.T, name string, names map[string]string) {
	t.Helper()
	list := cases[badQuery](t, name)
	require.Greater(t, len(list), 30)
	for _, c := range list {
		parameters := c.Query
		for place, value := range names {
			parameters = strings.ReplaceAll(parameters, place, url.QueryEscape(value))
		}
		got := b.get(reportPath + "?" + parameters)
		if c.Status != got.status {
			t.Errorf("%s: %d instead of %d: %.300s", c.Name, got.status, c.Status, got.body)
			continue
		}
		if c.Problem != "" {
			refused(t, got, kindNamed(t, c.Problem))
			require.NotContains(t, got.body, "zzz", "no value comes back")
		}
	}
}

// FuzzCursor: whatever is sent as a cursor, only what was sealed is taken.
func FuzzCursor(f *testing.F) {
	keys := signing.Ephemeral("api").Ring("api")
	who := uuid.NewString()
	good, err := cursor{report: uuid.NewString(), expires: time.Unix(1e9, 0), page: 7}.seal(keys, who)
	require.NoError(f, err)
	f.Add(good)
	for _, bad := range []string{"", ".", "...", "v1...", "v1.ephemeral.AAAA.AAAA", good + "A", strings.ToLower(good)} {
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, sealed string) {
		c, err := unseal(keys, who, sealed)
		if err != nil {
			require.ErrorIs(t, err, errCursor)
			return
		}
		again, err := c.seal(keys, who)
		require.NoError(t, err)
		require.Equal(t, sealed, again, "one cursor has one spelling")
		require.Equal(t, good, sealed, "nobody else can make one")
		_, err = unseal(keys, uuid.NewString(), sealed)
		require.ErrorIs(t, err, errCursor)
	})
}

// FuzzTimestamp: what is read is written again as the same moment.
func FuzzTimestamp(f *testing.F) {
	for _, s := range []string{"2023-07-11 12:01:27.053", "2023-07-11T12:01:27Z", "2023-07-11T12:01:27.123456789+02:00", "9999-12-31 23:59:59", "0000-00-00 00:00:00", "2023-02-30 00:00:00", "2023-07-11T24:00:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTimestamp(s)
		if err != nil {
			return
		}
		require.Positive(t, got.width)
		require.True(t, got.after().After(got.at))
		again, err := parseTimestamp(got.at.Format("2006-01-02 15:04:05.000000"))
		require.NoError(t, err)
		require.True(t, again.at.Equal(got.at))
	})
}

// FuzzReportQuery: whatever Accept and format say, there is one representation or
// none.
func FuzzReportQuery(f *testing.F) {
	for _, accept := range []string{"", "*/*", "text/csv;q=0.5", ",,,", "application/json;q=nan", "text/*;q=1e400"} {
		f.Add("", accept)
	}
	f.Fuzz(func(t *testing.T, name, accept string) {
		chosen, ok := formatOf(name, accept)
		require.Equal(t, ok, slices.Contains(formats, chosen))
		for _, known := range formats {
			if known.name == name {
				require.Equal(t, known, chosen)
			}
		}
	})
}
