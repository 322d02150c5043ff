// Command withpostgres runs a command with a Postgres for its tests:
//
//	withpostgres go test ./...
//
// It starts one server that is not durable, sets QUITTANCE_TEST_POSTGRES to its
// connection string, runs the command, removes the server and passes the
// command's exit status on. Where no Postgres is installed it fetches one (see
// package pgfetch), and the commands then find its programs at the end of PATH
// too. All test binaries then share the server and its
// template database (see package pgtest).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"quittance.dev/functions/pgserver"
	"quittance.dev/functions/pgserver/pgfetch"
	"quittance.dev/functions/pgtest"
)

const (
	startTimeout = 10 * time.Minute // with a download over a slow line
	stopTimeout  = 30 * time.Second
)

// Exit statuses as of a shell and of env(1).
const (
	statusFailed    = 125
	statusNotRun    = 127
	statusSignalled = 128
)

func main() {
	status, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpostgres:", err)
	}
	os.Exit(status)
}

func run(args []string) (status int, err error) {
	if len(args) == 0 {
		return statusFailed, errors.New("usage: withpostgres command [argument ...]")
	}
	// Ours to outlive, so that the server is removed. Ctrl-C reaches the command
	// by itself, being of the same terminal; a SIGTERM has to be passed on.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	f := fetching{fetch: pgfetch.Fetch}
	srv, err := start(pgserver.Options{Fetch: f.Fetch})
	if err != nil {
		return statusFailed, err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		if stopErr := srv.Stop(stop); stopErr != nil && err == nil {
			status, err = max(status, 1), stopErr
		}
	}()

	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(f.environ(os.Environ()), pgtest.EnvServer+"="+srv.ConnString("postgres", pgserver.Superuser))
	if err := cmd.Start(); err != nil {
		return statusNotRun, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGTERM {
				_ = cmd.Process.Signal(s) // it may be gone already
			}
		case err := <-ended:
			return exitStatus(err)
		}
	}
}

// start can be broken off by a signal: nothing of the command's runs yet, and a
// download may take minutes.
func start(o pgserver.Options) (*pgserver.TemporaryServer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return pgserver.Temporary(ctx, o)
}

func exitStatus(err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &exit):
		return statusFailed, err
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return statusSignalled + int(ws.Signal()), nil
	}
	return exit.ExitCode(), nil
}
