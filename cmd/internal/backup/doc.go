// Package backup holds the tests of infra/postgres: that what backup writes, and
// restore brings back on another server, is the bank, with its roles, its rights
// and its rules. The scripts ask for nothing but bash and Postgres' own clients.
package backup
