// Package client calls the bank's API from Go. It imports nothing but the standard
// library.
//
//	bank, err := client.New("https://bank.example", client.Options{Token: client.StaticToken(token)})
//	if err != nil {
//		return err
//	}
//	key := client.NewKey() // keep it where the request is kept
//	asked, err := bank.Withdraw(ctx, key, client.Movement{AccountID: id, Amount: "100.00"})
//	if err != nil {
//		return err
//	}
//	done, err := bank.AwaitOperation(ctx, asked.Body.OperationID)
//
// There is one method for each operation of the OpenAPI document, by the name that
// it has there, and one type for each of its schemas.
//
// # Asking again
//
// Whatever changes something takes a [Key]. While it is not known what became of a
// request (no answer came, or one that passes: 409 in-flight, 429, 5xx), the client
// sends it again, byte for byte and under the same key, so that the bank does it
// once. When it gives up, the error matches [ErrUnknown]: ask again under the same
// key, tomorrow if need be, or look the key up with [Client.GetIdempotencyKey].
//
// # Refusals
//
// What the bank refuses is a [*Problem] with a [ProblemType] from the fixed list of
// the document:
//
//	if problem, ok := errors.AsType[*client.Problem](err); ok && problem.Type == client.NotFound {
//
// # Amounts
//
// An [Amount] is a decimal number as text, so that no float comes near it. How many
// digits it may have behind the point, its currency decides.
package client
