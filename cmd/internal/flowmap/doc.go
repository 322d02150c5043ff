// Package flowmap draws who hears what, as the manifests under infra/ and the
// event catalogue say it; package lint holds the two against each other.
//
// [Read] reads the tree, and [Map.Pictures] draws the journeys. [Write] keeps
// the pictures in README.md, [Stale] tells whether they are still true.
package flowmap
