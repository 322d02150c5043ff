package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/functions/api"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/pgpool"
	"quittance.dev/functions/report"
)

const (
	reportLines = 1_000_000
	farPage     = 9_000
	pageLimit   = 100
	pageReads   = 200 // of each page; the median counts
	// pagesWithin is how much dearer the one page may be than the other.
	pagesWithin = 2
	// downloadUnderMB is how much the process may grow while all of the report goes
	// out as CSV.
	downloadUnderMB = 64
	// growthEvery is the pause between two looks at the memory.
	growthEvery = 20 * time.Millisecond
)

// reports measures the report over a million transactions of the last five days.
func reports(ctx context.Context, o Options, dir string) (s Section, err error) {
	s.Title = "The report over 1,000,000 transactions"
	o.say("reports: filling the table")
	l, err := openLedger(ctx, filepath.Join(dir, "reports"))
	if err != nil {
		return s, err
	}
	defer func() { err = joinClose(err, l.close) }()
	if _, err := l.owner.Exec(ctx, `
		insert into query.report_line (occurred_at, id, kind, dst_account_id, direction, amount_minor, currency, status, reason)
		select now() - n * interval '400 milliseconds', gen_random_uuid(), 'withdrawal', md5((n % 1000)::text)::uuid, 'debit', n, 'EUR',
		       case when n % 10 = 0 then 'fail' else 'success' end, case when n % 10 = 0 then 'Insufficient funds' end
		from generate_series(1, $1) n`, reportLines); err != nil {
		return s, fmt.Errorf("fill the report: %w", err)
	}
	if _, err := l.owner.Exec(ctx, `vacuum analyze query.report_line`); err != nil {
		return s, fmt.Errorf("analyze the report: %w", err)
	}
	cfg, err := pgxpool.ParseConfig(l.postgres.ConnString(bankDatabase, "quittance_api"))
	if err != nil {
		return s, err
	}
	pool, err := pgpool.New(ctx, cfg, poolSize, "api")
	if err != nil {
		return s, err
	}
	defer pool.Close()
	opening := Figure{Name: "opening it: counting and taking down the keys", Unit: "ms"}
	first := Figure{Name: "page 1 of 100, once it is open", Unit: "ms"}
	far := Figure{Name: "page 9,000", Unit: "ms"}
	mine := Figure{Name: "opening one account's, 1,000 transactions", Unit: "ms"}
	for round := range o.Rounds {
		o.say("reports: pages, round %d", round+1)
		r, took, err := openReport(ctx, pool, nil)
		if err != nil {
			return s, err
		}
		if r.Total != reportLines {
			return s, fmt.Errorf("the report has %d lines, not %d", r.Total, reportLines)
		}
		opening.Rounds = append(opening.Rounds, milliseconds(took))
		_, took, err = openReport(ctx, pool, []string{"c4ca4238-a0b9-2382-0dcc-509a6f75849b"}) // md5 of 1
		if err != nil {
			return s, err
		}
		mine.Rounds = append(mine.Rounds, milliseconds(took))
		for _, page := range []struct {
			n    int64
			into *Figure
		}{{1, &first}, {farPage, &far}} {
			took, err := readPages(ctx, pool, r, page.n)
			if err != nil {
				return s, err
			}
			page.into.Rounds = append(page.into.Rounds, milliseconds(took))
		}
	}
	s.Ratios = []Ratio{ratios("page 1 / page 9,000, in time", 1.0/pagesWithin, first, far), ratios("page 9,000 / page 1, in time", 1.0/pagesWithin, far, first)}
	o.say("reports: the download")
	download, err := downloadAll(ctx, pool)
	s.Raw = append([]Figure{opening, mine, first, far}, download...)
	s.Notes = []string{
		"pages are read through the pool of the API's role, each in a transaction of its own, as a request reads them",
		"the download's client is in the same process; its memory counts",
	}
	return s, err
}

func openReport(ctx context.Context, pool *pgxpool.Pool, accounts []string) (report.Report, time.Duration, error) {
	begun := time.Now()
	r, err := report.Open(ctx, pool, report.Question{Caller: uuid.NewString(), Accounts: accounts, Limit: pageLimit, AtMost: 1})
	return r, time.Since(begun), err
}

// readPages is the median time of reading a page.
func readPages(ctx context.Context, pool *pgxpool.Pool, r report.Report, n int64) (time.Duration, error) {
	times := make([]float64, pageReads)
	for i := range times {
		begun := time.Now()
		lines, err := r.Page(ctx, pool, n)
		if err != nil {
			return 0, err
		}
		if len(lines) != pageLimit {
			return 0, fmt.Errorf("page %d has %d lines", n, len(lines))
		}
		times[i] = float64(time.Since(begun))
	}
	return time.Duration(median(times)), nil
}

// operator lets everybody in as one who reads everything.
type operator struct{ id string }

func (o operator) Verify(context.Context, string) (identity.Principal, error) {
	return identity.Principal{ID: o.id, Scopes: []identity.Scope{identity.Operator}}, nil
}

// downloadAll has all of the report go out as CSV through the API's own handler.
func downloadAll(ctx context.Context, pool *pgxpool.Pool) (figures []Figure, err error) {
	host := fn.NewHost(api.Function(), pool, fn.Options{Logger: slog.New(slog.DiscardHandler)})
	defer host.Close()
	handler, err := api.New(api.Options{Host: host, Logger: slog.New(slog.DiscardHandler), Tokens: operator{uuid.NewString()}})
	if err != nil {
		return nil, err
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	debug.FreeOSMemory()
	before, err := residentOfSelf()
	if err != nil {
		return nil, err
	}
	highest, stop := watchMemory(before)
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/transactions?format=csv", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer x")
	begun := time.Now()
	response, err := server.Client().Do(request)
	if err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	lines := &counting{}
	size, err := io.Copy(lines, response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	took := time.Since(begun)
	if response.StatusCode != http.StatusOK || lines.n != reportLines+1 {
		return nil, fmt.Errorf("download: %s, %d lines", response.Status, lines.n)
	}
	return []Figure{
		{Name: "all of it as CSV, opening included", Unit: "s", Rounds: []float64{took.Seconds()}},
		{Name: "size of the CSV", Unit: "MB", Rounds: []float64{float64(size) / mega}},
		{Name: "growth of the resident memory meanwhile", Unit: "MB", Under: downloadUnderMB, Rounds: []float64{(float64(highest.Load()) - before) / mega}},
	}, nil
}

// counting counts lines.
type counting struct{ n int }

func (c *counting) Write(p []byte) (int, error) {
	c.n += bytes.Count(p, []byte{'\n'})
	return len(p), nil
}

// residentOfSelf is this process's resident set in bytes.
func residentOfSelf() (float64, error) { return residentOf("self") }

// watchMemory keeps the highest resident set from now on, until stop.
func watchMemory(from float64) (highest *atomic.Int64, stop func()) {
	highest = &atomic.Int64{}
	highest.Store(int64(from))
	ended := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(growthEvery)
		defer ticker.Stop()
		for {
			if now, err := residentOfSelf(); err == nil && int64(now) > highest.Load() {
				highest.Store(int64(now))
			}
			select {
			case <-ticker.C:
			case <-ended:
				return
			}
		}
	}()
	return highest, func() { close(ended); <-done }
}
