package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func killCommand() *cobra.Command {
	var p place
	var times int
	var seed uint64
	c := &cobra.Command{
		Use: "kill", Short: "kill -9 the whole bank at random moments of the demo, restart it, and compare the books", Args: cobra.NoArgs,
		Long: "Each round starts the demo as a process of its own, kills it at a random moment, starts it\n" +
			"again and lets it finish, with no hand touching. Then every book is compared.",
		RunE: func(c *cobra.Command, _ []string) error {
			folder, err := os.MkdirTemp("", "quittance-kill-")
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(folder) }()
			p.data, p.api, p.workbench = folder, "127.0.0.1:0", "127.0.0.1:0"
			out := c.OutOrStdout()
			whole, err := p.demoProcess(c.Context(), 0)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "an undisturbed demo takes %s once the bank is up; seed %d\n", whole.Round(time.Millisecond), seed)
			if whole, err = p.demoProcess(c.Context(), 0); err != nil {
				return err
			}
			random := rand.New(rand.NewPCG(seed, 0))
			for n := range times {
				moment, err := p.killOnce(c.Context(), random, whole)
				if err != nil {
					return err
				}
				took, err := p.demoProcess(c.Context(), 0)
				if err != nil {
					return fmt.Errorf("round %d, killed %s into the demo: %w", n+1, moment, err)
				}
				fmt.Fprintf(out, "   ✓ round %d: killed %s into the demo; the next start completed all journeys, %s after it was up\n", n+1, moment.Round(time.Millisecond), took.Round(time.Millisecond))
			}
			b, stop, err := p.start(c.Context(), nil)
			if err != nil {
				return err
			}
			defer stop()
			return compare(c.Context(), out, b, 2*time.Minute)
		},
	}
	c.Flags().StringVar(&p.infra, "infra", "infra", "folder of the manifests")
	c.Flags().IntVar(&times, "times", 10, "how many kills")
	c.Flags().Uint64Var(&seed, "seed", 1, "decides the moments")
	p.logLevel = "INFO"
	return c
}

// errNotKilled means that the demo was over before its moment came.
var errNotKilled = errors.New("the demo ended before it could be killed")

// killOnce starts the demo and kills it at a random moment; if it was over
// before, another is drawn.
func (p *place) killOnce(ctx context.Context, random *rand.Rand, whole time.Duration) (time.Duration, error) {
	for range 20 {
		moment := 1 + time.Duration(random.Int64N(int64(whole)))
		_, err := p.demoProcess(ctx, moment)
		if err == nil || !errors.Is(err, errNotKilled) {
			return moment, err
		}
	}
	return 0, errNotKilled
}

// demoProcess runs the demo as another process. With a moment it must be killed
// then, counted from when the bank was up and the demo began; without, it must
// succeed. It returns how long the demo itself went on.
func (p *place) demoProcess(ctx context.Context, moment time.Duration) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	output := &demoOutput{up: make(chan time.Time, 1)}
	c := exec.CommandContext(ctx, self, "demo", "--data", p.data, "--infra", p.infra, "--api", "127.0.0.1:0", "--workbench", "127.0.0.1:0")
	c.Stdout, c.Stderr = output, output // one writer: exec copies both in turn
	if err := c.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	var started time.Time
	select {
	case started = <-output.up:
		if moment > 0 {
			killer := time.AfterFunc(moment, func() { _ = c.Process.Kill() })
			defer killer.Stop()
		}
		err = <-ended
	case err = <-ended: // it never came up; what it said is told below
		started = time.Now()
	}
	if moment > 0 {
		if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return time.Since(started), nil
		}
		if err == nil {
			return 0, errNotKilled
		}
	}
	if err != nil {
		return 0, fmt.Errorf("demo: %w\n%s", err, output.text.String())
	}
	return time.Since(started), nil
}

// demoOutput keeps what the demo prints and tells when its first line came,
// which is when the bank was up.
type demoOutput struct {
	text bytes.Buffer // not embedded: io.Copy would find its ReadFrom and pass Write by
	once sync.Once
	up   chan time.Time
}

func (o *demoOutput) Write(p []byte) (int, error) {
	o.once.Do(func() { o.up <- time.Now() })
	return o.text.Write(p)
}
