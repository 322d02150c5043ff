package serve

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/functions/schema/version"
)

// askEvery is how often the schema's version is asked for at most, and how soon
// those who are turned away may come again.
const askEvery = time.Second

// gate holds everything back until the database has the schema that this build
// needs. It opens once: a schema only gets newer.
type gate struct {
	pool   *pgxpool.Pool
	logger *slog.Logger

	open  atomic.Bool
	mu    sync.Mutex
	asked time.Time
	last  error // of the last time it was asked
}

// check says whether the gate is open, and asks the database if it is not.
func (g *gate) check(ctx context.Context) error {
	if g.open.Load() {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.asked.IsZero() && time.Since(g.asked) < askEvery {
		return g.last
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second) // the answer is everybody's
	defer cancel()
	g.last = version.Check(ctx, g.pool)
	g.asked = time.Now()
	if g.last == nil {
		g.open.Store(true)
	} else {
		g.logger.WarnContext(ctx, "not ready", "error", g.last)
	}
	return g.last
}

// hold answers 503 in next's place while the gate is closed: brokers and clients
// come again.
func (g *gate) hold(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.check(r.Context()) != nil {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "not ready, try again", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// wait returns when the gate is open, or when ctx has ended.
func (g *gate) wait(ctx context.Context) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for ctx.Err() == nil && g.check(ctx) != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// ready says whether the process can work: the schema is there and the database
// answers.
func (g *gate) ready(ctx context.Context) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.pool.Ping(ctx)
}
