// Command notification runs the function notification.
package main

import (
	"context"

	"quittance.dev/config"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/mail"
	"quittance.dev/functions/notify"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/serve"
	"quittance.dev/functions/sms"
)

func main() {
	serve.Main("notification", serve.Function(func(ctx context.Context, lookup serve.Lookup) (fn.Function, error) {
		var c struct {
			Notify notify.Config
			Mail   config.Mail
			SMS    config.SMS
		}
		if err := config.Load(ctx, lookup, &c); err != nil {
			return fn.Function{}, err
		}
		post, err := mail.New(c.Mail, outside.Options{})
		if err != nil {
			return fn.Function{}, err
		}
		return notify.New(c.Notify, post, sms.New(c.SMS, outside.Options{})), nil
	}))
}
