package books

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"quittance.dev/cmd/internal/emulators"
)

// Here reads the books of emulators in this process.
func Here(s *emulators.Set) World {
	return World{Stripe: s.Stripe.Books(), Mambu: s.Mambu.Book(), E: s.E.Book(), Mails: s.Mail.Mails()}
}

// At reads the books of emulators behind the admin door at base, such as
// http://localhost:8445.
func At(ctx context.Context, client *http.Client, base string) (w World, err error) {
	for path, into := range map[string]any{
		"/stripe/books": &w.Stripe, "/mambu/books": &w.Mambu, "/e/books": &w.E, "/mail/mails": &w.Mails,
	} {
		if err := read(ctx, client, base+path, into); err != nil {
			return w, err
		}
	}
	return w, nil
}

func read(ctx context.Context, client *http.Client, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}
