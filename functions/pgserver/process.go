package pgserver

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is a child whose end can be asked for and awaited.
type process struct {
	cmd *exec.Cmd

	// ended is closed when the child is gone; nil for a detached one, whose
	// end is asked of the kernel each time so that no goroutine has to wait.
	ended chan struct{}

	mu     sync.Mutex
	reaped bool // detached only
}

// startTied starts cmd so that the kernel sends it onParentDeath when this
// process ends in whatever way (on Linux).
//
// The signal is bound to the thread that forked, not to the process, and the Go
// runtime ends threads as it likes. So one goroutine keeps its thread to itself
// from the fork until the child is gone.
func startTied(cmd *exec.Cmd, onParentDeath os.Signal) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	setParentDeathSignal(cmd.SysProcAttr, onParentDeath)
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread goes with the goroutine
		defer close(p.ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in the log
		}
	}()
	if err := <-started; err != nil {
		<-p.ended
		return nil, err
	}
	return p, nil
}

// startDetached starts cmd and leaves it to itself.
func startDetached(cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd: cmd}, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) exited() bool {
	if p.ended != nil {
		select {
		case <-p.ended:
			return true
		default:
			return false
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(p.pid(), &status, syscall.WNOHANG, nil)
		p.reaped = pid == p.pid() || errors.Is(err, syscall.ECHILD)
	}
	return p.reaped
}

// signal is an error when the process is gone.
func (p *process) signal(s os.Signal) error {
	if p.exited() {
		return os.ErrProcessDone
	}
	return p.cmd.Process.Signal(s)
}

// wait returns nil when the process is gone, or ctx's error before that.
func (p *process) wait(ctx context.Context) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !p.exited() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ended: // nil, and so never ready, for a detached one
		case <-tick.C:
		}
	}
	return nil
}

// kill sends SIGKILL and waits for the end, which cannot fail to come.
func (p *process) kill() {
	_ = p.signal(syscall.SIGKILL)
	_ = p.wait(context.Background())
}
