package receipt_test

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/receipt"
)

func sample() (invoicing.Receipt, invoicing.Invoice, invoicing.Payment) {
	issued := time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)
	i := invoicing.Invoice{ID: "6f1c1f0e-0000-4000-8000-000000000001", AccountID: "6f1c1f0e-0000-4000-8000-00000000000a",
		CustomerID: "6f1c1f0e-0000-4000-8000-00000000000c", AmountMinor: 123456, Currency: "EUR", Reference: "Rechnung Nr. 17/2026 (Löschfahrzeug, 3 €)",
		State: invoicing.InvoicePaid, PaidAt: issued.Add(-24 * time.Hour)}
	p := invoicing.Payment{ID: "6f1c1f0e-0000-4000-8000-000000000002", InvoiceID: i.ID, Method: invoicing.Card,
		PaymentMethod: "pm_secret_token", Processor: "stripe", ProcessorReference: "pi_3MtwBwLkdIwHu7ix28a3tqPa"}
	r := invoicing.Receipt{ID: "6f1c1f0e-0000-4000-8000-000000000003", InvoiceID: i.ID, PaymentID: p.ID,
		Issuer: "quittance", Number: 17, IssuedAt: issued}
	return r, i, p
}

// parse reads a PDF as a reader does: from the end to the cross-reference
// table, to the objects; it gives the text of the pages, line by line.
func parse(t *testing.T, pdf []byte) (pages int, lines []string) {
	t.Helper()
	require.True(t, bytes.HasPrefix(pdf, []byte("%PDF-1.")))
	require.True(t, bytes.HasSuffix(bytes.TrimRight(pdf, "\n"), []byte("%%EOF")))
	start := regexp.MustCompile(`startxref\s+(\d+)\s+%%EOF`).FindSubmatch(pdf)
	require.NotNil(t, start)
	xref, err := strconv.Atoi(string(start[1]))
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(pdf[xref:], []byte("xref\n0 ")))
	entries := regexp.MustCompile(`(\d{10}) 00000 n`).FindAllSubmatch(pdf[xref:], -1)
	require.NotEmpty(t, entries)
	for number, entry := range entries {
		at, err := strconv.Atoi(string(entry[1]))
		require.NoError(t, err)
		object := pdf[at:]
		require.True(t, bytes.HasPrefix(object, []byte(strconv.Itoa(number+1)+" 0 obj")), "object %d", number+1)
		object = object[:bytes.Index(object, []byte("endobj"))]
		if bytes.Contains(object, []byte("/Type /Page\n")) {
			pages++
		}
		body, ok := bytes.CutPrefix(object[max(bytes.Index(object, []byte("stream\n")), 0):], []byte("stream\n"))
		if !ok {
			continue
		}
		require.NotContains(t, string(object), "/Filter", "object %d", number+1)
		content := body[:bytes.Index(body, []byte("endstream"))]
		for _, show := range regexp.MustCompile(`\(((?:[^()\\]|\\.)*)\)\s?Tj`).FindAllSubmatch(content, -1) {
			lines = append(lines, regexp.MustCompile(`\\(.)`).ReplaceAllString(string(show[1]), "$1"))
		}
	}
	return pages, lines
}

func TestRender(t *testing.T) {
	t.Parallel()
	r, i, p := sample()
	pdf, err := receipt.Render("Quittance", r, i, p)
	require.NoError(t, err)
	require.Less(t, len(pdf), 4<<10, "small")
	pages, lines := parse(t, pdf)
	require.Equal(t, 1, pages)
	require.Equal(t, []string{"Quittance", "Receipt",
		"Receipt number", "QUITTANCE-00000017", "Date of issue", "2026-03-04", "Invoice", "Rechnung Nr. 17/2026 (L\xf6schfahrzeug, 3 \x80)",
		"Paid on", "2026-03-03", "Paid by", "Card", "Amount paid", "1234.56 EUR",
		"Receipt id", r.ID, "Invoice id", i.ID, "Payment id", p.ID, "Processor", "stripe pi_3MtwBwLkdIwHu7ix28a3tqPa"}, lines)
	require.Contains(t, string(pdf), "/CreationDate (D:20260304050607")
	require.Contains(t, string(pdf), "/ModDate (D:20260304050607")
	require.NotContains(t, string(pdf), "pm_secret_token")
	require.NotContains(t, strings.Join(lines, "\n"), i.CustomerID, "A31: it names nobody")
}

func TestRender_SameRowsSameBytes(t *testing.T) {
	t.Parallel()
	r, i, p := sample()
	first, err := receipt.Render("Quittance", r, i, p)
	require.NoError(t, err)
	for range 5 {
		again, err := receipt.Render("Quittance", r, i, p)
		require.NoError(t, err)
		require.True(t, bytes.Equal(first, again))
	}
	r.Number++
	other, err := receipt.Render("Quittance", r, i, p)
	require.NoError(t, err)
	require.False(t, bytes.Equal(first, other))
}

// Every currency's digits; every reference that an invoice may have.
func TestRender_AmountsAndReferences(t *testing.T) {
	t.Parallel()
	r, i, p := sample()
	for want, amount := range map[string]invoicing.Invoice{
		"1 JPY":                    {AmountMinor: 1, Currency: "JPY"},
		"0.001 KWD":                {AmountMinor: 1, Currency: "KWD"},
		"92233720368547758.07 EUR": {AmountMinor: 9223372036854775807, Currency: "EUR"},
	} {
		i.AmountMinor, i.Currency = amount.AmountMinor, amount.Currency
		pdf, err := receipt.Render("Quittance", r, i, p)
		require.NoError(t, err)
		_, lines := parse(t, pdf)
		require.Contains(t, lines, want)
	}
	for _, reference := range []string{strings.Repeat("W", 140), strings.Repeat("INV 2026 ", 15), "\\)(", "счёт 17", "請求書", "🧾", "\u202eevil"} {
		i.Reference = reference
		pdf, err := receipt.Render("Quittance", r, i, p)
		require.NoError(t, err, reference)
		pages, lines := parse(t, pdf)
		require.Equal(t, 1, pages, reference)
		require.Contains(t, lines, r.ID, reference)
	}
}
