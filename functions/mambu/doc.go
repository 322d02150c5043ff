// Package mambu speaks Mambu's API v2, as far as closing a deposit account
// needs it. It is the only code that does.
//
// [Client.Close] posts the CLOSE action and settles what the answer means:
//
//	result, err := client.Close(ctx, mambu.CloseRequest{AccountID: id, Key: closureID, Notes: frozen})
//	switch {
//	case err != nil:               // *outside.Unknown: again later, same key, same notes
//	case result.Refused != nil:    // a person must look; nothing was closed
//	default:                       // closed, at result.ClosedAt
//	}
//
// What an answer means is a table, [Meaning], held by one pure function,
// [Classify]. On top of it stand three rules.
//
//   - The account's own state has the last word. "Already closed", a success
//     without a readable body, and every refusal are read back before they are
//     believed: an account found CLOSED is closed, whatever the answer was.
//     A timeout, a cut line or a 5xx is read back too, if there is time.
//   - "Not closed yet" proves nothing after an unknown outcome: the request may
//     still be on its way. It stays unknown, and the same key settles it.
//   - Wrong credentials, rights or addresses are unknown and misconfigured:
//     no retry helps, and they must not look like a refusal of this account.
//
// One key belongs to one request. After a refusal that a person has mended,
// the next try takes a new key, since Mambu may keep the old refusal.
//
// Sources: Mambu's reference for deposits, change-state, idempotency and error
// codes. Mambu does not document which reason a CLOSE returns in which case;
// the rules above hold whichever it is. Package mambutest is the emulator.
package mambu
