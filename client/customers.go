package client

import (
	"context"
	"time"
)

// NewCustomer is who becomes a customer.
type NewCustomer struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Phone string `json:"phone"` // in E.164 form
}

// Customer is a customer of the bank. Whoever registered it knows the rest.
type Customer struct {
	CustomerID string    `json:"customer_id"`
	CreatedAt  time.Time `json:"created_at"`
}

// CreateCustomer registers a customer, who is the caller's from then on.
func (c *Client) CreateCustomer(ctx context.Context, key Key, who NewCustomer) (Answer[Customer], error) {
	return change[Customer](ctx, c, key, "/customers", who)
}
