package walls

import (
	"fmt"
	"slices"
	"strings"
)

// Package is what a wall is about: a package and what it imports.
type Package struct {
	Path    string   // import path
	Name    string   // main for a command
	Imports []string // its own imports, those of tests left out
	Deps    []string // all that is linked in with it; only needed for commands
}

const (
	project   = "quittance.dev/"
	eventsMod = "quittance.dev/events"
	clientMod = "quittance.dev/client"
	functions = "quittance.dev/functions"
	commands  = "quittance.dev/functions/cmd"
)

// rooms are the functions' packages: one folder, one function.
var rooms = []string{
	"api", "validation", "payment", "ledgerposting", "receipt", "closuremambu", "closuree",
	"notify", "operations", "projecting", "deadletter", "audit", "relay",
}

// notForRooms is the kernel's business: how events travel, how transactions
// open, how things are measured, what the process is told.
var notForRooms = []string{
	"net/http", "os", "github.com/jackc/pgx/v5/pgxpool", "github.com/cloudevents", "go.opentelemetry.io",
}

// nouns own tables and rules. They are the domain: they do not know how anybody asks
// for them.
var nouns = []string{"accounts", "banking", "closure", "delivery", "idempotency", "invoicing", "ledger", "notification", "query"}

// notForNouns is transport: HTTP, its frameworks, the event format on the wire, the
// command line.
var notForNouns = []string{
	"net/http", "github.com/danielgtaylor/huma", "github.com/cloudevents", "github.com/spf13/cobra", "os",
}

// allowed are the exceptions, each with its reason.
var allowed = map[string][]string{
	"api":   {"net/http"},                                                           // HTTP is its work
	"relay": {"net/http", "github.com/jackc/pgx/v5/pgxpool", "go.opentelemetry.io"}, // no event handler, but the one publisher
}

// notInBinaries must not be linked into a function: the cluster's own code,
// which would double its size, and what only tests use.
var notInBinaries = []string{
	"k8s.io/client-go", "knative.dev/eventing", "testing", "github.com/stretchr/testify",
}

// Check reports every import that goes through a wall, one line each.
func Check(packages []Package) []string {
	var broken []string
	for _, p := range packages {
		for _, imported := range p.Imports {
			if rule := through(p.Path, imported); rule != "" {
				broken = append(broken, fmt.Sprintf("%s imports %s: %s", p.Path, imported, rule))
			}
		}
		if p.Name == "main" && within(p.Path, commands) {
			broken = append(broken, heavy(p)...)
		}
	}
	return broken
}

// through names the rule that an import breaks, if it breaks one.
func through(from, to string) string {
	switch {
	case within(from, eventsMod) && !within(to, eventsMod) && !standard(to):
		return "events knows the standard library and money, nothing else"
	case within(from, project+"config") && within(to, "quittance.dev") && !within(to, project+"config"):
		return "config knows nothing of ours"
	case within(from, clientMod) && !within(to, clientMod) && !standard(to):
		return "client knows the standard library and nothing else: who imports it gets nothing with it"
	case within(to, clientMod) && !within(from, clientMod) && !within(from, project+"cmd"):
		return "the bank does not call itself: the client is for those outside"
	case within(to, project+"cmd") && !within(from, project+"cmd"):
		return "nobody imports cmd"
	case roomOf(to) != "" && roomOf(to) != roomOf(from) && within(from, functions) && from != functions && !within(from, commands):
		return "a room is put together in all.go and started by its main; nobody else imports it"
	case nounOf(from) != "":
		for _, banned := range notForNouns {
			if within(to, banned) {
				return "a noun does not know how it is asked"
			}
		}
	case roomOf(from) != "":
		for _, banned := range notForRooms {
			if within(to, banned) && !slices.Contains(allowed[roomOf(from)], banned) {
				return "that is the kernel's business, not a room's"
			}
		}
	}
	return ""
}

// heavy reports what a function's binary should not hold.
func heavy(p Package) []string {
	var broken []string
	for _, dep := range p.Deps {
		for _, banned := range notInBinaries {
			if within(dep, banned) {
				broken = append(broken, fmt.Sprintf("%s links %s: a function's binary stays lean", p.Path, dep))
			}
		}
		if within(dep, functions) && strings.HasSuffix(dep, "test") {
			broken = append(broken, fmt.Sprintf("%s links %s: emulators and harnesses stay out of a function's binary", p.Path, dep))
		}
	}
	return broken
}

// roomOf names the room that a package belongs to, if it is one or lies in one.
func roomOf(importPath string) string {
	below, found := strings.CutPrefix(importPath, functions+"/")
	name, _, _ := strings.Cut(below, "/")
	if !found || !slices.Contains(rooms, name) || strings.HasSuffix(importPath, "test") {
		return ""
	}
	return name
}

// nounOf names the noun that a package is, if it is one.
func nounOf(importPath string) string {
	name, found := strings.CutPrefix(importPath, functions+"/")
	if !found || !slices.Contains(nouns, name) {
		return ""
	}
	return name
}

// within tells whether a package is tree or lies below it.
func within(importPath, tree string) bool {
	return importPath == tree || strings.HasPrefix(importPath, tree+"/")
}

// standard tells whether a package is of the standard library: only there the
// first part of a path has no dot.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// Nouns lists the packages that are held to be nouns.
func Nouns() []string { return slices.Clone(nouns) }

// Rooms lists the packages that are held to be rooms.
func Rooms() []string { return slices.Clone(rooms) }
