package ledger

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// writes gathers the journals of a batch, column by column, and the suspense
// cases among them. What the journals do to the accounts is the database's
// part: ledger.apply_journals in 003_ledger.sql.
type writes struct {
	ids, debits, credits                           [][16]byte
	kinds, keys, statuses, correlations            []string
	currencies                                     []string
	reasons                                        []*string
	amounts                                        []int64
	debitSeqs, debitBalances, creditSeqs, balances []*int64
	cases                                          []suspended
}

// suspended is one suspense case to open.
type suspended struct {
	journal uuid.UUID
	posting Posting
	outcome Outcome
}

// add notes the journal of p with outcome o. The customer's account is credited,
// unless the kind takes from it; the other side is the bank's own, or the other
// customer's. A suspended amount goes to the bank's own account for it.
func (w *writes) add(p Posting, o Outcome) error {
	customer, err := uuid.Parse(p.AccountID)
	if err != nil {
		return fmt.Errorf("account: %w", err)
	}
	other := houseAccount(counterpart(p.Kind), p.Currency)
	if p.Kind == Transfer {
		if other, err = uuid.Parse(p.ToAccountID); err != nil {
			return fmt.Errorf("account to give to: %w", err)
		}
	}
	journal := journalID(p.BusinessKey)
	status, reason := o.Status, (*string)(nil)
	var seq, balance, toSeq, toBalance *int64
	switch o.Status {
	case Suspended:
		status = Posted
		w.cases = append(w.cases, suspended{journal, p, o})
		customer = houseAccount(Suspense, p.Currency)
	case Failed:
		text := string(o.Reason)
		reason = &text
	case Posted:
		seq, balance = &o.AccountSeq, &o.BalanceMinor
		if p.Kind == Transfer {
			toSeq, toBalance = &o.To.AccountSeq, &o.To.BalanceMinor
		}
	}
	w.ids, w.kinds, w.keys = append(w.ids, journal), append(w.kinds, string(p.Kind)), append(w.keys, p.BusinessKey)
	w.statuses, w.reasons = append(w.statuses, string(status)), append(w.reasons, reason)
	w.correlations = append(w.correlations, p.CorrelationID)
	w.currencies, w.amounts = append(w.currencies, string(p.Currency)), append(w.amounts, p.AmountMinor)
	debit, credit, debitSeq, debitBalance, creditSeq, creditBalance := other, customer, toSeq, toBalance, seq, balance
	if p.Kind.debits() {
		debit, credit, debitSeq, debitBalance, creditSeq, creditBalance = customer, other, seq, balance, toSeq, toBalance
	}
	w.debits, w.debitSeqs, w.debitBalances = append(w.debits, debit), append(w.debitSeqs, debitSeq), append(w.debitBalances, debitBalance)
	w.credits, w.creditSeqs, w.balances = append(w.credits, credit), append(w.creditSeqs, creditSeq), append(w.balances, creditBalance)
	return nil
}

// queue adds the statements that store everything.
func (w *writes) queue(batch *pgx.Batch) {
	if len(w.ids) == 0 {
		return
	}
	batch.Queue(`
		insert into ledger.journal (posted_at, id, kind, business_key, status, reason, correlation_id,
		       debit_account, credit_account, currency, amount_minor,
		       debit_seq, debit_balance_minor, credit_seq, credit_balance_minor)
		select now(), n.* from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
		       $7::uuid[], $8::uuid[], $9::text[], $10::bigint[],
		       $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[]) n`,
		w.ids, w.kinds, w.keys, w.statuses, w.reasons, w.correlations,
		w.debits, w.credits, w.currencies, w.amounts,
		w.debitSeqs, w.debitBalances, w.creditSeqs, w.balances)
	for _, c := range w.cases {
		batch.Queue(`
			insert into ledger.suspense_case (id, journal_id, account_id, amount_minor, currency, reason)
			values ($1, $2, $3, $4, $5, $6)`,
			c.outcome.CaseID, c.journal, c.posting.AccountID, c.posting.AmountMinor, c.posting.Currency, c.outcome.Reason)
	}
}
