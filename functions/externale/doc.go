// Package externale speaks to the external system E, in which an account is
// closed after Mambu has closed it. It is the only code that does. The
// contract, with every status and what it means, is docs/external-e.md.
//
// [Client.Close] asks for the closure and settles what the answer means:
//
//	result, err := client.Close(ctx, externale.CloseRequest{AccountID: id, ClosureID: closureID, Key: key})
//	switch {
//	case err != nil:               // *outside.Unknown: again later, same request
//	case result.Refused != nil:    // a person must look; nothing was closed
//	default:                       // closed, at result.ClosedAt
//	}
//
// The account's own state has the last word: a lost answer, a 5xx and every
// refusal are read back, and an account found CLOSED is closed. OPEN settles
// nothing after an unknown outcome, since the request may still be on its way.
//
// Package externaletest is the emulator.
package externale
