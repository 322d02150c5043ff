package api

import (
	"errors"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/events/money"
)

// Amount is an amount of money as a JSON number, such as 12.30, with its digits
// as they were written: no float comes near it. Which digits it may have
// depends on a currency; in gives the exact amount.
type Amount struct{ digits string }

// amountOf is how an amount is answered: with all digits of its currency.
func amountOf(minor int64, c money.Currency) Amount {
	return Amount{money.Amount{Minor: minor, Currency: c}.Decimal()}
}

// UnmarshalJSON keeps the digits. What is no number was refused before, by the
// schema.
func (a *Amount) UnmarshalJSON(raw []byte) error {
	if len(raw) == 0 || (raw[0] != '-' && (raw[0] < '0' || raw[0] > '9')) {
		return errors.New("must be a number")
	}
	a.digits = string(raw)
	return nil
}

// MarshalJSON writes the digits.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(a.digits), nil }

// Schema is for the document.
func (Amount) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type:        huma.TypeNumber,
		Description: "Decimal number in the currency's major unit, read exactly: no exponent, no more fraction digits than the currency has.",
		Examples:    []any{12.5},
	}
}

// Positive is an Amount that somebody asks to move.
type Positive struct{ Amount }

// Schema is for the document.
func (p Positive) Schema(r huma.Registry) *huma.Schema {
	s := p.Amount.Schema(r)
	// For readers only: in answers a problem of its own, which huma's check cannot.
	s.Extensions = map[string]any{"exclusiveMinimum": 0}
	return s
}

// in is the exact amount in minor units of c, which must be known. Its error is
// a *Problem with the pointer /amount.
func (p Positive) in(c money.Currency) (int64, error) {
	amount, err := money.Parse(p.digits, c)
	var rule string
	switch {
	case errors.Is(err, money.ErrTooFine):
		rule = "must not have more fraction digits than the currency"
	case errors.Is(err, money.ErrTooLarge):
		rule = "is out of range"
	case err != nil:
		rule = "must be a decimal number without an exponent"
	case amount.Minor <= 0:
		rule = "must be more than nothing"
	default:
		return amount.Minor, nil
	}
	return 0, invalidAmount.problem(FieldError{Pointer: "/amount", Detail: rule})
}
