package api

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/events"
	"quittance.dev/functions/accounts"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/identity"
)

// Line is one line of text for people: no control characters.
type Line string

// Schema is for the document and for huma's check.
func (Line) Schema(huma.Registry) *huma.Schema {
	one := 1
	return &huma.Schema{
		Type: huma.TypeString, MinLength: &one,
		Pattern: "^[^\\x00-\\x1f\\x7f-\\x9f\u2028\u2029]*$", PatternDescription: "one line without control characters",
	}
}

// NewCustomer is who becomes a customer.
type NewCustomer struct {
	Name  Line   `json:"name" maxLength:"200" doc:"Name of the person or firm." example:"Ada Example"`
	Email string `json:"email" maxLength:"254" pattern:"^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\\.[A-Za-z0-9-]{1,63})+$" patternDescription:"an e-mail address" doc:"Where mail goes." example:"ada@example.org"`
	Phone string `json:"phone" pattern:"^\\+[1-9][0-9]{6,14}$" patternDescription:"a number in E.164 form" doc:"Where text messages go, in E.164 form." example:"+41791234567"`
}

// Customer is a customer of the bank. Name, address and number stay where they are
// kept: whoever sent them knows them, and nobody else needs them.
type Customer struct {
	CustomerID string    `json:"customer_id" doc:"The id."`
	CreatedAt  time.Time `json:"created_at" doc:"Since when."`
}

func (a *api) customerRoutes() {
	type input struct {
		Keyed
		Body NewCustomer
	}
	op := huma.Operation{
		OperationID: "create-customer", Method: http.MethodPost, Path: "/customers", Tags: []string{"Customers"}, Security: allow(identity.Customer, identity.Service),
		Summary: "Register a customer", DefaultStatus: http.StatusCreated,
		Description: "Name, address and number are kept here and nowhere else: every other part of the bank knows the customer by the id. The customer, and whatever belongs to it, is yours: nobody else sees it but operators.",
	}
	registerCommand(a, op, nil, func(_ context.Context, in *input, c *command) (work[Customer], error) {
		return func(ctx context.Context, tx fn.Tx) (made[Customer], []events.Data, error) {
			stored, _, err := accounts.Register(ctx, tx, accounts.Customer{
				ID: c.id, Owner: c.by, Name: string(in.Body.Name), Email: in.Body.Email, Phone: in.Body.Phone,
			})
			return made[Customer]{body: Customer{stored.ID, stored.CreatedAt}, quiet: true}, nil, err
		}, nil
	})
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }
