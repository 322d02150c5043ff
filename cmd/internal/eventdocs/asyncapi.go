package eventdocs

import (
	"strings"

	"github.com/invopop/jsonschema"

	"quittance.dev/events"
)

// object is one level of the document; a map, because AsyncAPI's keys are data.
type object = map[string]any

// asyncAPI describes the brokers as channels and the events as messages
// (AsyncAPI 3.0).
func asyncAPI(schemas map[events.Type]*jsonschema.Schema) object {
	channels, operations, messages := object{}, object{}, object{}
	for _, b := range events.Brokers() {
		channels[string(b)] = object{"address": "/quittance/" + string(b), "messages": object{}}
	}
	for _, e := range events.Catalogue() {
		name := messageName(e.Type)
		messages[name] = object{
			"name": string(e.Type), "contentType": "application/json",
			"headers": object{"$ref": "#/components/schemas/CloudEvent"},
			"payload": object{"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": schemas[e.Type]},
		}
		channel := channels[string(e.Broker)].(object)
		channel["messages"].(object)[name] = object{"$ref": "#/components/messages/" + name}
		ref := []any{object{"$ref": "#/channels/" + string(e.Broker) + "/messages/" + name}}
		for _, says := range e.Says {
			operations[says+"-says-"+name] = object{"action": "send", "channel": object{"$ref": "#/channels/" + string(e.Broker)}, "messages": ref}
		}
		for _, hears := range e.Hears {
			operations[hears+"-hears-"+name] = object{"action": "receive", "channel": object{"$ref": "#/channels/" + string(e.Broker)}, "messages": ref}
		}
	}
	return object{
		"asyncapi": "3.0.0",
		"info": object{
			"title": "Quittance events", "version": "1.0.0",
			"description": "Every event of the bank, as CloudEvents 1.0 over HTTP. Delivery is at least once and unordered; source and id identify an event.",
		},
		"defaultContentType": "application/json",
		"channels":           channels,
		"operations":         operations,
		"components":         object{"messages": messages, "schemas": object{"CloudEvent": envelope()}},
	}
}

func envelope() object {
	text := func(description string) object { return object{"type": "string", "description": description} }
	return object{
		"type":     "object",
		"required": []any{"ce-specversion", "ce-id", "ce-source", "ce-type"},
		"properties": object{
			"ce-specversion":   object{"const": "1.0"},
			"ce-id":            text("derived from the cause: a retry says the same"),
			"ce-source":        text("/functions/<name>"),
			"ce-type":          text("reverse DNS, noun, past participle, version"),
			"ce-time":          object{"type": "string", "format": "date-time"},
			"ce-subject":       text("the entity's id"),
			"ce-partitionkey":  text("the entity whose events stay in order"),
			"ce-correlationid": text("the journey"),
			"ce-causationid":   text("the event before"),
			"ce-traceparent":   text("W3C trace context"),
			"ce-signature":     text("made by the relay, one part per consumer that checks it, separated by spaces: v1,<consumer>,<key id>,<base64url of the HMAC-SHA256>"),
		},
	}
}

// messageName is the middle of the type: deposit.completed.
func messageName(t events.Type) string {
	return strings.TrimSuffix(strings.TrimPrefix(string(t), "dev.quittance."), ".v1")
}
