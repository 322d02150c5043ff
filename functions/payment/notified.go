package payment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"quittance.dev/events"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/invoicing"
)

// byPayment marks a ProcessorReference that is the id of a payment of ours. No
// processor's ids look like that.
const byPayment = "payment:"

// prepareNotified finds out what to read. It changes nothing.
func (r room) prepareNotified(ctx context.Context, tx fn.Tx, in fn.In[events.ProcessorNotified]) (fn.Plan[request], error) {
	if in.Data.Processor != processorName {
		return fn.Plan[request]{}, fn.Permanent(fmt.Errorf("no processor is called %q", in.Data.Processor))
	}
	reference := in.Data.ProcessorReference
	id, known := strings.CutPrefix(reference, byPayment)
	var p invoicing.Payment
	var err error
	if known {
		p, err = invoicing.FindPayment(ctx, tx, id)
	} else {
		p, err = invoicing.PaymentByReference(ctx, tx, processorName, reference)
	}
	switch {
	case errors.Is(err, invoicing.ErrPaymentNotFound) && known:
		return fn.Plan[request]{}, fn.Permanent(fmt.Errorf("payment %s: %w", id, err))
	case errors.Is(err, invoicing.ErrPaymentNotFound):
		return fn.Call(request{reference: reference}), nil // its metadata may tell
	case err != nil:
		return fn.Plan[request]{}, err
	case !p.State.Unsettled() && p.State != invoicing.Failed:
		return fn.Done[request](), nil
	case p.ProcessorReference != "":
		return fn.Call(request{paymentID: p.ID, invoiceID: p.InvoiceID, reference: p.ProcessorReference}), nil
	case p.State == invoicing.Failed:
		return fn.Done[request](), nil // refused before there was a charge
	}
	return fn.Call(unanswered(p, tx.Now())), nil
}

// sweep says processor.notified for the payments that wait for too long, but for
// those that are waiting to be asked about already: an outage of the processor
// would otherwise gather one more hint for each of them at every sweep.
func (r room) sweep(ctx context.Context, tx fn.Tx, in fn.In[events.Tick]) ([]events.Data, error) {
	waiting, err := invoicing.TakeUnsettled(ctx, tx, r.config.SweepAfter, r.config.SweepLimit)
	if err != nil {
		return nil, err
	}
	asking, err := delivery.PutOff(ctx, tx, name, events.TypeProcessorNotified)
	if err != nil {
		return nil, err
	}
	var say []events.Data
	for _, p := range waiting {
		reference := p.ProcessorReference
		if reference == "" {
			reference = byPayment + p.ID
		}
		if slices.Contains(asking, reference) {
			continue
		}
		say = append(say, fn.Correlated{CorrelationID: p.Journey, Data: events.ProcessorNotified{
			Processor: p.Processor, ProcessorReference: reference,
			NotificationID: fn.DeriveID("sweep", in.Source, in.ID, p.ID),
		}})
	}
	return say, nil
}
