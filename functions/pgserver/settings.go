package pgserver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

type setting struct{ name, value string }

// reserved are the settings that Options.Settings must leave alone: what
// Durable promises, and the private door.
var reserved = []string{
	"fsync", "full_page_writes", "synchronous_commit", "data_directory", "hba_file", "ident_file",
	"listen_addresses", "port", "unix_socket_directories", "unix_socket_permissions", "unix_socket_group",
}

func (o Options) check() error {
	if o.DataDir == "" {
		return errors.New("pgserver: Options.DataDir is empty")
	}
	for name := range o.Settings {
		if slices.Contains(reserved, strings.ToLower(name)) {
			return fmt.Errorf("pgserver: Options.Settings may not set %s", name)
		}
	}
	return nil
}

// settings is everything the server is told, in order: a later one wins. All of
// it goes on the command line, which neither postgresql.conf nor ALTER SYSTEM
// can override.
func (o Options) settings(socketDir string) []setting {
	all := []setting{
		{"shared_buffers", strconv.Itoa(o.SharedBuffersMB) + "MB"},
		{"max_connections", strconv.Itoa(o.MaxConnections)},
		{"cluster_name", "quittance"},
		{"timezone", "UTC"},
		{"log_timezone", "UTC"},
		{"lc_messages", "C"},
		// Short statements on two cores: compiling or splitting them costs
		// more than it brings.
		{"jit", "off"},
		// Every connection has triggers to run; to load their language for
		// itself would be a sixth of what it costs to open one.
		{"shared_preload_libraries", "plpgsql"},
		{"max_parallel_workers_per_gather", "0"},
		{"random_page_cost", "1.1"},
		{"effective_cache_size", "1GB"},
		{"wal_buffers", "16MB"},
		// A group of postings reads more rows than Postgres tells apart by
		// default; taken as a whole table, they conflict with everybody's.
		{"max_pred_locks_per_transaction", "256"},
		{"max_pred_locks_per_relation", "4096"},
		{"max_pred_locks_per_page", "256"},
		// Rows and literals can hold personal data: the log names the error
		// and the place, never the values.
		{"log_error_verbosity", "terse"},
		{"log_min_error_statement", "panic"},
		{"log_line_prefix", "%m [%p] %u@%d "},
	}
	if o.Durable {
		all = append(all, setting{"max_wal_size", "1GB"}, setting{"checkpoint_timeout", "5min"})
	} else {
		all = append(all,
			// As little written as possible, and no background work that makes
			// one run differ from the next.
			setting{"wal_level", "minimal"}, setting{"max_wal_senders", "0"},
			setting{"max_wal_size", "512MB"}, setting{"checkpoint_timeout", "1h"},
			setting{"autovacuum", "off"}, setting{"log_checkpoints", "off"})
	}
	for _, name := range slices.Sorted(maps.Keys(o.Settings)) {
		all = append(all, setting{name, o.Settings[name]})
	}
	durability := map[bool]string{true: "on", false: "off"}[o.Durable]
	return append(all,
		setting{"fsync", durability},
		setting{"full_page_writes", durability},
		setting{"synchronous_commit", durability},
		setting{"listen_addresses", ""},
		setting{"port", port},
		// A list of folders: quotes keep a comma in a name from splitting it.
		setting{"unix_socket_directories", `"` + strings.ReplaceAll(socketDir, `"`, `""`) + `"`},
		setting{"unix_socket_permissions", "0700"},
		setting{"logging_collector", "off"},
		setting{"log_destination", "stderr"},
	)
}
