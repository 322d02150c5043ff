// Package relay carries committed events from the outbox to their brokers, and
// redeliveries to their consumers. It is the only code that publishes.
//
// The queue is the truth and the broker a doorbell: an event stays unsent
// until its broker has answered 2xx, so every event is sent at least once. The
// relay claims rows of the queue by a lease, and keeps it up while a broker works: a
// synchronous broker answers only when every Trigger, with its retries, has ended. If the relay dies, its rows are due again within
// one lease.
//
// It wakes when a commit rings the bell (NOTIFY), and looks by itself every
// second in case the bell was lost.
package relay
