package events

// Event types of notifications.
const (
	TypeNotificationRequested Type = "dev.quittance.notification.requested.v1"
	TypeNotificationSent      Type = "dev.quittance.notification.sent.v1"
	TypeNotificationFailed    Type = "dev.quittance.notification.failed.v1"
	TypeNotificationExpired   Type = "dev.quittance.notification.expired.v1"
)

// NotificationRequested says that a customer is to be told something. Text and
// address stay in the notification's row.
type NotificationRequested struct {
	NotificationID string `json:"notification_id"`
	Kind           string `json:"kind"`       // what it is about, such as "account.closed"
	SubjectID      string `json:"subject_id"` // the entity it is about
	Channel        string `json:"channel"`    // "email" or "sms"
}

// Type is TypeNotificationRequested.
func (NotificationRequested) Type() Type { return TypeNotificationRequested }

// Subject is the notification.
func (d NotificationRequested) Subject() string { return d.NotificationID }

// PartitionKey is the notification.
func (d NotificationRequested) PartitionKey() string { return d.NotificationID }

// Validate checks ids, kind and channel.
func (d NotificationRequested) Validate() error {
	return first(id("notification_id", d.NotificationID), word("kind", d.Kind),
		id("subject_id", d.SubjectID), channel(d.Channel))
}

// NotificationSent says that the gateway took the message.
type NotificationSent struct {
	NotificationID string `json:"notification_id"`
	Kind           string `json:"kind"`       // what it is about, such as "account.closed"
	SubjectID      string `json:"subject_id"` // the entity it is about
	Channel        string `json:"channel"`    // "email" or "sms"
}

// Type is TypeNotificationSent.
func (NotificationSent) Type() Type { return TypeNotificationSent }

// Subject is the notification.
func (d NotificationSent) Subject() string { return d.NotificationID }

// PartitionKey is the notification.
func (d NotificationSent) PartitionKey() string { return d.NotificationID }

// Validate checks ids, kind and channel.
func (d NotificationSent) Validate() error {
	return first(id("notification_id", d.NotificationID), word("kind", d.Kind),
		id("subject_id", d.SubjectID), channel(d.Channel))
}

// NotificationFailed says that the message will not be sent: refused by the
// gateway, or parked because nobody knows whether it went out.
type NotificationFailed struct {
	NotificationID string `json:"notification_id"`
	Kind           string `json:"kind"`       // what it is about, such as "account.closed"
	SubjectID      string `json:"subject_id"` // the entity it is about
	Channel        string `json:"channel"`    // "email" or "sms"
	Reason         Reason `json:"reason"`
}

// Type is TypeNotificationFailed.
func (NotificationFailed) Type() Type { return TypeNotificationFailed }

// Subject is the notification.
func (d NotificationFailed) Subject() string { return d.NotificationID }

// PartitionKey is the notification.
func (d NotificationFailed) PartitionKey() string { return d.NotificationID }

// Validate checks ids, kind, channel and reason.
func (d NotificationFailed) Validate() error {
	return first(id("notification_id", d.NotificationID), word("kind", d.Kind),
		id("subject_id", d.SubjectID), channel(d.Channel), reason(d.Reason))
}

// NotificationExpired says that the message was not sent within its time to
// live and no longer will be.
type NotificationExpired struct {
	NotificationID string `json:"notification_id"`
	Kind           string `json:"kind"`       // what it is about, such as "account.closed"
	SubjectID      string `json:"subject_id"` // the entity it is about
	Channel        string `json:"channel"`    // "email" or "sms"
}

// Type is TypeNotificationExpired.
func (NotificationExpired) Type() Type { return TypeNotificationExpired }

// Subject is the notification.
func (d NotificationExpired) Subject() string { return d.NotificationID }

// PartitionKey is the notification.
func (d NotificationExpired) PartitionKey() string { return d.NotificationID }

// Validate checks ids, kind and channel.
func (d NotificationExpired) Validate() error {
	return first(id("notification_id", d.NotificationID), word("kind", d.Kind),
		id("subject_id", d.SubjectID), channel(d.Channel))
}

func channel(c string) check {
	return check{"channel", c == "email" || c == "sms", "must be email or sms"}
}
