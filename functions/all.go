// Package functions lists every function of the bank. Each has a folder of its
// own; this is where they meet. To add one, follow docs/checklists.md.
package functions

import (
	"time"

	"go.opentelemetry.io/otel"

	"quittance.dev/functions/api"
	"quittance.dev/functions/audit"
	"quittance.dev/functions/banking"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/closuree"
	"quittance.dev/functions/closuremambu"
	"quittance.dev/functions/deadletter"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/ledgerposting"
	"quittance.dev/functions/notify"
	"quittance.dev/functions/operations"
	"quittance.dev/functions/payment"
	"quittance.dev/functions/projecting"
	"quittance.dev/functions/receipt"
	"quittance.dev/functions/validation"
)

// Outside are the systems that functions speak to.
type Outside struct {
	Mambu closuremambu.Mambu
	E     closuree.E
	Cards payment.Processor
	Mail  notify.EmailSender
	Text  notify.TextSender
}

// Settings are what functions are told.
type Settings struct {
	Payment       payment.Config
	Receipt       receipt.Config
	Notify        notify.Config
	AuditDeadline time.Duration
}

// All makes every function of the bank.
func All(o Outside, s Settings) []fn.Function {
	count := closure.NewCounters(otel.GetMeterProvider())
	return []fn.Function{
		api.Function(),
		validation.New(),
		payment.New(s.Payment, o.Cards),
		ledgerposting.New(),
		receipt.New(s.Receipt),
		closuremambu.New(o.Mambu, count),
		closuree.New(o.E, count),
		notify.New(s.Notify, o.Mail, o.Text),
		operations.New(banking.Book{}),
		projecting.New(),
		deadletter.New(delivery.NewCounters(otel.GetMeterProvider())),
		audit.New(s.AuditDeadline),
	}
}
