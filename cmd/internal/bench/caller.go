package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
)

// accounts chooses what the next event of a caller asks for; false ends the
// caller.
type accounts func(ids []string, random *rand.Rand) (events.Data, bool)

// everyAccount spreads deposits and withdrawals over all accounts.
func everyAccount(ids []string, random *rand.Rand) (events.Data, bool) {
	return inOrOut(ids[random.IntN(len(ids))], random), true
}

// oneAccount puts all of them on the same account.
func oneAccount(ids []string, random *rand.Rand) (events.Data, bool) {
	return inOrOut(ids[0], random), true
}

func inOrOut(account string, random *rand.Rand) events.Data {
	amount := 1 + random.Int64N(100_00)
	if random.IntN(2) == 0 {
		return deposit(account, amount)
	}
	return events.WithdrawalRequested{OperationID: uuid.NewString(), AccountID: account, AmountMinor: amount, Currency: "EUR"}
}

// opening deposits the opening amount on every account once.
func opening(ids []string) accounts {
	var mu sync.Mutex
	next := 0
	return func([]string, *rand.Rand) (events.Data, bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(ids) {
			return nil, false
		}
		next++
		return deposit(ids[next-1], openingMinor), true
	}
}

func deposit(account string, minor int64) events.Data {
	return events.DepositRequested{OperationID: uuid.NewString(), AccountID: account, AmountMinor: minor, Currency: "EUR"}
}

// load has all clients post events, each waiting for its answer, as long as
// more says so. Any answer but 2xx is an error.
func (l *ledgerDoor) load(ctx context.Context, choose accounts, more func() bool) (a answers, err error) {
	var mu sync.Mutex
	var errs []error
	var callers sync.WaitGroup
	begun := time.Now()
	for range clients {
		callers.Go(func() {
			took, err := l.call(ctx, choose, more)
			mu.Lock()
			defer mu.Unlock()
			a.took, errs = append(a.took, took...), append(errs, err)
		})
	}
	callers.Wait()
	a.elapsed = time.Since(begun)
	l.answered += len(a.took)
	slices.Sort(a.took)
	return a, errors.Join(errs...)
}

// call is one client: one connection, one event at a time.
func (l *ledgerDoor) call(ctx context.Context, choose accounts, more func() bool) (took []time.Duration, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })() // frees a caller that waits
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	reader := bufio.NewReader(conn)
	var request []byte
	for more() {
		data, ok := choose(l.ids, random)
		if !ok {
			break
		}
		if request, err = l.appendRequest(request[:0], l.address, data); err != nil {
			return took, err
		}
		begun := time.Now()
		if _, err := conn.Write(request); err != nil {
			return took, err
		}
		if err := readAnswer(reader); err != nil {
			return took, err
		}
		took = append(took, time.Since(begun))
	}
	return took, nil
}

// appendRequest writes an event as the relay would send it, signed, in binary
// mode. It is written by hand because the caller's own work is on the same
// cores as what is measured.
func (l *ledgerDoor) appendRequest(b []byte, host string, data events.Data) ([]byte, error) {
	body, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	id := uuid.NewString()
	e, err := fn.Envelope{
		ID: id, Source: fn.Source("api"), Type: data.Type(), Subject: data.Subject(), PartitionKey: data.PartitionKey(),
		CorrelationID: id, Time: time.Now().UTC(), Data: body,
	}.Signed(l.keys)
	if err != nil {
		return nil, err
	}
	b = fmt.Appendf(b, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n", host)
	b = fmt.Appendf(b, "Ce-Specversion: 1.0\r\nCe-Id: %s\r\nCe-Source: %s\r\nCe-Type: %s\r\n", e.ID, e.Source, e.Type)
	b = fmt.Appendf(b, "Ce-Subject: %s\r\nCe-Partitionkey: %s\r\nCe-Correlationid: %s\r\n", e.Subject, e.PartitionKey, e.CorrelationID)
	b = fmt.Appendf(b, "Ce-Signature: %s\r\nCe-Time: ", e.Signature)
	b = e.Time.AppendFormat(b, time.RFC3339Nano)
	b = fmt.Appendf(b, "\r\nContent-Length: %d\r\n\r\n", len(body))
	return append(b, body...), nil
}

func readAnswer(r *bufio.Reader) error {
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("answered %s: %s", response.Status, body)
	}
	return nil
}
