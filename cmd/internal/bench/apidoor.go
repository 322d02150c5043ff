package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/cmd/internal/issuer"
	"quittance.dev/config"
	"quittance.dev/functions/api"
	"quittance.dev/functions/direct"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/pgpool"
)

// apiDoor is the API before the ledger's door, as a process of its own would run
// it, with an issuer of tokens and one person to whom all accounts belong.
type apiDoor struct {
	*ledgerDoor
	address, token string
}

const (
	issuerName = "http://issuer.bench"
	apiRole    = "quittance_api"
)

func openAPI(ctx context.Context, l *ledgerDoor, dir string) (*apiDoor, error) {
	door := &apiDoor{ledgerDoor: l}
	people, err := issuer.New(issuer.Options{Name: issuerName, Audience: "quittance", KeyFile: filepath.Join(dir, "issuer.pem")})
	if err != nil {
		return nil, err
	}
	user := issuer.Users()[0]
	if door.token, err = people.Token(user); err != nil { // good for longer than a run
		return nil, err
	}
	tokens, err := identity.NewVerifier(config.OIDC{
		Issuer: issuerName, Audience: "quittance", Algorithms: []string{"RS256"}, TokenTypes: []string{"at+jwt"},
		Leeway: time.Minute, Timeout: 3 * time.Second, AllowPlainHTTP: true, AllowPrivateNetwork: true,
	}, identity.Options{Transport: inMemory{people}})
	if err != nil {
		return nil, err
	}
	if _, err := l.owner.Exec(ctx, `
		with one as (insert into accounts.customer (id, owner, name, email, phone) values (gen_random_uuid(), $1, 'Ada Example', 'ada@example.org', '') returning id)
		insert into accounts.account (id, customer_id, product, currency) select a.id, one.id, 'current', 'EUR' from one, unnest($2::uuid[]) a(id)`,
		identity.ID(issuerName, user.Subject()), l.ids); err != nil {
		return nil, fmt.Errorf("open accounts: %w", err)
	}
	return door, door.serve(ctx, tokens)
}

func (d *apiDoor) serve(ctx context.Context, tokens api.TokenVerifier) error {
	logger, closeLogs, err := discardedLogs()
	if err != nil {
		return err
	}
	d.onClose(func(context.Context) error { return closeLogs() })
	cfg, err := pgxpool.ParseConfig(d.postgres.ConnString(bankDatabase, apiRole))
	if err != nil {
		return err
	}
	pool, err := pgpool.New(ctx, cfg, poolSize, apiName)
	if err != nil {
		return err
	}
	host := fn.NewHost(api.Function(), pool, fn.Options{Logger: logger})
	d.onClose(func(context.Context) error { host.Close(); pool.Close(); return nil })
	handler, err := api.New(api.Options{
		Host: host, Logger: logger, Tokens: tokens, Limits: api.Limits{PerSecond: 1e9, Burst: 1e9},
		Ledger: direct.New(direct.Options{Consumer: ledgerName, URL: "http://" + d.ledgerDoor.address, Keys: d.keys.Ring(apiName), Logger: logger}),
	})
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with Shutdown
	d.onClose(server.Shutdown)
	d.address = listener.Addr().String()
	return nil
}

// inMemory answers requests with a handler.
type inMemory struct{ handler http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// transfers has all clients ask for transfers between any two accounts until ctx
// ends. With a rate each of them has its times at which to ask, whether the answer
// before has come or not, and what is late counts from its time.
func (d *apiDoor) transfers(ctx context.Context, rate float64) (a answers, err error) {
	var mu sync.Mutex
	var errs []error
	var callers sync.WaitGroup
	begun := time.Now()
	for n := range clients {
		callers.Go(func() {
			due := func(int) time.Time { return time.Now() }
			if rate > 0 {
				every := time.Duration(float64(clients) / rate * float64(time.Second))
				due = func(i int) time.Time { return begun.Add(every*time.Duration(n)/clients + every*time.Duration(i)) }
			}
			took, err := d.caller(ctx, due)
			mu.Lock()
			defer mu.Unlock()
			a.took, errs = append(a.took, took...), append(errs, err)
		})
	}
	callers.Wait()
	a.elapsed = time.Since(begun)
	d.answered += len(a.took)
	slices.Sort(a.took)
	return a, errors.Join(errs...)
}

// caller is one client: one connection, one transfer at a time.
func (d *apiDoor) caller(ctx context.Context, due func(n int) time.Time) (took []time.Duration, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	reader := bufio.NewReader(conn)
	var request []byte
	for n := 0; ; n++ {
		at := due(n)
		if err := pause(ctx, time.Until(at)); err != nil || ctx.Err() != nil {
			return took, nil // the time is over
		}
		request = d.appendTransfer(request[:0], random)
		if _, err := conn.Write(request); err != nil {
			return took, err
		}
		if err := readTransfer(reader); err != nil {
			return took, err
		}
		took = append(took, time.Since(at))
	}
}

// appendTransfer writes a transfer of up to 100.00 between two accounts, as an
// app sends it.
func (d *apiDoor) appendTransfer(b []byte, random *rand.Rand) []byte {
	src := random.IntN(len(d.ids))
	dst := (src + 1 + random.IntN(len(d.ids)-1)) % len(d.ids)
	direction := [...]string{"debit", "credit"}[random.IntN(2)]
	body := fmt.Appendf(nil, `{"src_account_id":"%s","dst_account_id":"%s","amount":%d.%02d,"direction":"%s"}`,
		d.ids[src], d.ids[dst], random.IntN(100), 1+random.IntN(99), direction)
	b = fmt.Appendf(b, "POST /api/v1/transaction HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nIdempotency-Key: %s\r\nContent-Length: %d\r\n\r\n",
		d.address, d.token, uuid.NewString(), len(body))
	return append(b, body...)
}

func readTransfer(r *bufio.Reader) error {
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if response.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"status":"success"`)) {
		return fmt.Errorf("answered %s: %s", response.Status, body)
	}
	return nil
}

// verifyAPI compares what the API keeps with the answers: each is stored under its
// key, and its request is in the outbox.
func (d *apiDoor) verifyAPI(ctx context.Context) (string, error) {
	books, err := d.verify(ctx)
	if err != nil {
		return books, err
	}
	var stored, open, asked int
	if err := d.owner.QueryRow(ctx, `
		select (select count(*) from idempotency.request where status = 200),
		       (select count(*) from idempotency.request where status is null),
		       (select count(*) from delivery.outbox where source = '/functions/api')`).Scan(&stored, &open, &asked); err != nil {
		return "", fmt.Errorf("read the answers that are kept: %w", err)
	}
	found := fmt.Sprintf("%s; %d answers stored under their keys, %d missing, %d requests in the outbox", books, stored, open, asked)
	if transfers := d.answered - ledgerAccounts; stored != transfers || open != 0 || asked != transfers {
		return found, fmt.Errorf("%w: %s", errBooks, found)
	}
	return found, nil
}
