// Package report is the report of transactions: what is in it is settled when it
// is opened, and its pages are one set whatever is posted meanwhile.
//
// [Open] stores who asked for what, the snapshot of that moment
// (pg_current_snapshot) and, in one pass over an index, the number of lines and a
// key every so many of them. A page is then a range of the index between two such
// keys, filtered by pg_visible_in_snapshot: a transaction that was not committed
// when the report was opened is never in it, whatever its time; nothing is there
// twice and nothing is left out; page 9,000 costs what page 1 does. OFFSET over
// the table gives none of this.
//
// A line never changes, and a rebuild of the projections that has to change some
// ends the reports that are open. A database whose lines came from another server
// has transaction ids that mean nothing to it: [ErrForeign] says so, and a rebuild
// gives them new ones.
//
// Lines are a projection (package query) and may be a moment behind the ledger.
// [Await] waits until the postings that the ledger has of some accounts were heard
// of, for so long as it is told; [Report.Behind] says how many were not.
//
// Whoever waits for the projection here holds no event and no transaction.
package report
