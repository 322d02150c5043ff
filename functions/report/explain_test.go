package report_test

import (
	stdcontext "context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

type context = stdcontext.Context

// explained opens transactions that explain each statement about lines before they
// run it, with settings as a function's pool has them.
type explained struct {
	pool  *pgxpool.Pool
	plans []string
	rows  int64 // that the plans' scans of lines returned or threw away
}

func (e *explained) BeginTx(ctx context, o pgx.TxOptions) (pgx.Tx, error) {
	tx, err := e.pool.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return &explainedTx{tx, e}, nil
}

type explainedTx struct {
	pgx.Tx
	to *explained
}

func (t *explainedTx) Query(ctx context, sql string, args ...any) (pgx.Rows, error) {
	if strings.Contains(sql, "query.report_line") {
		var raw []byte
		if err := t.Tx.QueryRow(ctx, `explain (analyze, format json) `+sql, args...).Scan(&raw); err != nil {
			return nil, fmt.Errorf("explain: %w", err)
		}
		var plans []struct{ Plan plan }
		if err := json.Unmarshal(raw, &plans); err != nil {
			return nil, err
		}
		t.to.rows += plans[0].Plan.scanned()
		rows, err := t.Tx.Query(ctx, `explain (analyze) `+sql, args...)
		if err != nil {
			return nil, err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, err
		}
		t.to.plans = append(t.to.plans, strings.Join(lines, "\n"))
	}
	return t.Tx.Query(ctx, sql, args...)
}

// plan is a node of what explain says.
type plan struct {
	Relation string  `json:"Relation Name"`
	Rows     float64 `json:"Actual Rows"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Loops    float64 `json:"Actual Loops"`
	Plans    []plan
}

func (p plan) scanned() (n int64) {
	if strings.HasPrefix(p.Relation, "report_line") {
		n = int64((p.Rows + p.Removed) * p.Loops)
	}
	for _, below := range p.Plans {
		n += below.scanned()
	}
	return n
}
