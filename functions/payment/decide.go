package payment

import (
	"errors"
	"fmt"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/stripe"
)

// What contradicts the books; a person must look.
var (
	errSecondCharge  = errors.New("the processor captured a second charge for a payment that is captured")
	errNeverCharged  = errors.New("the processor captured a charge that was never asked for")
	errOtherPayment  = errors.New("the charge names another payment")
	errStrangerMoney = errors.New("the processor captured money for a payment that is not in the books")
)

// differentAmount is the reason of a refund that is due because the processor
// took another amount than it was asked to.
const differentAmount events.Reason = "The processor captured another amount"

// decision is what an answer makes of a payment.
type decision struct {
	move       bool // whether anything changes
	settlement invoicing.Settlement
	pays       bool // the invoice, too
}

// decide is the lattice: what the processor says about the charge of a payment,
// against what the books say. Only forward: an answer that is older than what
// is recorded changes nothing.
func decide(p invoicing.Payment, i invoicing.Invoice, r stripe.ChargeResult) (decision, error) {
	if r.PaymentID != "" && r.PaymentID != p.ID {
		return decision{}, fmt.Errorf("charge %s, payment %s: %w", r.IntentID, p.ID, errOtherPayment)
	}
	switch r.Outcome {
	case stripe.Captured:
		return captured(p, i, r)
	case stripe.Refused:
		if !p.State.Unsettled() {
			return decision{}, nil // a failure after a success un-pays nothing
		}
		return to(invoicing.Settlement{State: invoicing.Failed, Reference: r.IntentID, Reason: refusedFor(r)}), nil
	case stripe.Pending:
		if p.State != invoicing.Charging {
			return decision{}, nil
		}
		return to(invoicing.Settlement{State: invoicing.Pending, Reference: r.IntentID}), nil
	}
	return decision{}, fmt.Errorf("charge %s: outcome %q is not known here", r.IntentID, r.Outcome)
}

func captured(p invoicing.Payment, i invoicing.Invoice, r stripe.ChargeResult) (decision, error) {
	taken := invoicing.Settlement{State: invoicing.RefundDue, Reference: r.IntentID, ChargedAt: r.At}
	switch p.State {
	case invoicing.Captured, invoicing.RefundDue:
		if p.ProcessorReference != r.IntentID {
			return decision{}, fmt.Errorf("charge %s, payment %s with %s: %w", r.IntentID, p.ID, p.ProcessorReference, errSecondCharge)
		}
		return decision{}, nil
	case invoicing.Charging, invoicing.Pending, invoicing.Failed:
	default:
		return decision{}, fmt.Errorf("charge %s, payment %s in state %s: %w", r.IntentID, p.ID, p.State, errNeverCharged)
	}
	switch {
	case r.AmountMinor != p.AmountMinor || money.Currency(r.Currency) != p.Currency:
		taken.Reason = differentAmount
	case i.State != invoicing.InvoiceOpen:
		taken.Reason = events.InvoiceNotPayable
	default:
		taken.State = invoicing.Captured
		return decision{move: true, settlement: taken, pays: true}, nil
	}
	return to(taken), nil
}

func to(s invoicing.Settlement) decision { return decision{move: true, settlement: s} }

// refusedFor is the processor's code for the refusal.
func refusedFor(r stripe.ChargeResult) events.Reason {
	if r.Refusal == nil || r.Refusal.Code == "" || len(r.Refusal.Code) > 200 {
		return events.PaymentDeclined
	}
	return events.Reason(r.Refusal.Code)
}
