package fn

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"quittance.dev/events"
	"quittance.dev/functions/strictjson"
)

// Limits of what comes in through the door.
const (
	maxBody      = 256 << 10 // bytes
	maxAttribute = 256       // bytes of one CloudEvents attribute
	maxDepth     = 32        // levels of JSON
)

// received is one event that passed the door.
type received struct {
	id, source, subject, correlationID, traceParent string
	eventType                                       events.Type
	time                                            time.Time
	hash                                            [sha256.Size]byte // of type and payload
	data                                            events.Data
	handler                                         Handler
	log                                             []any // the pairs of every line about it
}

// Letter is an event as it came, whatever it is.
type Letter struct {
	Path        string // of the request: the dead-letter sink tells consumers apart by it
	ID          string
	Source      string
	Type        string
	Subject     string
	Extensions  map[string]string
	ContentType string
	Data        []byte
}

// readEvent reads exactly one CloudEvent from a request, in binary or
// structured mode, and refuses what no function should have to bear. Errors are
// malformed.
func readEvent(w http.ResponseWriter, r *http.Request) (*cloudevents.Event, error) {
	event, err := readLetter(w, r)
	if err != nil {
		return nil, err
	}
	if r.Header.Get("Content-Type") == "" && len(event.Data()) > 0 {
		return nil, malformed{Unsupported, "content type missing"}
	}
	if err := checkAttributes(event); err != nil {
		return nil, err
	}
	return event, nil
}

// readLetter is readEvent for a sink: what a consumer has refused for its
// attributes or for its missing content type has nowhere else to go.
func readLetter(w http.ResponseWriter, r *http.Request) (*cloudevents.Event, error) {
	if r.Method != http.MethodPost {
		return nil, malformed{WrongMethod, "events are POSTed"}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, malformed{Unsupported, "content encodings are not accepted"}
	}
	structured, err := isStructured(r.Header)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return nil, malformed{TooLarge, fmt.Sprintf("body over %d bytes", maxBody)}
		}
		return nil, fmt.Errorf("read body: %w", err) // the connection broke: not the event's fault
	}
	var typed bool
	if structured {
		if typed, err = checkStructured(body); err != nil {
			return nil, err
		}
	}
	event, err := decodeEvent(r, structured, body)
	if err != nil {
		return nil, malformed{Malformed, "not a CloudEvent: " + err.Error()}
	}
	if structured && !typed {
		event.SetDataContentType(cloudevents.ApplicationJSON)
	}
	if err := event.Validate(); err != nil {
		return nil, malformed{Malformed, "not a CloudEvent: " + err.Error()}
	}
	if event.SpecVersion() != cloudevents.VersionV1 {
		return nil, malformed{Malformed, "not a CloudEvent of version 1.0"}
	}
	return event, nil
}

// decodeEvent leaves the structured mode to the SDK and reads the binary one
// itself, header by header: the SDK's way through its message interfaces costs
// several times as much, on every delivery.
func decodeEvent(r *http.Request, structured bool, body []byte) (*cloudevents.Event, error) {
	if structured {
		return binding.ToEvent(r.Context(), cehttp.NewMessage(r.Header, io.NopCloser(bytes.NewReader(body))))
	}
	if r.Header.Get("Ce-Specversion") != cloudevents.VersionV1 {
		return nil, errors.New("ce-specversion is not 1.0")
	}
	e := cloudevents.NewEvent(cloudevents.VersionV1)
	for name, values := range r.Header {
		attribute, ok := strings.CutPrefix(name, "Ce-")
		if !ok {
			continue
		}
		switch value := values[0]; attribute {
		case "Specversion":
		case "Id":
			e.SetID(value)
		case "Source":
			e.SetSource(value)
		case "Type":
			e.SetType(value)
		case "Subject":
			e.SetSubject(value)
		case "Dataschema":
			e.SetDataSchema(value)
		case "Time":
			at, err := time.Parse(time.RFC3339Nano, value)
			if err != nil {
				return nil, errors.New("ce-time is not a time of RFC 3339")
			}
			e.SetTime(at)
		default:
			e.SetExtension(strings.ToLower(attribute), value)
		}
	}
	if contentType := r.Header.Get("Content-Type"); contentType != "" {
		e.SetDataContentType(contentType)
	}
	if len(body) > 0 {
		e.DataEncoded = body
	}
	return &e, nil
}

// isStructured tells the two modes apart and refuses whatever is neither, or
// both.
func isStructured(h http.Header) (bool, error) {
	var mediaType string
	if contentType := h.Get("Content-Type"); contentType != "" { // without data there is none
		var err error
		if mediaType, _, err = mime.ParseMediaType(contentType); err != nil {
			return false, malformed{Unsupported, "content type broken"}
		}
	}
	for name, values := range h {
		if strings.HasPrefix(name, "Ce-") && len(values) > 1 {
			return false, malformed{Malformed, "attribute given twice: " + strings.ToLower(name)}
		}
	}
	binary := h.Get("Ce-Specversion") != "" || h.Get("Ce-Id") != "" || h.Get("Ce-Type") != ""
	switch {
	case mediaType == cloudevents.ApplicationCloudEventsJSON && binary:
		return false, malformed{Malformed, "attributes both in the headers and in the body"}
	case mediaType == cloudevents.ApplicationCloudEventsJSON:
		return true, nil
	case strings.HasPrefix(mediaType, "application/cloudevents"):
		return false, malformed{Unsupported, "one event at a time, as JSON"}
	default:
		return false, nil
	}
}

