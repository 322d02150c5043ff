package pgserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Superuser is the role that owns every cluster made by this package.
const Superuser = "postgres"

// port is only part of the socket's name: nothing listens on TCP.
const port = "5432"

// pollInterval is how often the state of a child process is looked at.
const pollInterval = 10 * time.Millisecond

// Options say where a server keeps its data and how it runs. Only DataDir is
// required.
type Options struct {
	// DataDir is the server's own folder, made if it is not there. A folder
	// that holds anything else is refused.
	DataDir string

	// SocketDir is the folder of the socket. Empty: DataDir/run, or a folder
	// in the temporary directory where that one cannot serve.
	SocketDir string

	// BinDir holds the postgres and initdb programs. Empty: those on PATH, else
	// the newest in /usr/lib/postgresql, else what Fetch brings. An existing
	// cluster is only opened with programs of its own major version.
	BinDir string

	// Fetch brings Postgres where the machine has none and returns the folder
	// of its programs. major is the version that the existing cluster needs,
	// 0 if any will do. Nil: Start fails instead. See package pgfetch.
	Fetch func(ctx context.Context, major int) (binDir string, err error)

	// Durable keeps every acknowledged commit across a crash of the process
	// or the machine. Without it a crash may lose the whole cluster.
	Durable bool

	// MaxConnections is Postgres's limit; 0 means 150.
	MaxConnections int

	// SharedBuffersMB is Postgres's own cache in MiB; 0 means 256 for a durable
	// server and 128 for another.
	SharedBuffersMB int

	// Settings are further server settings (postgresql.conf names). They
	// cannot change durability, nor where the server listens.
	Settings map[string]string

	// Logger hears what happens to the server; nil means nobody does.
	// Postgres's own log is the file postgres.log in DataDir.
	Logger *slog.Logger

	// detached leaves the child running when this process ends, and starts no
	// goroutine. Whoever sets it sees to the child's end: Temporary does.
	detached bool
}

func (o Options) withDefaults() Options {
	if o.MaxConnections == 0 {
		o.MaxConnections = 150
	}
	if o.SharedBuffersMB == 0 {
		o.SharedBuffersMB = 128
		if o.Durable {
			o.SharedBuffersMB = 256
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Server is a running Postgres. Its methods may be called from any goroutine.
type Server struct {
	opts      Options
	folder    *folder
	socketDir string
	proc      *process

	mu      sync.Mutex
	stopped bool
}

// Start brings up the server in o.DataDir and returns when it answers queries.
// ctx bounds the starting only: the server runs until Stop, or until this
// process ends. An expired ctx ends a start that has not succeeded.
//
// The error is [ErrInUse] when another process runs the server in this folder,
// and quotes the end of postgres.log when Postgres itself refused.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	f, err := openFolder(o.DataDir)
	if err != nil {
		return nil, fmt.Errorf("pgserver: %w", err)
	}
	s := &Server{opts: o, folder: f}
	defer func() {
		if err != nil {
			s.release()
			err = fmt.Errorf("pgserver: %w", err)
		}
	}()

	if err := endOrphans(ctx, f.data(), o.Logger); err != nil {
		return nil, err
	}
	bins, err := findBinaries(ctx, o, f.major())
	if err != nil {
		return nil, err
	}
	if f.account != nil {
		if err := f.account.canRun(bins.postgres); err != nil {
			return nil, err
		}
	}
	if err := initCluster(ctx, f, bins, o); err != nil {
		return nil, err
	}
	if s.socketDir, err = prepareSocketDir(o.SocketDir, f); err != nil {
		return nil, err
	}
	if err := dropStaleSocket(s.socketDir); err != nil {
		s.socketDir = "" // not ours to clear away
		return nil, err
	}
	if err := s.launch(ctx, bins); err != nil {
		return nil, err
	}
	return s, nil
}

// launch starts postgres and waits until it answers; when it does not, nothing
// of it is left.
func (s *Server) launch(ctx context.Context, bins binaries) error {
	begun := time.Now()
	logStart := s.folder.logSize()
	args := []string{"-D", s.folder.dataArg()}
	for _, set := range s.opts.settings(s.socketDir) {
		args = append(args, "-c", set.name+"="+set.value)
	}
	cmd, closeFiles, err := s.folder.command(bins.postgres, s.folder.data(), args...)
	if err != nil {
		return err
	}
	defer closeFiles()
	if s.opts.detached {
		s.proc, err = startDetached(cmd)
	} else {
		s.proc, err = startTied(cmd, fastShutdown) // it leaves a clean cluster
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", bins.postgres, err)
	}
	if err := s.awaitReady(ctx, logStart); err != nil {
		s.proc.kill()
		return errors.Join(err, endOrphans(context.WithoutCancel(ctx), s.folder.data(), s.opts.Logger))
	}
	s.opts.Logger.InfoContext(ctx, "postgres is ready", "pid", s.Pid(), "version", bins.major,
		"folder", s.folder.path, "durable", s.opts.Durable, "took", time.Since(begun).Round(time.Millisecond))
	return nil
}

// awaitReady returns when the server answers a query. Recovery after a crash
// may take its time, so only ctx limits it.
func (s *Server) awaitReady(ctx context.Context, logStart int64) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if s.proc.exited() {
			return fmt.Errorf("postgres ended while starting; its log (%s) ends:\n%s", s.folder.logPath(), s.folder.logSince(logStart))
		}
		if st, err := readPidFile(s.folder.data()); err == nil && st.pid == s.proc.pid() && st.ready {
			return s.ping(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("postgres is not ready: %w; its log (%s) ends:\n%s", ctx.Err(), s.folder.logPath(), s.folder.logSince(logStart))
		case <-tick.C:
		}
	}
}

func (s *Server) ping(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.ConnString(Superuser, Superuser))
	if err != nil {
		return fmt.Errorf("connect to the started server: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return conn.Ping(ctx)
}

// ConnString is how to reach database db as role, in the keyword form that pgx
// and psql read. It stays the same over restarts with the same options.
func (s *Server) ConnString(db, role string) string {
	return fmt.Sprintf("host=%s port=%s dbname=%s user=%s sslmode=disable", quote(s.socketDir), port, quote(db), quote(role))
}

func quote(v string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}

// Pid is the process id of the postmaster.
func (s *Server) Pid() int { return s.proc.pid() }

// LogPath is the file that Postgres writes its log to.
func (s *Server) LogPath() string { return s.folder.logPath() }

// Running says whether the postmaster is still there.
func (s *Server) Running() bool { return !s.proc.exited() }
