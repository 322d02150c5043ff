package pgserver

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// What the postmaster does with a signal (Postgres documentation, "Shutting
// Down the Server").
const (
	fastShutdown      = syscall.SIGINT  // end sessions, checkpoint, exit
	immediateShutdown = syscall.SIGQUIT // exit now; the next start recovers
)

// immediateGrace is how long an immediate shutdown may take before the process
// is killed. Postgres itself kills stuck children after five seconds.
const immediateGrace = 7 * time.Second

// Stop shuts the server down: sessions are ended, what they did not commit is
// rolled back. If ctx ends first the server is stopped the hard way, and the
// error says so; it is not running when Stop returns, and the next Start
// recovers. Stopping a stopped server does nothing.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	defer s.release()
	// A process that is gone needs no signal, and wait says so at once.
	_ = s.proc.signal(fastShutdown)
	err := s.proc.wait(ctx)
	if err == nil {
		return nil
	}
	_ = s.proc.signal(immediateShutdown)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), immediateGrace)
	defer cancel()
	if s.proc.wait(grace) != nil {
		s.proc.kill()
	}
	return fmt.Errorf("pgserver: fast shutdown of %s was cut short: %w", s.folder.path, err)
}

// Kill ends the server as a crash of the machine would, SIGKILL to every one of
// its processes, and returns when none is left. It is for crash tests.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	defer s.release()
	s.proc.kill()
	return killAll(s.folder.data())
}

// release gives back what Start took, once the processes are gone. A killed
// server leaves its socket behind; the next would clear it, but there may be none.
func (s *Server) release() {
	if s.socketDir != "" {
		_ = os.Remove(s.socketDir + socketName)
		_ = os.Remove(s.socketDir + socketName + ".lock")
		if s.socketDir != s.opts.SocketDir { // the caller's folder is the caller's
			_ = os.Remove(s.socketDir) // fails, as it should, when it is not empty
		}
	}
	s.folder.close()
}