// checkAttributes holds an event to the limits of the door.
func checkAttributes(e *cloudevents.Event) error {
	attributes := map[string]string{"id": e.ID(), "source": e.Source(), "type": e.Type(), "subject": e.Subject()}
	for name, value := range e.Extensions() {
		attributes[name] = fmt.Sprint(value)
	}
	for name, value := range attributes {
		if len(value) > maxAttribute && !strings.HasPrefix(name, "knativeerror") {
			return malformed{Malformed, fmt.Sprintf("attribute %.40s is over %d bytes", name, maxAttribute)}
		}
		for i := range len(value) {
			if value[i] < 0x20 || value[i] > 0x7e {
				return malformed{Malformed, fmt.Sprintf("attribute %.40s is not printable ASCII", name)}
			}
		}
	}
	if year := e.Time().Year(); !e.Time().IsZero() && (year < 2000 || year > 2200) {
		return malformed{Malformed, "attribute time is out of range"}
	}
	return nil
}

// receive turns a CloudEvent into one the function can handle.
func (h *Host) receive(e *cloudevents.Event) (*received, error) {
	hash := PayloadHash(e.Type(), e.Data())
	if err := h.verify(e, hash); err != nil {
		return nil, err
	}
	return h.function.receive(e, hash)
}

func (f *Function) receive(e *cloudevents.Event, hash [sha256.Size]byte) (*received, error) {
	var handler Handler
	for _, h := range f.Handlers {
		if h.hears == events.Type(e.Type()) && h.sink == nil {
			handler = h
		}
	}
	if handler.decode == nil {
		return nil, malformed{Malformed, "this function does not hear " + e.Type()}
	}
	if mediaType, _, err := mime.ParseMediaType(e.DataContentType()); handler.hears != events.TypeTick && (err != nil || mediaType != "application/json") {
		return nil, malformed{Malformed, "the payload must be application/json"}
	}
	data, err := handler.decode(e.Data())
	if err != nil {
		return nil, err
	}
	if want := data.Subject(); e.Subject() != "" && want != "" && e.Subject() != want {
		return nil, malformed{Malformed, "the subject is not the payload's entity"}
	}
	r := &received{
		id: e.ID(), source: e.Source(), subject: e.Subject(), eventType: handler.hears,
		time: e.Time(), data: data, handler: handler,
		hash:          hash,
		correlationID: extension(e, "correlationid"),
		traceParent:   extension(e, "traceparent"),
	}
	if r.correlationID == "" {
		r.correlationID = r.id
	}
	return r, nil
}

func extension(e *cloudevents.Event, name string) string {
	if value, ok := e.Extensions()[name]; ok {
		return fmt.Sprint(value)
	}
	return ""
}

// PayloadHash names a payload whatever its white space.
func PayloadHash(eventType string, data []byte) (sum [sha256.Size]byte) {
	compact := jsontext.Value(bytes.Clone(data))
	if len(data) > 0 && compact.Compact() == nil {
		data = compact
	}
	h := sha256.New()
	h.Write([]byte(eventType))
	h.Write([]byte{0})
	h.Write(data)
	h.Sum(sum[:0])
	return sum
}

// decodeInto reads a payload strictly: names match exactly and occur once,
// nothing follows the value, no null, every required member is there. Unknown
// members are let through, so that an older build understands a newer event.
func decodeInto[D events.Data](payload []byte) (events.Data, error) {
	var d D
	if d.Type() == events.TypeTick {
		return d, nil // whatever a PingSource carries
	}
	names, err := strictjson.Members(payload)
	if err != nil {
		return nil, malformed{Malformed, "payload is not strict JSON: " + err.Error()}
	}
	for _, name := range requiredMembers(reflect.TypeFor[D]()) {
		if !slices.Contains(names, name) {
			return nil, malformed{Malformed, "payload lacks " + name}
		}
	}
	if err := json.Unmarshal(payload, &d); err != nil {
		return nil, malformed{Malformed, "payload: " + describe(err)}
	}
	if err := d.Validate(); err != nil {
		return nil, malformed{Malformed, "payload: " + err.Error()}
	}
	return d, nil
}

// checkStructured refuses what the SDK would choose from by itself, and tells
// whether the event states its payload's type. In the JSON format none means
// application/json (CloudEvents 1.0, datacontenttype); an empty one is broken.
func checkStructured(body []byte) (typed bool, err error) {
	names, err := strictjson.Members(body)
	if err != nil {
		return false, malformed{Malformed, "event is not strict JSON: " + err.Error()}
	}
	if slices.Contains(names, "data") && slices.Contains(names, "data_base64") {
		return false, malformed{Malformed, "both data and data_base64"}
	}
	return slices.Contains(names, "datacontenttype"), nil
}

// describe says what is wrong and where, never the value.
func describe(err error) string {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		return fmt.Sprintf("%v at byte %d", syntactic.Err, syntactic.ByteOffset)
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return fmt.Sprintf("wrong type at %q", string(semantic.JSONPointer))
	}
	return "cannot be read"
}

var required sync.Map // reflect.Type to []string: the struct tags, read once

func requiredMembers(t reflect.Type) []string {
	if names, ok := required.Load(t); ok {
		return names.([]string)
	}
	var names []string
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" && !strings.Contains(options, "omit") {
			names = append(names, name)
		}
	}
	required.Store(t, names)
	return names
}
