// Package corpus holds bad input, as files, for every door of the bank.
//
// Each line of a .jsonl file is one [Case]: a body (and, for CloudEvents, the
// attributes), the status that the door must answer and the type of the
// problem. Whatever the case, nothing may be written and the process must
// answer afterwards; whoever runs a corpus asserts both.
//
//	json-structure  documents that are no strict JSON, for every route with a JSON body
//	json-names      names that occur twice, in another case, or are not known
//	amounts         what stands where an amount should, also the odd ones that are fine
//	cloudevents     events that no function may accept, for every event door
//
// Bodies are templates round a [Subject], which is a document that the door in
// question would accept:
//
//	{{valid}}    the subject               {{members}}  its members, without braces
//	{{cut}}      it without the last brace  {{rest}}     all members but the first, each behind a comma
//	{{first}}    its first member           {{name}} {{value}}  of the first member
//	{{NAME}} {{Name}} {{folded}} {{escaped}} {{wide}}    the name, spelled otherwise
//	{{bulk}}     the case's bulk text, as often as it says
//
// To add a case, add a line; a fuzz find becomes one.
package corpus
