package knative

import "time"

// Journal is told of every hop when it has ended. Record is called from many
// goroutines at once, on the path of the event: it must be quick.
type Journal interface {
	Record(h Hop)
}

// Hop is one request that carried an event: from a producer into a Broker, or
// from a Broker to a consumer.
type Hop struct {
	ID            string // with Source, the event's identity
	Source        string
	Type          string
	Subject       string
	CorrelationID string // extension correlationid: the journey
	Broker        string
	Trigger       string // empty into a Broker, and on the way to a dead-letter sink
	Consumer      string // the service; empty into a Broker
	Path          string // at the consumer, e.g. the path of a dead-letter sink
	DeadLetter    bool   // the event carries knativeerrordest: a Trigger gave it up
	Attempt       int    // 1 for the first time this event came to this place
	Status        int    // HTTP status answered; 0 when the connection was cut
	Fault         Fault  // what the weather did to it; empty in calm weather
	Start         time.Time
	Duration      time.Duration // until the answer; into a Broker: until all its consumers were done
}
