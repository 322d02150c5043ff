// Package skaffold keeps the list of artifacts in skaffold.yaml: one per process,
// each with the folders that it is built of, as the go command says. With the
// whole list right, a change builds and deploys what has it and nothing else.
package skaffold
