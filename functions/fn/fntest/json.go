package fntest

import (
	"encoding/json"

	"quittance.dev/events"
)

func mustMarshal(data events.Data) []byte {
	body, err := json.Marshal(data)
	if err != nil {
		panic(err) // payloads are plain structs
	}
	return body
}
