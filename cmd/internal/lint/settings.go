package lint

import (
	"context"
	"slices"

	"quittance.dev/config"
	"quittance.dev/functions/notify"
	"quittance.dev/functions/payment"
	"quittance.dev/functions/receipt"
)

// Blocks is every block of settings that any main reads.
type Blocks struct {
	config.Service
	config.Relay
	config.Audit
	config.Migrate
	config.Mambu
	config.ExternalE
	config.OIDC
	config.API
	Ledger config.Ledger
	config.Stripe
	config.Mail
	config.SMS
	Payment payment.Config
	Receipt receipt.Config
	Notify  notify.Config
}

// read reads an environment as the mains do; asked is every name that any of
// them looks up.
func read(environment map[string]string) (blocks Blocks, asked []string, err error) {
	err = config.Load(context.Background(), func(name string) (string, bool) {
		asked = append(asked, name)
		value, there := environment[name]
		return value, there
	}, &blocks)
	return blocks, asked, err
}

// settingNames is every name that any main looks up.
func settingNames() []string {
	_, asked, _ := read(nil)
	slices.Sort(asked)
	return slices.Compact(asked)
}
