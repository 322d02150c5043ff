// Package notification owns what customers are told: the table of schema
// notification, one row per thing to say, customer and channel.
//
// Sending cannot be made to happen exactly once; it can be claimed once. A row
// is therefore claimed, and the claim committed, before anything is sent:
//
//	pending ── Claim ──> sending ── Confirm ──> sent
//	  │ │ ▲                │ │ │
//	  │ │ └── TakeBack ────┘ │ └── Park ──> parked    nobody knows whether it went out
//	  │ │   certainly not sent │
//	  │ └──── Fail ────────────┴──────────> failed    the other side will not take it
//	  └────── Expire ─────────────────────> expired   too late to be worth sending
//
// A row found in sending is what a crash left, or an outcome that is unknown
// still. Who may send it again, and who must not, is decided in the room
// notify. The final states never change.
//
// Content holds ids and amounts only. Name, address and number of the customer
// are looked up when the message is sent, and are stored nowhere else.
package notification
