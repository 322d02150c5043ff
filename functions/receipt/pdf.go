package receipt

import (
	"bytes"
	"fmt"

	"codeberg.org/go-pdf/fpdf"

	"quittance.dev/events/money"
	"quittance.dev/functions/invoicing"
)

// Measures of the page, in millimetres, and of the type, in points.
const (
	margin     = 25
	labelWidth = 45
	lineHeight = 7
	textSize   = 10
	titleSize  = 22
)

// dateLayout is ISO 8601: read the same everywhere.
const dateLayout = "2006-01-02"

// Render sets the receipt on one A4 page. It depends on its arguments alone:
// the same rows give the same bytes, so a receipt can be checked against the
// tables at any time. r.PDF is not looked at.
func Render(issuerName string, r invoicing.Receipt, i invoicing.Invoice, p invoicing.Payment) ([]byte, error) {
	pdf := fpdf.New("P", "mm", "A4", "")
	// The built-in fonts speak Windows-1252; other characters become dots.
	text := pdf.UnicodeTranslatorFromDescriptor("")
	pdf.SetCreationDate(r.IssuedAt)
	pdf.SetModificationDate(r.IssuedAt)
	pdf.SetCatalogSort(true)
	pdf.SetCompression(false) // a page of text: to set up the compressor costs more than all the rest
	pdf.SetProducer("Quittance", false)
	pdf.SetTitle("Receipt "+r.FullNumber(), true)
	pdf.SetLang("en")
	pdf.SetMargins(margin, margin, margin)
	pdf.SetAutoPageBreak(false, margin)
	pdf.AddPage()

	pdf.SetFont("Helvetica", "", textSize)
	pdf.CellFormat(0, lineHeight, text(issuerName), "", 1, "L", false, 0, "")
	pdf.SetFont("Helvetica", "B", titleSize)
	pdf.CellFormat(0, 2*lineHeight, "Receipt", "", 1, "L", false, 0, "")
	pdf.Ln(lineHeight)

	amount := money.Amount{Minor: i.AmountMinor, Currency: i.Currency}
	rule(pdf)
	for _, line := range [][2]string{
		{"Receipt number", r.FullNumber()},
		{"Date of issue", r.IssuedAt.Format(dateLayout)},
		{"Invoice", i.Reference},
		{"Paid on", i.PaidAt.Format(dateLayout)},
		{"Paid by", paidBy(p)},
	} {
		row(pdf, line[0], text(line[1]))
	}
	rule(pdf)
	pdf.SetFont("Helvetica", "B", textSize+4)
	pdf.CellFormat(labelWidth, 2*lineHeight, "Amount paid", "", 0, "L", false, 0, "")
	pdf.CellFormat(0, 2*lineHeight, amount.String(), "", 1, "R", false, 0, "")
	rule(pdf)
	pdf.Ln(lineHeight)
	for _, line := range [][2]string{
		{"Receipt id", r.ID},
		{"Invoice id", i.ID},
		{"Payment id", p.ID},
		{"Processor", p.Processor + " " + p.ProcessorReference},
	} {
		row(pdf, line[0], text(line[1]))
	}

	var out bytes.Buffer
	if err := pdf.Output(&out); err != nil {
		return nil, fmt.Errorf("render receipt %s: %w", r.FullNumber(), err)
	}
	return out.Bytes(), nil
}

// row sets a label and its value, which wraps when it is long.
func row(pdf *fpdf.Fpdf, label, value string) {
	pdf.SetFont("Helvetica", "", textSize)
	pdf.SetTextColor(90, 90, 90)
	pdf.CellFormat(labelWidth, lineHeight, label, "", 0, "L", false, 0, "")
	pdf.SetTextColor(0, 0, 0)
	pdf.MultiCell(0, lineHeight, value, "", "L", false)
}

// rule draws a hairline across the page.
func rule(pdf *fpdf.Fpdf) {
	width, _ := pdf.GetPageSize()
	pdf.Ln(2)
	pdf.SetLineWidth(0.2)
	pdf.Line(margin, pdf.GetY(), width-margin, pdf.GetY())
	pdf.Ln(2)
}

func paidBy(p invoicing.Payment) string {
	if p.Method == invoicing.Card {
		return "Card"
	}
	return string(p.Method)
}
