// Package throwaway makes up the Secrets of a cluster that is only tried: random
// passwords and keys, and certificates of an authority that nobody else trusts.
// None of them is ever written to the project; a real deployment has its own from
// a secrets manager (infra/components/external-secrets).
//
// [Secrets] makes what is not there yet, so it may run before every deployment.
package throwaway
