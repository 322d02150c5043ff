// Package walls holds the walls between the parts of the project, as
// docs/design.md draws them in section 2: which package may import which, what
// a function's binary may be made of, and that each module stands alone.
//
// [Check] looks at a list of packages and says what breaks a wall; [List] gets
// the list from the go command. The tests of this package run both over the
// tree, so a wall that falls is a failing test with the import that did it.
//
// [Unknown] holds another promise of the same kind: the documents name tests,
// and a test that is named must exist. So does [Dependencies]: what the go.mod
// files require is listed with its reason, and nothing else is.
package walls
