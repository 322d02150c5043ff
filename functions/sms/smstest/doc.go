// Package smstest is a text message service that speaks the part of Twilio's Messages API that our
// client uses, keeps its own books, and misbehaves on request. Tests use it, and so does the bank
// that runs in one process on a laptop.
//
//	emulator, err := smstest.New(smstest.Config{Path: "sms.book"})
//	server := httptest.NewServer(emulator)
//	emulator.Moods.Script(outsidetest.Mood{Kind: outsidetest.Refuse, Code: "21610"})
//
// As with Twilio, the same request twice is two texts: there are no keys. A text is in the book, on
// the disk, before the sender hears so. The magic numbers of Twilio's test credentials are refused
// as Twilio documents. Settle changes a text's status later, for one that is never delivered.
package smstest
