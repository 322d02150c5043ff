// Package schema holds the numbered migrations of the one database, embedded,
// and runs them.
//
// One Postgres schema per owner, one role per function with only its grants;
// every rule about money is a named constraint or trigger, so that an error
// names the rule that was broken. A released migration is never edited; a
// change follows expand and contract (docs/checklists.md).
package schema
