package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startPatience bounds the start of a process until it answers.
const startPatience = time.Minute

// errEnded says that a process ended before it answered.
var errEnded = errors.New("the process ended")

// child is a process of ours that is measured.
type child struct {
	cmd   *exec.Cmd
	begun time.Time
	out   *output
	done  chan struct{} // closed when it has ended
	err   error         // of the end; read it after done
}

func startProcess(ctx context.Context, binary string, env []string, args ...string) (*child, error) {
	c := &child{cmd: exec.CommandContext(context.WithoutCancel(ctx), binary, args...), out: newOutput(), done: make(chan struct{})}
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = env, c.out, c.out
	c.begun = time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// stop asks the process to end and waits for it.
func (c *child) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	select {
	case <-c.done:
		return fmt.Errorf("%w by itself: %w:\n%s", errEnded, c.err, c.out.tail())
	default:
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("%s does not end: %w", c.cmd.Path, ctx.Err()), c.cmd.Process.Kill())
	}
}

// resident is the resident set in bytes (VmRSS in proc(5)).
func (c *child) resident() (float64, error) { return residentOf(strconv.Itoa(c.cmd.Process.Pid)) }

// residentOf is the resident set of a process, or of "self".
func residentOf(process string) (float64, error) {
	raw, err := os.ReadFile("/proc/" + process + "/status")
	if err != nil {
		return 0, fmt.Errorf("read the resident memory: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			return kib * 1024, err
		}
	}
	return 0, errors.New("the system does not tell the resident memory")
}

// untilSaid returns when the process has printed text.
func (c *child) untilSaid(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		news := c.out.next()
		if c.out.has(text) {
			return nil
		}
		select {
		case <-news:
		case <-c.done:
			return fmt.Errorf("%w: %w:\n%s", errEnded, c.err, c.out.tail())
		case <-ctx.Done():
			return fmt.Errorf("it did not say %q: %w:\n%s", text, ctx.Err(), c.out.tail())
		}
	}
}

// untilAnswered sends a request as soon as the process takes connections, and
// returns with its first answer, which must be 2xx.
func untilAnswered(ctx context.Context, c *child, address string, request []byte) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return answerOn(ctx, conn, request)
		}
		select {
		case <-tick.C:
		case <-c.done:
			return fmt.Errorf("%w: %w:\n%s", errEnded, c.err, c.out.tail())
		case <-ctx.Done():
			return fmt.Errorf("no answer at %s: %w:\n%s", address, ctx.Err(), c.out.tail())
		}
	}
}

func answerOn(ctx context.Context, conn net.Conn, request []byte) (err error) {
	defer func() { err = errors.Join(err, conn.Close()) }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	if _, err := conn.Write(request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode/100 != 2 {
		return errors.Join(fmt.Errorf("answered %s: %s", answer.Status, body), err)
	}
	return errors.Join(err, answer.Body.Close())
}

// freeAddress is a loopback address that nobody listened on a moment ago.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// pause lets d pass.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// output keeps what a process prints.
type output struct {
	mu   sync.Mutex
	all  bytes.Buffer
	news chan struct{} // closed by the next write
}

func newOutput() *output { return &output{news: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.news)
	o.news = make(chan struct{})
	return o.all.Write(p)
}

func (o *output) next() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.news
}

func (o *output) has(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Contains(o.all.Bytes(), []byte(text))
}

// tail is the end of it, for an error.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.all.Bytes()
	return string(all[max(0, len(all)-2000):])
}
