package money_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/events/money"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text     string
		currency money.Currency
		minor    int64
		err      error
	}{
		{"0", "EUR", 0, nil}, {"1", "EUR", 100, nil}, {"12.3", "EUR", 1230, nil}, {"12.30", "EUR", 1230, nil},
		{"0.01", "EUR", 1, nil}, {"-0.05", "EUR", -5, nil}, {"1.000", "EUR", 0, money.ErrTooFine}, {"1.0", "JPY", 0, money.ErrTooFine}, {"100", "JPY", 100, nil},
		{"1.234", "KWD", 1234, nil}, {"92233720368547758.07", "EUR", math.MaxInt64, nil},
		{"0.001", "EUR", 0, money.ErrTooFine}, {"1.5", "JPY", 0, money.ErrTooFine}, {"1.0001", "KWD", 0, money.ErrTooFine},
		{"92233720368547758.08", "EUR", 0, money.ErrTooLarge}, {"99999999999999999999999999999999999999999", "EUR", 0, money.ErrTooLarge},
		{"", "EUR", 0, money.ErrSyntax}, {"-", "EUR", 0, money.ErrSyntax}, {"1e2", "EUR", 0, money.ErrSyntax},
		{"+1", "EUR", 0, money.ErrSyntax}, {"01", "EUR", 0, money.ErrSyntax}, {".5", "EUR", 0, money.ErrSyntax},
		{"1.", "EUR", 0, money.ErrSyntax}, {"1,5", "EUR", 0, money.ErrSyntax}, {"１２", "EUR", 0, money.ErrSyntax},
		{"NaN", "EUR", 0, money.ErrSyntax}, {" 1", "EUR", 0, money.ErrSyntax}, {"--1", "EUR", 0, money.ErrSyntax},
		{"1", "XXX", 0, money.ErrCurrency}, {"1", "eur", 0, money.ErrCurrency}, {"1", "", 0, money.ErrCurrency},
	} {
		got, err := money.Parse(c.text, c.currency)
		require.ErrorIs(t, err, c.err, "%q %s", c.text, c.currency)
		if c.err == nil {
			require.Equal(t, money.Amount{Minor: c.minor, Currency: c.currency}, got, c.text)
		}
	}
}

func TestDecimal(t *testing.T) {
	for want, a := range map[string]money.Amount{
		"0.00": {0, "EUR"}, "0.05": {5, "EUR"}, "-0.05": {-5, "EUR"}, "12.30": {1230, "EUR"},
		"7": {7, "JPY"}, "0.001": {1, "KWD"}, "-92233720368547758.08": {math.MinInt64, "EUR"},
	} {
		require.Equal(t, want, a.Decimal())
	}
	require.Equal(t, "12.30 EUR", money.Amount{Minor: 1230, Currency: "EUR"}.String())
}

func TestAddRefusesOverflowAndMixedCurrencies(t *testing.T) {
	sum, err := money.Amount{Minor: 5, Currency: "EUR"}.Add(money.Amount{Minor: -7, Currency: "EUR"})
	require.NoError(t, err)
	require.Equal(t, int64(-2), sum.Minor)
	_, err = money.Amount{Minor: math.MaxInt64, Currency: "EUR"}.Add(money.Amount{Minor: 1, Currency: "EUR"})
	require.ErrorIs(t, err, money.ErrTooLarge)
	_, err = money.Amount{Minor: math.MinInt64, Currency: "EUR"}.Add(money.Amount{Minor: -1, Currency: "EUR"})
	require.ErrorIs(t, err, money.ErrTooLarge)
	_, err = money.Amount{Minor: 1, Currency: "EUR"}.Add(money.Amount{Minor: 1, Currency: "USD"})
	require.ErrorContains(t, err, "currencies differ")
}

// What is printed reads back as the same amount, for every amount.
func FuzzDecimalReadsBack(f *testing.F) {
	f.Add(int64(1230))
	f.Add(int64(math.MinInt64))
	f.Add(int64(-1))
	f.Fuzz(func(t *testing.T, minor int64) {
		for _, c := range []money.Currency{"EUR", "JPY", "KWD"} {
			a := money.Amount{Minor: minor, Currency: c}
			back, err := money.Parse(a.Decimal(), c)
			if minor == math.MinInt64 && err != nil {
				continue // one further from zero than its positive twin
			}
			require.NoError(t, err)
			require.Equal(t, a, back)
		}
	})
}

// Parse never panics and never accepts what it cannot print again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"12.30", "-0", "1e400", "0.00000000000000000001", "￿", "9223372036854775808"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := money.Parse(text, "EUR")
		if err != nil {
			return
		}
		back, err := money.Parse(a.Decimal(), "EUR")
		require.NoError(t, err)
		require.Equal(t, a, back)
	})
}
