package config

import "time"

// Migrate is what the job is told that runs before the functions of a release.
// It connects as the owner of the database, by config.Postgres.
type Migrate struct {
	// Wait is how long the job waits for the database to take connections: it
	// may start together with the cluster.
	Wait time.Duration `env:"MIGRATE_WAIT, default=2m"`
	// RolePasswordsDir is a folder, such as a mounted Secret, with one file per
	// role, named like it (quittance_api), that holds the role's password. The
	// job sets these passwords; a role without a file keeps what it has. Without
	// a folder no password is touched.
	RolePasswordsDir string `env:"ROLE_PASSWORDS_DIR"`
}
