// Package flowmap holds the manifests under infra/ and the event catalogue
// against each other, and draws what they say.
//
// The catalogue (package events) says who hears an event, through which Broker.
// The manifests say where a cluster, and the laptop's broker, will really send
// it. A pair that is in one and not in the other is an event that nobody hears:
// the Broker answers 202 and it is gone. [Read] reads the tree, [Map.Check]
// names every difference and every Trigger whose delivery would lose something,
// and [Map.Pictures] draws both journeys. [Write] keeps the pictures in
// README.md, [Stale] tells whether they are still true.
package flowmap
