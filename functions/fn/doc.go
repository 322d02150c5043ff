// Package fn is the kernel: what a function is, and how one event is handled.
//
// A function hears a CloudEvent over HTTP, does its work in one Postgres
// transaction together with its row in the idempotency table and the events it
// says, and answers. The life of one event:
//
//  1. The door ([Host.ServeHTTP]) reads the request strictly: one CloudEvent,
//     binary or structured, of a type that the function hears, whose payload
//     keeps its own rules. Anything else is 400 and ends as a dead letter. A
//     function that moves money or closes accounts handles signed events only;
//     what the bank has not said is 401.
//  2. The event joins the group: deliveries that arrive while a transaction is
//     in flight wait and go together in the next one. One statement claims all
//     of them in delivery.idempotency, by (consumer, source, id). An event that
//     is done already is answered 2xx and nothing happens.
//  3. The function's own code runs: [Local] or [Batch] inside the transaction;
//     [Remote] in two transactions with the outside call between them and none
//     open during it. Events of a group that are about different things may go
//     in step, so that what they ask the database travels together
//     ([Function].InStep).
//  4. The events it returned are stamped with ids derived from their cause and
//     inserted into delivery.outbox by the same transaction. The relay sends
//     them after the commit.
//  5. After the commit, and only then, the answer: see [Answer].
//
// If anything fails, the transaction is rolled back; a group is then taken
// apart and its members are handled one by one, so that one bad event does not
// spoil the others. A commit whose outcome is unknown is answered 503: the
// broker delivers again, and the idempotency row tells what happened.
//
// A business "no" is an event, not an error. An error means "I do not know"
// and asks for another try; [Permanent] marks one that a person must look at.
package fn
