// Package bench measures the bank and prints ratios.
//
// A figure such as "5,000 postings a second" says more about the machine than
// about the code. So everything here is measured beside something that anybody
// knows, in the same run, on the same machine and the same Postgres, in turns
// (a round of each, then the next round), and the result is the median of the
// rounds' ratios. The raw figures stand beside.
//
//	postings   the ledger function behind its real door, 64 clients over
//	           loopback TCP, against pgbench's TPC-B and against the smallest
//	           keyed transfer that pgbench can make
//	transfers  the same through the API: token, idempotency key, outbox,
//	           posting, stored answer; and how long they take at half of the
//	           rate
//	journeys   both journeys of the bank through the brokers, against the same
//	           events through the same brokers and Triggers to services that do
//	           nothing
//	sizes      a function's binary, its memory and its time to the first
//	           answer; the whole bank's memory and its time to ready
//
// A benchmark that counts work that was not done is worth nothing: after each
// run the books are checked, and a difference is an error, not a footnote.
package bench
