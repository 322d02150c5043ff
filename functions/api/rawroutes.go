package api

import (
	"fmt"
	"maps"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/events"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/stripe"
)

// The two routes whose bodies huma does not read are described by hand; the
// tests hold the description to what is served.

func (a *api) raw(op huma.Operation, problems []kind, handle http.HandlerFunc) {
	a.routes.declare(&op)
	success := maps.Clone(op.Responses)
	op.Responses = a.responses(op, problems)
	maps.Copy(op.Responses, success)
	a.huma.OpenAPI().AddOperation(&op)
	a.routes.handle(op.Method+" "+op.Path, handle)
}

func (a *api) eventRoutes() {
	registry := a.huma.OpenAPI().Components.Schemas
	one := eventSchema()
	hundred := maxBatch
	least := 1
	a.raw(huma.Operation{
		OperationID: "post-events", Method: http.MethodPost, Path: "/events", Tags: []string{"Events"}, Security: allow(identity.Service),
		Summary:     "Send events to the bank",
		Description: "CloudEvents 1.0 of the public types: one in binary mode (attributes in ce- headers, payload as application/json), one in structured mode, or up to 100 as a batch. The same source and id again changes nothing. Of a batch either every event is valid and about an account of yours or none is taken. The operation's id is yours to choose; ask for its status by it.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			eventMediaType: {Schema: one},
			batchMediaType: {Schema: &huma.Schema{Type: huma.TypeArray, Items: one, MinItems: &least, MaxItems: &hundred}},
			"application/json": {Schema: &huma.Schema{
				Type: huma.TypeObject, Description: "The payload alone; the attributes are in the headers (binary mode).",
			}},
		}},
		Responses: map[string]*huma.Response{"202": {
			Description: "Recorded for good.",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(typeOf[AcceptedEvents](), true, "AcceptedEvents")}},
		}},
	}, []kind{malformedEvent, notFound, eventConflict, inFlight}, a.takeEvents)
}

// eventSchema is a public event in structured mode.
func eventSchema() *huma.Schema {
	text := func(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: doc} }
	eventType := text("What is asked for.")
	for _, e := range events.Catalogue() {
		if e.Public {
			eventType.Enum = append(eventType.Enum, string(e.Type))
		}
	}
	version := text("The version of CloudEvents.")
	version.Enum = []any{"1.0"}
	format := text("The payload's media type; without it the payload is JSON all the same.")
	format.Enum = []any{"application/json"}
	return &huma.Schema{
		Type: huma.TypeObject, Required: []string{"specversion", "id", "source", "type", "data"},
		Properties: map[string]*huma.Schema{
			"specversion": version, "type": eventType, "datacontenttype": format,
			"id":      text("Yours; unique together with source, at most 256 printable ASCII characters."),
			"source":  text("Who you are, as a URI reference; nothing under /functions/."),
			"subject": text("The operation's id, or absent."),
			"data": {Type: huma.TypeObject, Description: "The payload.",
				Required: []string{"operation_id", "account_id", "amount_minor", "currency"},
				Properties: map[string]*huma.Schema{
					"operation_id": text("A new UUID of yours, in lower case."),
					"account_id":   text("The account."),
					"amount_minor": {Type: huma.TypeInteger, Format: "int64", Description: "In the currency's minor unit."},
					"currency":     text("The account's currency."),
				}},
		},
		AdditionalProperties: true,
	}
}

func (a *api) webhookRoutes() {
	a.raw(huma.Operation{
		OperationID: "post-stripe-webhook", Method: http.MethodPost, Path: "/webhooks/stripe", Tags: []string{"Events"}, Security: public(),
		Summary:     "Hear from the card processor",
		Description: "For Stripe. The signature is checked over the body as it came before anything in it is read; the same notification again changes nothing.",
		Parameters: []*huma.Param{{
			Name: "Stripe-Signature", In: "header", Required: true, Description: "The processor's signature.",
			Schema: &huma.Schema{Type: huma.TypeString},
		}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: huma.TypeObject, Description: fmt.Sprintf("An event of Stripe's, at most %d bytes.", stripe.MaxWebhookBytes), AdditionalProperties: true}},
		}},
		Responses: map[string]*huma.Response{"200": {Description: "Heard."}},
	}, []kind{badSignature, malformedEvent, eventConflict, inFlight}, a.takeWebhook)
}
