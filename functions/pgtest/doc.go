// Package pgtest gives every test a Postgres of its own.
//
//	func TestPosting(t *testing.T) {
//		t.Parallel()
//		db := pgtest.New(t)
//		pool := db.Pool("quittance_ledger_posting") // as that role
//		owner := db.Pool("")                        // as the owner of everything
//		...
//	}
//
// [New] clones a template database that holds all migrations, which takes about
// 20 ms (on a slow disk more; see pgserver.Temporary). Tests share nothing and may
// run in parallel. The database is dropped when the test ends.
//
// # Where the server comes from
//
// With QUITTANCE_TEST_POSTGRES set, it is the server that this connection string
// reaches; the user in it must be a superuser, and the server must let every role
// in without a password. Otherwise the test process starts a server of its own,
// once, in a temporary folder ([pgserver.Temporary]), and both go when the
// process ends, however it ends. Nothing has to be called for that, and no
// goroutine is left for a leak check to find. To start one server for many test
// binaries:
//
//	go run ./pgtest/cmd/withpostgres go test ./...
//
// A test that cannot have a Postgres fails. On a laptop (no CI in the
// environment) with -short it is skipped.
//
// # The template
//
// It is named for the hash of the migrations, so an edited migration makes a new
// one. The first process to need it makes it under an advisory lock and closes
// it to connections; it is renamed to its final name last, so a template that
// can be found is complete.
//
// # Crash tests
//
// The shared server trades safety for speed. [Durable] starts one with real
// durable settings for a single test, to be killed and restarted.
package pgtest
