package api

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"quittance.dev/functions/accounts"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/ledger"
)

// What is somebody else's is answered like what is not there. Each statement finds
// the owners of one thing at once, so that both take the same time, too.
const (
	ownersOfAccount = `
		select c.owner::text from accounts.account a join accounts.customer c on c.id = a.customer_id where a.id = $1`
	ownersOfOperation = `
		select c.owner::text from banking.operation o
		join accounts.account a on a.id = o.account_id join accounts.customer c on c.id = a.customer_id where o.id = $1`
	// An invoice is its payee's and its payer's.
	ownersOfInvoice = `
		select c.owner::text from invoicing.invoice i
		join accounts.account a on a.id = i.account_id
		join accounts.customer c on c.id in (a.customer_id, i.customer_id) where i.id = $1`
	ownersOfPayment = `
		select c.owner::text from invoicing.payment p join invoicing.invoice i on i.id = p.invoice_id
		join accounts.account a on a.id = i.account_id
		join accounts.customer c on c.id in (a.customer_id, i.customer_id) where p.id = $1`
	// A journey goes by the id of what began it. Who gets a transfer learns its id and
	// might give it to an operation of theirs, so what a transfer has is the transfer's;
	// likewise with what the bank gives and takes, whose journey is nobody's.
	ownersOfJourney = `with transfer as (` + ownersOfTransfer + `) select * from transfer union all select * from (` +
		ownersOfAccount + ` union all` + ownersOfOperation + ` union all` + ownersOfPayment + `) other where not exists (select from transfer) and not exists (select from banking.bank_transaction where id = $1)`
	// A transfer is whoever's its debited account is.
	ownersOfTransfer = `
		select c.owner::text from banking.transfer t
		join accounts.account a on a.id = case t.direction when 'debit' then t.src_account_id else t.dst_account_id end
		join accounts.customer c on c.id = a.customer_id where t.id = $1`
)

// owns returns errNotFound unless the thing is the caller's own.
func (a *api) owns(ctx context.Context, ownersOf, id string) error {
	if !isID(id) {
		return errNotFound
	}
	rows, err := a.host.Pool().Query(ctx, ownersOf, id)
	if err != nil {
		return fmt.Errorf("read owners: %w", err)
	}
	owners, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read owners: %w", err)
	}
	if !slices.Contains(owners, caller(ctx).ID) {
		return errNotFound
	}
	return nil
}

// reads returns errNotFound unless the caller may read the thing: it is the
// caller's own, or the caller reads everything.
func (a *api) reads(ctx context.Context, ownersOf, id string) error {
	if caller(ctx).May(identity.Operator) {
		return nil
	}
	return a.owns(ctx, ownersOf, id)
}

// ownAccount reads an account of the caller's and its state in the ledger.
func (a *api) ownAccount(ctx context.Context, id string) (accounts.Account, ledger.Account, error) {
	account, inLedger, err := a.account(ctx, id)
	if err == nil && account.Owner != caller(ctx).ID {
		return accounts.Account{}, ledger.Account{}, errNotFound
	}
	return account, inLedger, err
}
