package invoicing_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/invoicing/invoicingtest"
	"quittance.dev/functions/pgtest"
)

// The owner of the tables may write anything, and still no row that breaks a
// rule: each rule refuses by its own name.
func TestI14toI17_TheDatabaseHoldsTheRules(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t).Pool("")
	d, ctx := invoicingtest.Open(t, owner), t.Context()

	open := d.Invoice(t)
	submitted := d.Submit(t, open)
	second := d.Submit(t, open)
	charging := d.Charging(t, d.Invoice(t))
	elsewhere := d.Charging(t, d.Invoice(t))
	paid := d.Paid(t)
	exec := func(sql string, args ...any) error {
		_, err := owner.Exec(ctx, sql, args...)
		return err
	}
	// Charging like elsewhere, which the code itself refuses of a paid invoice.
	also := d.Submit(t, invoicing.NewInvoice{ID: paid.InvoiceID, AmountMinor: paid.AmountMinor, Currency: paid.Currency})
	require.NoError(t, exec(`update invoicing.payment set state = 'validated' where id = $1`, also.ID))
	require.NoError(t, exec(`update invoicing.payment set state = 'charging', processor = 'stripe', charge_key = gen_random_uuid(), charge_key_at = now(), journey = 'j'
		where id = $1`, also.ID))
	require.NoError(t, exec(`insert into invoicing.receipt (id, invoice_id, payment_id, issuer, number, pdf, issued_at)
		values (gen_random_uuid(), $1, $2, 'quittance', 1, '%PDF-1.3', now())`, paid.InvoiceID, paid.PaymentID))
	unreceipted := d.Paid(t)
	newReceipt := `insert into invoicing.receipt (id, invoice_id, payment_id, issuer, number, pdf, issued_at) values (gen_random_uuid(), `
	capture := ` state = 'captured', charged_at = now(), `

	for _, tt := range []struct {
		rule string
		sql  string
		args []any
	}{
		{"invoice_amount_positive", `insert into invoicing.invoice (id, account_id, customer_id, amount_minor, currency, reference) values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 0, 'EUR', 'x')`, nil},
		{"invoice_has_reference", `insert into invoicing.invoice (id, account_id, customer_id, amount_minor, currency, reference) values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'EUR', '')`, nil},
		{"invoice_id", `insert into invoicing.invoice select * from invoicing.invoice where id = $1`, []any{open.ID}},
		{"invoice_state_known", `insert into invoicing.invoice (id, account_id, customer_id, amount_minor, currency, reference, state) values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'EUR', 'x', 'settled')`, nil},
		{"paid_invoice_has_payment", `insert into invoicing.invoice (id, account_id, customer_id, amount_minor, currency, reference, state, paid_at) values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'EUR', 'x', 'paid', now())`, nil},
		{"paid_invoice_has_time", `insert into invoicing.invoice (id, account_id, customer_id, amount_minor, currency, reference, state, payment_id) values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'EUR', 'x', 'paid', $1)`, []any{paid.PaymentID}},
		{"invoice_paid_by", `insert into invoicing.invoice (id, account_id, customer_id, amount_minor, currency, reference, state, payment_id, paid_at) values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 12050, 'EUR', 'x', 'paid', $1, now())`, []any{paid.PaymentID}},
		{"invoice_paid_by", `update invoicing.invoice set state = 'paid', paid_at = now(), payment_id = $2 where id = $1`, []any{open.ID, paid.PaymentID}},
		{"invoice_paid_by_captured_payment", `update invoicing.invoice set state = 'paid', paid_at = now(), payment_id = $2 where id = $1`, []any{charging.InvoiceID, charging.ID}},
		{"invoice_paid_by_captured_payment", `update invoicing.invoice set payment_id = $2 where id = $1`, []any{paid.InvoiceID, also.ID}},
		{"invoice_moves_forward", `update invoicing.invoice set state = 'open', paid_at = null, payment_id = null where id = $1`, []any{paid.InvoiceID}},
		{"invoice_moves_forward", `update invoicing.invoice set state = 'cancelled', paid_at = null, payment_id = null where id = $1`, []any{paid.InvoiceID}},
		{"invoice_terms_fixed", `update invoicing.invoice set amount_minor = 1 where id = $1`, []any{open.ID}},

		{"payment_amount_positive", `insert into invoicing.payment (id, invoice_id, amount_minor, currency, method, payment_method) values (gen_random_uuid(), $1, -5, 'EUR', 'card', 'pm')`, []any{open.ID}},
		{"payment_id", `insert into invoicing.payment select * from invoicing.payment where id = $1`, []any{submitted.ID}},
		{"payment_of_invoice", `insert into invoicing.payment (id, invoice_id, amount_minor, currency, method, payment_method) values (gen_random_uuid(), gen_random_uuid(), 5, 'EUR', 'card', 'pm')`, nil},
		{"payment_method_known", `insert into invoicing.payment (id, invoice_id, amount_minor, currency, method, payment_method, state) values (gen_random_uuid(), $1, 5, 'EUR', 'cheque', 'pm', 'validated')`, []any{open.ID}},
		{"card_number_not_stored", `insert into invoicing.payment (id, invoice_id, amount_minor, currency, method, payment_method) values (gen_random_uuid(), $1, 5, 'EUR', 'card', '4242 4242 4242 4242')`, []any{open.ID}},
		{"payment_state_known", `insert into invoicing.payment (id, invoice_id, amount_minor, currency, method, payment_method, state) values (gen_random_uuid(), $1, 5, 'EUR', 'card', 'pm', 'done')`, []any{open.ID}},
		{"refused_payment_has_reason", `update invoicing.payment set state = 'rejected' where id = $1`, []any{submitted.ID}},
		{"refused_payment_has_reason", `update invoicing.payment set state = 'failed' where id = $1`, []any{charging.ID}},
		{"charged_payment_has_key", `insert into invoicing.payment (id, invoice_id, amount_minor, currency, method, payment_method, state) values (gen_random_uuid(), $1, 5, 'EUR', 'card', 'pm', 'charging')`, []any{open.ID}},
		{"charge_key_is_complete", `update invoicing.payment set charge_key = gen_random_uuid() where id = $1`, []any{submitted.ID}},
		{"pending_payment_has_reference", `update invoicing.payment set state = 'pending' where id = $1`, []any{charging.ID}},
		{"captured_payment_has_reference", `update invoicing.payment set` + capture + `reason = null where id = $1`, []any{charging.ID}},
		{"captured_payment_has_time", `update invoicing.payment set state = 'captured', processor_reference = 'pi_x' where id = $1`, []any{charging.ID}},
		{"charge_once", `update invoicing.payment set` + capture + `processor_reference = (select processor_reference from invoicing.payment where id = $2) where id = $1`, []any{charging.ID, paid.PaymentID}},
		{"charge_key_once", `update invoicing.payment set charge_key = $2, charge_key_at = now(), journey = 'j', processor = 'stripe' where id = $1`, []any{submitted.ID, charging.ChargeKey}},
		{"charge_key_frozen", `update invoicing.payment set charge_key = gen_random_uuid() where id = $1`, []any{charging.ID}},
		{"charge_key_frozen", `update invoicing.payment set charge_key_at = now() + interval '1 hour' where id = $1`, []any{charging.ID}},
		{"payment_terms_fixed", `update invoicing.payment set amount_minor = 1 where id = $1`, []any{elsewhere.ID}},
		{"payment_terms_fixed", `update invoicing.payment set invoice_id = $2 where id = $1`, []any{elsewhere.ID, open.ID}},
		{"one_captured_payment_per_invoice", `update invoicing.payment set` + capture + `processor_reference = 'pi_second' where id = $1`, []any{also.ID}},
		{"payment_moves_forward", `update invoicing.payment set state = 'failed', charged_at = null, reason = 'late' where id = $1`, []any{paid.PaymentID}},
		{"payment_moves_forward", `update invoicing.payment set state = 'captured', charged_at = now(), charge_key = gen_random_uuid(), charge_key_at = now(), journey = 'j', processor = 'stripe', processor_reference = 'pi' where id = $1`, []any{second.ID}},

		{"receipt_of_paid_invoice", newReceipt + `$1, $2, 'quittance', 2, '%PDF-1.3', now())`, []any{open.ID, submitted.ID}},
		{"receipt_of_paid_invoice", newReceipt + `$1, $2, 'quittance', 2, '%PDF-1.3', now())`, []any{unreceipted.InvoiceID, submitted.ID}},
		{"one_receipt_per_invoice", newReceipt + `$1, $2, 'quittance', 2, '%PDF-1.3', now())`, []any{paid.InvoiceID, paid.PaymentID}},
		{"receipt_number_once", newReceipt + `$1, $2, 'quittance', 1, '%PDF-1.3', now())`, []any{unreceipted.InvoiceID, unreceipted.PaymentID}},
		{"receipt_number_positive", newReceipt + `$1, $2, 'quittance', 0, '%PDF-1.3', now())`, []any{unreceipted.InvoiceID, unreceipted.PaymentID}},
		{"receipt_issuer_known", newReceipt + `$1, $2, 'somebody', 2, '%PDF-1.3', now())`, []any{unreceipted.InvoiceID, unreceipted.PaymentID}},
		{"receipt_is_pdf", newReceipt + `$1, $2, 'quittance', 2, '<html>', now())`, []any{unreceipted.InvoiceID, unreceipted.PaymentID}},
		{"receipt_stands", `update invoicing.receipt set number = 7`, nil},
		{"receipt_stands", `delete from invoicing.receipt`, nil},
		{"receipt_stands", `truncate invoicing.receipt`, nil},
		{"receipt_counter_issuer", `insert into invoicing.receipt_counter (issuer) values ('quittance')`, nil},
	} {
		var refused *pgconn.PgError
		require.True(t, errors.As(exec(tt.sql, tt.args...), &refused), "%s: %s went through", tt.rule, tt.sql)
		require.Equal(t, tt.rule, refused.ConstraintName, "%s: %s", tt.sql, refused.Message)
	}
	require.NoError(t, exec(newReceipt+`$1, $2, 'quittance', 2, '%PDF-1.3', now())`, unreceipted.InvoiceID, unreceipted.PaymentID))
}

