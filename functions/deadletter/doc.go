// Package deadletter is the room of the function dead-letter: the sink of every
// Trigger.
//
//	Hears    whatever ended there, of any type; the path names the consumer
//	Says     dead-letter.recorded
//	Changes  delivery.dead_letter, delivery.redelivery
//	Calls    nobody
//	Fails    an error is tried again by the Trigger's own retries; if they are
//	         used up, the audit still finds the event unheard
package deadletter
