// Package pipelines looks at what a public forge runs (.github/workflows): that it
// runs commands which are there, with fixed versions and no more rights than it
// needs.
package pipelines
