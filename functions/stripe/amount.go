package stripe

import (
	"strings"

	"quittance.dev/functions/outside"
)

// check finds what makes a request senseless before anybody is asked, and gives the amount as
// Stripe wants it.
func (r ChargeRequest) check() (amount int64, _ *outside.Refusal) {
	amount, ok := toStripe(r.AmountMinor, r.Currency)
	var reason string
	switch {
	case r.Key == "" || len(r.Key) > 255 || strings.TrimSpace(r.Key) != r.Key:
		reason = "key must be 1 to 255 characters"
	case !plainID(r.PaymentID):
		reason = "payment id is missing or holds other characters than letters, digits and _-.:"
	case r.PaymentMethod == "":
		reason = "payment method is missing"
	case r.AmountMinor <= 0:
		reason = "amount must be above zero"
	case !ok:
		reason = "Stripe takes no such amount in this currency"
	default:
		return amount, nil
	}
	return 0, &outside.Refusal{System: system, Code: "invalid_request", Reason: reason}
}

// Stripe counts in ISO 4217 minor units with a few exceptions
// (docs.stripe.com/currencies, "special cases" and "three-decimal currencies"):
//
//   - ISK and UGX have no minor unit but are written with two zero decimals;
//   - the last of three decimals must be zero;
//   - MGA is written without its fifths.
//
// We do not take MGA.

func toStripe(minor int64, currency string) (int64, bool) {
	if len(currency) != 3 || strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return 0, false
	}
	switch currency {
	case "ISK", "UGX":
		return minor * 100, minor < 1<<50
	case "BHD", "JOD", "KWD", "OMR", "TND":
		return minor, minor%10 == 0
	case "MGA":
		return 0, false
	}
	return minor, true
}

func fromStripe(amount int64, currency string) (minor int64, iso string, ok bool) {
	iso = strings.ToUpper(currency)
	switch iso {
	case "ISK", "UGX":
		return amount / 100, iso, amount%100 == 0
	case "MGA", "":
		return 0, iso, false
	}
	return amount, iso, true
}

func lower(currency string) string { return strings.ToLower(currency) }
