// Package e2e shows the bank on a real cluster: the one of kubectl's current
// context, on which `make deploy OVERLAY=kind` has ended. It is run by `make e2e`
// and holds no code of the product, only tests behind the build tag e2e.
//
// Nothing is taken on the cluster's word alone: what happened is read from the
// bank's own tables, through a forwarded port of Postgres as the owner, and from
// the books that the outside systems keep.
//
// The tests run one after the other in the order of their files: first
// everything is Ready, then the journeys, copies and poison, then pods are
// deleted while a thousand payments are on their way. What was measured on the
// way is printed at the end.
package e2e
