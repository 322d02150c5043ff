package fn

import "quittance.dev/events"

// DecodeDeposit is decodeInto for one payload, for the fuzzer.
var DecodeDeposit = decodeInto[events.DepositRequested]
