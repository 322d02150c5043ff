// Package pgserver runs a private Postgres cluster as a child process.
//
// The bank on a laptop, and every test, needs a real Postgres and must not ask
// a newcomer to set one up. [Start] takes a folder and gives back a running
// server:
//
//	srv, err := pgserver.Start(ctx, pgserver.Options{DataDir: ".quittance/postgres", Durable: true})
//	if err != nil { ... }
//	defer srv.Stop(context.Background())
//	conn, err := pgx.Connect(ctx, srv.ConnString("postgres", pgserver.Superuser))
//
// # The life of a server
//
// Start opens the folder and locks it (a second process gets [ErrInUse]), ends
// whatever a killed predecessor left running in it, runs initdb the first time,
// starts postgres and waits until it answers, crash recovery included. Stop is
// Postgres's fast shutdown. If this process is killed outright the kernel tells
// the child to shut down (Linux); if that did not happen, the next Start does.
//
//	DataDir/            0700, made by whoever calls Start
//	  lock              held with flock for as long as the server runs
//	  data/             the cluster itself (PGDATA)
//	  postgres.log      what initdb and postgres say
//	  run/              the socket, unless it has to be elsewhere
//
// initdb works in a scratch folder that is renamed to data when it is complete,
// so a killed initdb is simply done again.
//
// # Who may connect
//
// There is no TCP. The only way in is a Unix socket in a folder of mode 0700,
// and on that socket Postgres trusts the name that the client gives. That is how
// each function of a bank in one process logs in as its own role without a
// password. The folder's permission is therefore the whole wall: the account
// that owns the server, and root, can be any role; nobody else can connect. A
// bank that must keep its functions apart from each other by more than their
// own honesty gives each its password on a server that is not this one.
//
// A socket path has at most 107 bytes (103 outside Linux). When run/ does not
// fit, or its account cannot reach it, the socket goes to a folder
// quittance-<uid>-<hash> in the temporary directory, also 0700.
//
// # Root
//
// Postgres refuses to run as root. Started by root, the server runs as the
// owner of an existing cluster, else as the account "postgres", else as
// "nobody", and only data/ and the socket's folder are given to that account.
// The folders above need not let it through: postgres is handed the open
// folder and uses it as /proc/self/fd/3, so a clone under /root works. (That
// is Linux; elsewhere run as an ordinary user.)
//
// # Durable or not
//
// With Options.Durable the settings that keep acknowledged commits across a
// crash are given on the command line, where no ALTER SYSTEM overrides them;
// [CheckDurable] verifies them on any live server, this one or a managed one.
// Without it they are off, which is several times faster and fit for tests only.
package pgserver
