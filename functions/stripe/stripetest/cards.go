package stripetest

// What the test payment methods do (docs.stripe.com/testing). Older spellings that Stripe still
// takes are listed beside the newer ones.
type card struct {
	decline  *decline // the issuer says no
	action   bool     // the customer must confirm
	lateAs   string   // processing first
	problems *problem // the token itself is no good
}

// decline is an issuer's no, as Stripe words it.
type decline struct {
	Code        string `json:"code"`
	DeclineCode string `json:"decline_code,omitempty"`
	Message     string `json:"message"`
}

func declined(code string) *decline {
	d := &decline{Code: "card_declined", DeclineCode: code, Message: "Your card was declined."}
	switch code {
	case "insufficient_funds":
		d.Message = "Your card has insufficient funds."
	case "expired_card":
		d.Code, d.DeclineCode, d.Message = code, "", "Your card has expired."
	case "incorrect_cvc":
		d.Code, d.DeclineCode, d.Message = code, "", "Your card's security code is incorrect."
	case "processing_error":
		d.Code, d.DeclineCode = code, ""
		d.Message = "An error occurred while processing your card. Try again in a little bit."
	}
	return d
}

func cardOf(token string) card {
	switch token {
	case "pm_card_visa", "pm_card_visa_debit", "pm_card_mastercard", "pm_card_mastercard_debit",
		"pm_card_mastercard_prepaid", "pm_card_amex", "pm_card_discover", "pm_card_diners",
		"pm_card_jcb", "pm_card_unionpay", "pm_card_bypassPending":
		return card{}
	case "pm_card_chargeDeclined", "pm_card_visa_chargeDeclined", "pm_card_chargeCustomerFail":
		return card{decline: declined("generic_decline")}
	case "pm_card_chargeDeclinedInsufficientFunds", "pm_card_visa_chargeDeclinedInsufficientFunds":
		return card{decline: declined("insufficient_funds")}
	case "pm_card_chargeDeclinedLostCard", "pm_card_visa_chargeDeclinedLostCard":
		return card{decline: declined("lost_card")}
	case "pm_card_chargeDeclinedStolenCard", "pm_card_visa_chargeDeclinedStolenCard":
		return card{decline: declined("stolen_card")}
	case "pm_card_chargeDeclinedFraudulent", "pm_card_radarBlock":
		return card{decline: declined("fraudulent")}
	case "pm_card_visa_chargeDeclinedVelocityLimitExceeded":
		return card{decline: declined("card_velocity_exceeded")}
	case "pm_card_chargeDeclinedExpiredCard":
		return card{decline: declined("expired_card")}
	case "pm_card_chargeDeclinedIncorrectCvc":
		return card{decline: declined("incorrect_cvc")}
	case "pm_card_chargeDeclinedProcessingError":
		return card{decline: declined("processing_error")}
	case "pm_card_authenticationRequired", "pm_card_threeDSecure2Required", "pm_card_threeDSecureRequired":
		return card{action: true}
	case "pm_usBankAccount_success": // debits of a bank account take days
		return card{lateAs: codeLateSuccess}
	case "pm_usBankAccount_insufficientFunds":
		return card{lateAs: codeLateFailure}
	}
	return card{problems: &problem{status: 400, Type: "invalid_request_error", Code: "resource_missing",
		Param: "payment_method", Message: "No such PaymentMethod: '" + token + "'"}}
}
