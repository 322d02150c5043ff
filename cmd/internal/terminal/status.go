package terminal

import "log/slog"

// WithdrawalStatus is what became of a withdrawal.
type WithdrawalStatus string

// The statuses of a withdrawal.
const (
	Success           WithdrawalStatus = "success"
	AccountNotFound   WithdrawalStatus = "account_not_found"
	InvalidAmount     WithdrawalStatus = "invalid_amount"
	InsufficientFunds WithdrawalStatus = "insufficient_funds"
	Refused           WithdrawalStatus = "refused" // for another reason, such as an account that is closing
)

// Statuses lists all of them.
func Statuses() []WithdrawalStatus {
	return []WithdrawalStatus{Success, AccountNotFound, InvalidAmount, InsufficientFunds, Refused}
}

// Level is that of the line in the log.
func (s WithdrawalStatus) Level() slog.Level {
	switch s {
	case Success:
		return slog.LevelInfo
	case InvalidAmount, InsufficientFunds, Refused:
		return slog.LevelWarn
	case AccountNotFound:
		return slog.LevelError
	}
	return slog.LevelError // none of ours
}

// Exit codes of commands; what is not listed here is 1.
const (
	ExitUsage             = 2
	ExitAccountNotFound   = 3
	ExitInvalidAmount     = 4
	ExitInsufficientFunds = 5
	ExitRefused           = 6
	ExitUnknown           = 7 // it is not known, or not decided, what became of it
)

// ExitCode is what a command ends with.
func (s WithdrawalStatus) ExitCode() int {
	switch s {
	case Success:
		return 0
	case AccountNotFound:
		return ExitAccountNotFound
	case InvalidAmount:
		return ExitInvalidAmount
	case InsufficientFunds:
		return ExitInsufficientFunds
	case Refused:
		return ExitRefused
	}
	return 1 // none of ours
}
