// Package knative runs the bank's Brokers, Triggers and PingSources in one
// process, from the manifests that a cluster would be given.
//
// It is Knative Eventing's own data plane (v0.50.0), without the API server:
// broker ingress, in-memory channel fan-out, broker filter, and the dispatcher
// between them with its retries, backoff, timeouts and dead-letter calls. What
// the controllers of a cluster do to the manifests, this package repeats:
// defaults and validation as the admission webhook ([Load]), addresses of
// references, inheritance of delivery settings from Broker to Trigger.
//
// The life of one event:
//
//	relay -> ingress -> channel of the Broker -> filter, once per Trigger -> function
//	                                         \-> dead-letter sink, when a Trigger gives up
//
// All of these are HTTP requests, as in a cluster, over the process's own
// network (package memnet) and under the cluster's names. The Broker is
// synchronous, as Knative's default is: the producer's 202 comes after every
// Trigger has been served or has given up.
//
//	manifests, err := knative.LoadInfra("quittance", os.DirFS("infra"))
//	broker, err := knative.Start(ctx, knative.Options{
//		Manifests: manifests,
//		Services:  map[string]http.Handler{"payment": payment, "dead-letter": deadLetter},
//	})
//	defer broker.Close(ctx)
//	client := &http.Client{Transport: broker.Transport()}
//	client.Post(broker.URL("payments"), ...)
//
// Two things are added to what a cluster does: [Weather], which loses, doubles
// and delays deliveries by seed, and [Journal], which is told of every hop. Three
// faults of that version are worked around, each said where it is done: long
// error answers that end the process (guard.go), races in the filters "all" and
// "any" (composite.go), and races in the fan-out (channel.go).
//
// Knative's dispatcher keeps its HTTP clients in a variable of its package and
// copies them from http.DefaultTransport. So a process has one Broker data plane
// at a time, and Start gives http.DefaultTransport a dialer that knows this
// network (see process.go).
package knative
