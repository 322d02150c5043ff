package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/identity"
)

// TokenVerifier tells who bears an access token.
type TokenVerifier interface {
	// Verify returns the bearer. Errors match identity.ErrInvalid or
	// identity.ErrUnavailable.
	Verify(ctx context.Context, token string) (identity.Principal, error)
}

// scheme is the name of the security scheme in the document.
const scheme = "oidc"

// allow declares who may use a route: whoever has one of the scopes. It stands in
// the route's operation, so that the document says what is enforced.
func allow(scopes ...identity.Scope) []map[string][]string {
	alternatives := make([]map[string][]string, len(scopes))
	for i, s := range scopes {
		alternatives[i] = map[string][]string{scheme: {string(s)}}
	}
	return alternatives
}

// public declares a route that takes no token; its description says what takes the
// token's place.
func public() []map[string][]string { return []map[string][]string{{}} }

// scopesOf are the scopes that an operation declares, none if it is public.
func scopesOf(op *huma.Operation) []identity.Scope {
	var scopes []identity.Scope
	for _, alternative := range op.Security {
		for _, name := range alternative[scheme] {
			scopes = append(scopes, identity.Scope(name))
		}
	}
	return scopes
}

// securityScheme describes the tokens.
func securityScheme(discoveryURL string) *huma.SecurityScheme {
	lines := make([]string, 0, len(identity.Scopes()))
	for scope, what := range identity.Scopes() {
		lines = append(lines, fmt.Sprintf("%s: %s", scope, what))
	}
	slices.Sort(lines)
	return &huma.SecurityScheme{
		Type: "openIdConnect", OpenIDConnectURL: discoveryURL,
		Description: "An access token (RFC 9068) of the bank's OpenID provider, as Authorization: Bearer. Its scopes: " + strings.Join(lines, " "),
	}
}

type principalKey struct{}

// caller is who sent ctx's request. Only routes that are open to everybody have
// none.
func caller(ctx context.Context) identity.Principal {
	p, _ := ctx.Value(principalKey{}).(identity.Principal)
	return p
}

// authenticate lets through whoever has one of the scopes, before anything else of
// the request is looked at.
func (a *api) authenticate(scopes []identity.Scope, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, sent := bearerToken(r)
		if !sent {
			w.Header().Set("WWW-Authenticate", `Bearer realm="quittance"`)
			writeProblem(w, r, invalidToken.problem())
			return
		}
		who, err := a.tokens.Verify(r.Context(), token)
		switch {
		case errors.Is(err, identity.ErrInvalid):
			a.log(r.Context()).WarnContext(r.Context(), "token refused", "error", err)
			w.Header().Set("WWW-Authenticate", `Bearer realm="quittance", error="invalid_token"`)
			writeProblem(w, r, invalidToken.problem())
			return
		case err != nil:
			writeProblem(w, r, a.problemOf(r.Context(), err))
			return
		case !a.limit(w, r, who.ID):
			return
		case !who.May(scopes...):
			names := make([]string, len(scopes))
			for i, s := range scopes {
				names[i] = string(s)
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="quittance", error="insufficient_scope", scope="`+strings.Join(names, " ")+`"`)
			writeProblem(w, r, insufficientScope.problem())
			return
		}
		ctx := fn.WithLog(context.WithValue(r.Context(), principalKey{}, who), "caller", who.ID)
		// In place, not a copy: whoever holds the request sees its pattern.
		*r = *r.WithContext(ctx)
		next.ServeHTTP(w, r)
	})
}

// bearerToken reads the one Authorization header (RFC 6750, 2.1). Tokens in a form
// or in the query are not taken.
func bearerToken(r *http.Request) (token string, sent bool) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", false
	}
	kind, token, ok := strings.Cut(values[0], " ")
	if len(values) > 1 || !ok || !strings.EqualFold(kind, "Bearer") {
		return "", true // something was sent, and it is no token
	}
	return token, true
}
