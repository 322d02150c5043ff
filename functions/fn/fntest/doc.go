// Package fntest tests functions from outside: behind their HTTP door, on a
// real Postgres, under their own role.
//
// [Open] serves one function; [Conformance] is the suite that every registered
// function passes: duplicates, twenty of them at once, broken bodies, failing
// commits and crashes at every failpoint leave one effect or none.
package fntest
