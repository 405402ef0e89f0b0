// Package books holds the rules of double-entry bookkeeping.
package books

import "errors"

// ErrUnbalanced means that debits and credits of an entry differ.
var ErrUnbalanced = errors.New("debits and credits differ")

// Line is one side of a movement, in cents.
type Line struct {
	Account string
	Debit   int64
	Credit  int64
}

// Check refuses an entry whose lines do not sum to zero.
func Check(lines []Line) error {
	var sum int64
	for _, line := range lines {
		sum += line.Debit - line.Credit
	}
	if sum != 0 {
		return ErrUnbalanced
	}
	return nil
}
