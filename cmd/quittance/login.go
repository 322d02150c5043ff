package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/oauth2"
	"golang.org/x/term"

	"quittance.dev/cmd/internal/demo"
	"quittance.dev/cmd/internal/terminal"
)

func loginCommand() *cobra.Command {
	var o signIn
	var email string
	var show bool
	c := &cobra.Command{
		Use: "login", Short: "Sign in, for the other commands", Args: cobra.NoArgs,
		Long: "The device flow (RFC 8628): open the printed page anywhere and sign in there. The access token is\n" +
			"kept in your folder of settings, for the other commands, or with --print printed instead. It works\n" +
			"with every OpenID provider that offers the flow.\n\n" +
			"With --email the password is asked for here. Only the provider of the laptop takes that.",
		Example: "  quittance login\n  quittance login --email ada@example.org\n" +
			`  curl -H "Authorization: Bearer $(quittance login --print)" http://127.0.0.1:8080/accounts`,
		RunE: func(c *cobra.Command, _ []string) error {
			by := o.device
			if email != "" {
				by = func(c *cobra.Command) (terminal.Login, error) { return o.password(c, email) }
			}
			login, err := by(c)
			if err != nil {
				return err
			}
			if show {
				_, err := fmt.Fprintln(c.OutOrStdout(), login.Token)
				return err
			}
			file, err := terminal.LoginFile()
			if err != nil {
				return err
			}
			if err := login.Keep(file); err != nil {
				return err
			}
			fmt.Fprintln(c.ErrOrStderr(), "Signed in.")
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&o.issuer, "issuer", fromEnvironment("QUITTANCE_ISSUER", "http://127.0.0.1:8081/issuer"), "the OpenID provider (QUITTANCE_ISSUER)")
	f.StringVar(&o.client, "client", "quittance", "our id at the provider")
	f.StringSliceVar(&o.scopes, "scope", []string{"customer"}, "what the token is to allow")
	f.StringVar(&email, "email", "", "sign in here, with a password; read from standard input where that is no terminal")
	f.BoolVar(&show, "print", false, "print the token and keep nothing")
	return c
}

// signIn is where and as which program somebody signs in.
type signIn struct {
	issuer, client string
	scopes         []string
}

// device signs in with a browser somewhere.
func (o signIn) device(c *cobra.Command) (terminal.Login, error) {
	config := oauth2.Config{ClientID: o.client, Scopes: o.scopes}
	ctx := context.WithValue(c.Context(), oauth2.HTTPClient, &http.Client{Timeout: 30 * time.Second})
	var err error
	if config.Endpoint, err = discover(ctx, o.issuer); err != nil {
		return terminal.Login{}, err
	}
	code, err := config.DeviceAuth(ctx)
	if err != nil {
		return terminal.Login{}, fmt.Errorf("begin to sign in: %w", err)
	}
	page := code.VerificationURIComplete
	if page == "" {
		page = code.VerificationURI
	}
	fmt.Fprintf(c.ErrOrStderr(), "Open %s and sign in with the code %s.\n", page, code.UserCode)
	token, err := config.DeviceAccessToken(ctx, code)
	if err != nil {
		return terminal.Login{}, fmt.Errorf("sign in: %w", err)
	}
	return terminal.Login{Issuer: o.issuer, Token: token.AccessToken, Until: token.Expiry}, nil
}

// password signs in with e-mail and password.
func (o signIn) password(c *cobra.Command, email string) (terminal.Login, error) {
	password, err := readPassword(c)
	if err != nil {
		return terminal.Login{}, fmt.Errorf("read the password: %w", err)
	}
	token, err := demo.NewLogins(o.issuer).Login(c.Context(), email, password)
	if err != nil {
		return terminal.Login{}, err
	}
	return terminal.Login{Issuer: o.issuer, Token: token.AccessToken, Until: token.Until}, nil
}

// readPassword reads a line, unseen where a person types it.
func readPassword(c *cobra.Command) (string, error) {
	if file, ok := c.InOrStdin().(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		fmt.Fprintf(c.ErrOrStderr(), "Password: ")
		raw, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(c.ErrOrStderr())
		return string(raw), err
	}
	line, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
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
