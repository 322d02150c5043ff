package client

import (
	"errors"
	"fmt"
)

// Amount is an amount of money in the major unit of its currency, such as "12.30",
// with its digits as they were written.
type Amount string

// MarshalJSON writes the digits as a number.
func (a Amount) MarshalJSON() ([]byte, error) {
	if !a.isNumber() {
		return nil, fmt.Errorf("client: %q is no decimal number", string(a))
	}
	return []byte(a), nil
}

// UnmarshalJSON keeps the digits.
func (a *Amount) UnmarshalJSON(raw []byte) error {
	read := Amount(raw)
	if !read.isNumber() {
		return errors.New("client: an amount must be a number without an exponent")
	}
	*a = read
	return nil
}

// isNumber tells whether a is a JSON number without an exponent.
func (a Amount) isNumber() bool {
	whole, s := 0, string(a)
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	for whole < len(s) && s[whole] >= '0' && s[whole] <= '9' {
		whole++
	}
	if whole == 0 || (whole > 1 && s[0] == '0') {
		return false
	}
	if whole == len(s) {
		return true
	}
	if s[whole] != '.' || whole+1 == len(s) {
		return false
	}
	for _, c := range []byte(s[whole+1:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
