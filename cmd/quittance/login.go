package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/oauth2"
)

func loginCommand() *cobra.Command {
	var issuerURL, client string
	var scopes []string
	c := &cobra.Command{
		Use: "login", Short: "Sign in with a browser and print an access token", Args: cobra.NoArgs,
		Long: "The device flow (RFC 8628): open the printed page anywhere, sign in there, and the access token\n" +
			"is printed here. It works with every OpenID provider that offers the flow.",
		Example: `  curl -H "Authorization: Bearer $(quittance login)" http://127.0.0.1:8080/accounts`,
		RunE: func(c *cobra.Command, _ []string) error {
			config := oauth2.Config{ClientID: client, Scopes: scopes}
			ctx := context.WithValue(c.Context(), oauth2.HTTPClient, &http.Client{Timeout: 30 * time.Second})
			var err error
			if config.Endpoint, err = discover(ctx, issuerURL); err != nil {
				return err
			}
			code, err := config.DeviceAuth(ctx)
			if err != nil {
				return fmt.Errorf("begin to sign in: %w", err)
			}
			page := code.VerificationURIComplete
			if page == "" {
				page = code.VerificationURI
			}
			fmt.Fprintf(c.ErrOrStderr(), "Open %s and sign in with the code %s.\n", page, code.UserCode)
			token, err := config.DeviceAccessToken(ctx, code)
			if err != nil {
				return fmt.Errorf("sign in: %w", err)
			}
			fmt.Fprintln(c.OutOrStdout(), token.AccessToken)
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&issuerURL, "issuer", "http://127.0.0.1:8081/issuer", "the OpenID provider")
	f.StringVar(&client, "client", "quittance", "our id at the provider")
	f.StringSliceVar(&scopes, "scope", []string{"customer"}, "what the token is to allow")
	return c
}

// discover finds the endpoints of the device flow. Whether the metadata are the
// issuer's own is checked where tokens are verified; the laptop's issuer is called
// otherwise than it is reached.
func discover(ctx context.Context, issuer string) (oauth2.Endpoint, error) {
	var said struct {
		Device string `json:"device_authorization_endpoint"`
		Token  string `json:"token_endpoint"`
	}
	where := strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return oauth2.Endpoint{}, err
	}
	response, err := (&http.Client{Timeout: 30 * time.Second}).Do(r)
	if err != nil {
		return oauth2.Endpoint{}, fmt.Errorf("find the provider: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&said); err != nil {
		return oauth2.Endpoint{}, fmt.Errorf("find the provider: %s: %w", response.Status, err)
	}
	for _, endpoint := range []string{said.Device, said.Token} {
		if u, err := url.Parse(endpoint); err != nil || u.Host == "" {
			return oauth2.Endpoint{}, fmt.Errorf("%s offers no device flow", issuer)
		}
	}
	return oauth2.Endpoint{DeviceAuthURL: said.Device, TokenURL: said.Token, AuthStyle: oauth2.AuthStyleInParams}, nil
}