// The lattice in Go and the one in the database are the same.
func TestF22_PaymentsMoveForwardOnly(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t).Pool("")
	d, ctx := invoicingtest.Open(t, owner), t.Context()
	i := d.Invoice(t)
	set := `update invoicing.payment set state = $2, reason = 'r', processor_reference = id::text,
		charged_at = case when $2 in ('captured', 'refund_due') then now() end where id = $1`
	for _, from := range invoicing.States() {
		for _, to := range invoicing.States() {
			if from == to {
				continue
			}
			p := d.Charging(t, i)
			tx, err := owner.Begin(ctx)
			require.NoError(t, err)
			_, err = tx.Exec(ctx, `alter table invoicing.payment disable trigger payment_moves_forward`)
			require.NoError(t, err)
			_, err = tx.Exec(ctx, set, p.ID, from)
			require.NoError(t, err)
			_, err = tx.Exec(ctx, `alter table invoicing.payment enable trigger payment_moves_forward`)
			require.NoError(t, err)
			_, err = tx.Exec(ctx, set, p.ID, to)
			require.NoError(t, tx.Rollback(ctx))
			require.Equal(t, from.CanBecome(to), err == nil, "%s -> %s: %v", from, to, err)
		}
	}
	require.False(t, invoicing.Captured.Unsettled())
	require.True(t, invoicing.Charging.Unsettled())
	require.True(t, invoicing.Pending.Unsettled())
}
