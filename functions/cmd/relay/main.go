// Command relay carries committed events to their brokers.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"quittance.dev/config"
	"quittance.dev/events"
	"quittance.dev/functions/relay"
	"quittance.dev/functions/serve"
	"quittance.dev/functions/signing"
)

func main() {
	serve.Main("relay", func(ctx context.Context, p serve.Process, lookup serve.Lookup) (serve.Parts, error) {
		var c config.Relay
		if err := config.Load(ctx, lookup, &c); err != nil {
			return serve.Parts{}, err
		}
		sink, err := url.Parse(c.Sink)
		if err != nil || sink.Host == "" {
			return serve.Parts{}, fmt.Errorf("K_SINK is not the address of a broker: %q", c.Sink)
		}
		address := func(b events.Broker) string {
			to := *sink
			to.Path = path.Join(path.Dir(to.Path), string(b))
			return to.String()
		}
		transport, err := relay.Trust{CACerts: c.CACerts, Folder: c.TrustDir}.Transport(c.InFlight)
		if err != nil {
			return serve.Parts{}, err
		}
		client := &http.Client{Transport: transport}
		if c.TokensDir != "" {
			client.Transport = relay.WithTokens(transport, address, c.TokensDir)
		}
		if c.EventKeysDir == "" {
			return serve.Parts{}, errors.New("EVENT_KEYS_DIR is not set: events cannot be signed")
		}
		r := relay.New(p.Pool, relay.Options{
			BrokerURL:   address,
			Client:      client,
			Keys:        signing.Folder(c.EventKeysDir, events.Verifying()...),
			ConsumerURL: func(name string) string { return strings.ReplaceAll(c.ConsumerURL, "{name}", name) },
			InFlight:    c.InFlight,
			Logger:      p.Logger,
		})
		return serve.Parts{Run: r.Run}, nil
	})
}
