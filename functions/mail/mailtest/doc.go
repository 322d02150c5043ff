// Package mailtest holds two mail services that keep their own books and misbehave on request: an
// HTTP gateway that speaks Resend's API, and an SMTP server. Tests use them, and so does the bank
// that runs in one process on a laptop.
//
//	gateway, err := mailtest.NewGateway(mailtest.GatewayConfig{Path: "gateway.book"})
//	server := httptest.NewServer(gateway)
//
//	smtp, err := mailtest.NewSMTP(mailtest.SMTPConfig{Path: "smtp.book"})
//	listener, err := net.Listen("tcp", "127.0.0.1:0")
//	go smtp.Serve(listener)
//
// A mail counts as delivered when it is in the book, and it is in the book, on the disk, before the
// sender hears so. What the two make of the moods of outsidetest:
//
// The gateway gives a repeated key the stored id and delivers nothing anew; with another body it
// answers 409 invalid_idempotent_request, while the first runs 409 concurrent_idempotent_requests.
// Refuse is a 422 with the name in Mood.Code.
//
// The SMTP server knows no keys: what is sent twice is delivered twice. Its moods:
//
//	status          answers Mood.Status (451 if 0); Mood.Code says when: "mail", "rcpt", or at the
//	                end of the content, which is the default
//	too_many        answers 450 to MAIL
//	refuse          answers 550 to RCPT, with the enhanced code in Mood.Code (5.1.1 if empty)
//	slow            waits before it answers the end of the content
//	timeout_before  falls silent at the end of the content, delivers nothing
//	timeout_after   delivers, then falls silent
//	cut_before      cuts the line at the end of the content, delivers nothing
//	cut_after       delivers, then cuts the line: to the sender the same as cut_before
//	cut_mid_body    cuts the line in the middle of the content
//
// Both limit a mail to 1 MiB on the wire.
package mailtest
