// Package netpol evaluates NetworkPolicies as networking.k8s.io/v1 defines them:
// who may open a connection to whom, on which port. A cluster may or may not
// enforce policies; this says what they mean.
//
// A connection is allowed when the policies for the way out of its origin allow
// it and those for the way into its destination do. A pod that no policy of a
// direction selects is open in that direction. Addresses in an ipBlock are
// compared with those of pods as well, as most networks do.
package netpol
