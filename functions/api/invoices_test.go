package api

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

const visa = `{"amount":12.50,"currency":"EUR","method":"card","payment_method":"pm_card_visa"}`

func TestD01_AnInvoiceFromWritingToReceipt(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	invoice := b.invoice(account)
	path := "/invoices/" + invoice
	got := b.get(path)
	read := as[Invoice](t, got, 200)
	require.EqualValues(t, "open", read.Status)
	require.Contains(t, got.body, `"amount":12.50`)
	require.Contains(t, got.body, `"payments":[]`)
	refused(t, b.get(path+"/receipt"), notFound)

	got = b.post(path+"/payments", visa)
	payment := as[Payment](t, got, 202)
	require.Equal(t, "/payments/"+payment.PaymentID, got.header.Get("Location"))
	require.Equal(t, payment.PaymentID, got.header.Get("Quittance-Journey"))
	require.EqualValues(t, "submitted", payment.Status)
	require.NotContains(t, got.body, "pm_card_visa", "the means of payment stays in its row")
	require.Equal(t, payment, as[Payment](t, b.get("/payments/"+payment.PaymentID), 200))
	require.Equal(t, 1, b.said("payment.submitted"))
	require.NotContains(t, one[string](b, `select string_agg(data::text, ' ') from delivery.outbox`), "pm_card")

	b.exec(`update invoicing.payment set state = 'validated' where id = $1`, payment.PaymentID)
	b.exec(`update invoicing.payment set state = 'charging', processor = 'stripe', charge_key = $2, charge_key_at = now(), journey = $1::text where id = $1`, payment.PaymentID, uuid.NewString())
	b.exec(`update invoicing.payment set state = 'captured', processor_reference = 'pi_1', charged_at = now() where id = $1`, payment.PaymentID)
	b.exec(`update invoicing.invoice set state = 'paid', payment_id = $2, paid_at = now() where id = $1`, invoice, payment.PaymentID)
	b.exec(`insert into invoicing.receipt (id, invoice_id, payment_id, issuer, number, pdf, issued_at)
		values ($1, $2, $3, 'quittance', 7, '%PDF-1.4 tiny'::bytea, now())`, uuid.NewString(), invoice, payment.PaymentID)

	read = as[Invoice](t, b.get(path), 200)
	require.EqualValues(t, "paid", read.Status)
	require.Equal(t, payment.PaymentID, read.PaymentID)
	require.Len(t, read.Payments, 1)
	require.EqualValues(t, "captured", read.Payments[0].Status)
	require.Equal(t, "pi_1", read.Payments[0].ProcessorReference)
	require.EqualValues(t, 7, read.Receipt.Number)

	got = b.get(read.Receipt.Href)
	require.Equal(t, 200, got.status)
	require.Equal(t, "%PDF-1.4 tiny", got.body)
	require.Equal(t, "application/pdf", got.header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="receipt-7.pdf"`, got.header.Get("Content-Disposition"))
	require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
}

func TestWhatAnInvoiceNeeds(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account, customer := b.account("JPY"), b.customer()
	before := b.rows()
	write := func(account, customer, amount, currency, reference string) answer {
		return b.post("/invoices", `{"account_id":"`+account+`","customer_id":"`+customer+`","amount":`+amount+`,"currency":"`+currency+`","reference":"`+reference+`"}`)
	}
	refused(t, write(uuid.NewString(), customer, "1", "JPY", "x"), notFound)
	refused(t, write(account, uuid.NewString(), "1", "JPY", "x"), notFound)
	for pointer, got := range map[string]answer{
		"/currency":  write(account, customer, "1", "EUR", "x"),
		"/reference": write(account, customer, "1", "JPY", `two\nlines`),
	} {
		require.Equal(t, pointer, refused(t, got, invalidContent).Errors[0].Pointer)
	}
	require.Equal(t, "/amount", refused(t, write(account, customer, "1.5", "JPY", "x"), invalidAmount).Errors[0].Pointer)
	require.Equal(t, "/reference", refused(t, write(account, customer, "1", "JPY", ""), invalidContent).Errors[0].Pointer)
	require.Equal(t, before, b.rows())
	b.exec(`update ledger.account set status = 'closing', closing_at = now() where id = $1`, account)
	require.Equal(t, "Account is closing", refused(t, write(account, customer, "1", "JPY", "x"), accountNotOpen).Reason)
	b.exec(`update ledger.account set status = 'closed', closed_at = now() where id = $1`, account)
	require.Equal(t, "Account is closed", refused(t, write(account, customer, "1", "JPY", "x"), accountNotOpen).Reason)
}

func TestWhatAPaymentNeeds(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	invoice := b.invoice(b.account("EUR"))
	before := b.rows()
	refused(t, b.post("/invoices/"+uuid.NewString()+"/payments", visa), notFound)
	refused(t, b.post("/invoices/x/payments", visa), notFound)
	pay := func(currency, method, token string) answer {
		return b.post("/invoices/"+invoice+"/payments", `{"amount":12.5,"currency":"`+currency+`","method":"`+method+`","payment_method":"`+token+`"}`)
	}
	for pointer, got := range map[string]answer{
		"/currency": pay("XXX", "card", "pm_x"),
		"/method":   pay("EUR", "cash", "pm_x"),
	} {
		require.Equal(t, pointer, refused(t, got, invalidContent).Errors[0].Pointer)
	}
	for _, token := range []string{"", "pm_", "tok_visa", "4242424242424242", "pm_4242424242424242", "pm_card visa", "pm_ä"} {
		got := pay("EUR", "card", token)
		require.Equal(t, "/payment_method", refused(t, got, invalidContent).Errors[0].Pointer)
		require.NotContains(t, got.body, "4242")
	}
	require.Equal(t, before, b.rows())
}
