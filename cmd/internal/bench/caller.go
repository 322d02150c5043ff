package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
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

// load has all clients post events, each waiting for its answer, as long as more
// says so. Any answer but 2xx is an error. Each client writes ready requests before
// the measurement begins, and goes on writing them in it when they are used up: the
// callers' own work is on the same cores as what is measured, and pgbench's is next to
// nothing. begin is called when all are ready; nil is nothing to do then.
func (l *ledgerDoor) load(ctx context.Context, choose accounts, ready int, begin func() error, more func() bool) (a answers, err error) {
	callers := make([]*caller, 0, clients)
	defer func() { err = errors.Join(err, closeAll(callers)) }()
	for range clients {
		c, err := l.newCaller(choose, ready)
		callers = append(callers, c)
		if err != nil {
			return a, err
		}
	}
	runtime.GC()                // what writing them left behind
	for _, c := range callers { // only now: the server waits some seconds for a request
		if c.conn, err = new(net.Dialer).DialContext(ctx, "tcp", l.address); err != nil {
			return a, err
		}
	}
	if begin != nil {
		if err := begin(); err != nil {
			return a, err
		}
	}
	var mu sync.Mutex
	var errs []error
	var running sync.WaitGroup
	begun := time.Now()
	for _, c := range callers {
		running.Go(func() {
			err := c.call(ctx, more)
			mu.Lock()
			defer mu.Unlock()
			a.took, errs = append(a.took, c.took...), append(errs, err)
		})
	}
	running.Wait()
	a.elapsed = time.Since(begun)
	l.answered += len(a.took)
	slices.Sort(a.took)
	return a, errors.Join(errs...)
}

// caller is one client: one connection, one event at a time.
type caller struct {
	conn net.Conn
	next func() ([]byte, bool, error) // writes a request; false: there is nothing more to ask for
	// ready are the requests that are written already, one after the other. They are
	// not in Go's heap, whose size decides how often the function in this process
	// collects.
	ready []byte
	ends  []int
	took  []time.Duration
}

func (l *ledgerDoor) newCaller(choose accounts, ready int) (*caller, error) {
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	var buffer []byte
	c := &caller{took: make([]time.Duration, 0, ready), next: func() (_ []byte, ok bool, err error) {
		data, ok := choose(l.ids, random)
		if ok {
			buffer, err = l.appendRequest(buffer[:0], l.address, data)
		}
		return buffer, ok, err
	}}
	var written []byte
	for range ready {
		request, ok, err := c.next()
		if err != nil {
			return c, err
		}
		if !ok {
			break
		}
		written = append(written, request...)
		c.ends = append(c.ends, len(written))
	}
	if len(written) == 0 {
		return c, nil
	}
	var err error
	if c.ready, err = syscall.Mmap(-1, 0, len(written), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE); err != nil {
		return c, fmt.Errorf("memory for requests: %w", err)
	}
	copy(c.ready, written)
	return c, nil
}

func closeAll(callers []*caller) error {
	var errs []error
	for _, c := range callers {
		if c.conn != nil {
			errs = append(errs, c.conn.Close())
		}
		if c.ready != nil {
			errs = append(errs, syscall.Munmap(c.ready))
		}
	}
	return errors.Join(errs...)
}

func (c *caller) call(ctx context.Context, more func() bool) error {
	defer context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Now()) })() // frees a caller that waits
	reader := bufio.NewReader(c.conn)
	begin := 0
	for n := 0; more(); n++ {
		var request []byte
		if n < len(c.ends) {
			request, begin = c.ready[begin:c.ends[n]], c.ends[n]
		} else {
			var ok bool
			var err error
			if request, ok, err = c.next(); err != nil || !ok {
				return err
			}
		}
		begun := time.Now()
		if _, err := c.conn.Write(request); err != nil {
			return err
		}
		if err := readAnswer(reader); err != nil {
			return err
		}
		c.took = append(c.took, time.Since(begun))
	}
	return nil
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

// readAnswer reads one answer, which must be 2xx: as little of it as tells where it
// ends, for the reason that requests are written by hand.
func readAnswer(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	good := bytes.HasPrefix(status, []byte("HTTP/1.1 2"))
	told := ""
	if !good {
		told = string(status)
	}
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		name, value, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(": "))
		switch {
		case len(name) == 0:
			if good {
				_, err = r.Discard(length)
				return err
			}
			body := make([]byte, length)
			_, err = io.ReadFull(r, body)
			return errors.Join(fmt.Errorf("answered %s%s", told, body), err)
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return fmt.Errorf("read answer: %w", err)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return errors.New("read answer: of unknown length")
		}
	}
}
