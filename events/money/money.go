package money

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Currency is an ISO 4217 alphabetic code in upper case.
type Currency string

// exponents holds the number of minor-unit digits of each currency that the
// bank keeps books in (ISO 4217, table A.1).
var exponents = map[Currency]int{
	"AUD": 2, "CAD": 2, "CHF": 2, "CZK": 2, "DKK": 2, "EUR": 2, "GBP": 2,
	"HUF": 2, "JPY": 0, "KRW": 0, "KWD": 3, "NOK": 2, "PLN": 2, "SEK": 2,
	"TND": 3, "USD": 2,
}

// Known reports whether the bank keeps books in c.
func (c Currency) Known() bool { _, ok := exponents[c]; return ok }

// Exponent is the number of digits after the decimal point, 0 when c is
// unknown.
func (c Currency) Exponent() int { return exponents[c] }

// Amount is a sum of money in minor units of its currency.
type Amount struct {
	Minor    int64
	Currency Currency
}

// Errors of Parse.
var (
	ErrSyntax   = errors.New("not a decimal number")
	ErrTooFine  = errors.New("more fraction digits than the currency has")
	ErrTooLarge = errors.New("amount out of range")
	ErrCurrency = errors.New("unknown currency")
)

// MaxDigits bounds the text that Parse reads; longer input is refused before
// it is looked at.
const MaxDigits = 40

// Parse reads a decimal number such as "12.30" or "-5" as an amount of c. It
// takes what a JSON number may look like without an exponent. A digit beyond the
// currency's is ErrTooFine, a zero as well: whoever writes "1.500" may mean another
// currency.
func Parse(text string, c Currency) (Amount, error) {
	if !c.Known() {
		return Amount{}, ErrCurrency
	}
	if len(text) > MaxDigits {
		return Amount{}, ErrTooLarge
	}
	negative := strings.HasPrefix(text, "-")
	whole, fraction, dotted := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if !digits(whole) || (dotted && !digits(fraction)) || (len(whole) > 1 && whole[0] == '0') {
		return Amount{}, ErrSyntax
	}
	exponent := c.Exponent()
	if len(fraction) > exponent {
		return Amount{}, ErrTooFine
	}
	fraction += strings.Repeat("0", exponent-len(fraction))
	minor, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil {
		return Amount{}, ErrTooLarge
	}
	if negative {
		minor = -minor
	}
	return Amount{Minor: minor, Currency: c}, nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// Decimal is the amount as a decimal number without the currency, with
// exactly the currency's digits: "12.30", "-0.05", "100".
func (a Amount) Decimal() string {
	exponent := a.Currency.Exponent()
	sign, magnitude := "", uint64(a.Minor)
	if a.Minor < 0 {
		sign, magnitude = "-", -magnitude
	}
	text := strconv.FormatUint(magnitude, 10)
	if exponent == 0 {
		return sign + text
	}
	if len(text) <= exponent {
		text = strings.Repeat("0", exponent+1-len(text)) + text
	}
	return sign + text[:len(text)-exponent] + "." + text[len(text)-exponent:]
}

// String is the amount with its currency: "12.30 EUR".
func (a Amount) String() string { return a.Decimal() + " " + string(a.Currency) }

// Add returns a+b. It fails on different currencies and on overflow.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.Currency != b.Currency {
		return Amount{}, fmt.Errorf("add %s to %s: currencies differ", b.Currency, a.Currency)
	}
	if (b.Minor > 0 && a.Minor > math.MaxInt64-b.Minor) || (b.Minor < 0 && a.Minor < math.MinInt64-b.Minor) {
		return Amount{}, ErrTooLarge
	}
	return Amount{Minor: a.Minor + b.Minor, Currency: a.Currency}, nil
}
