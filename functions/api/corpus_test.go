package api

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/identity/identitytest"
)

// Bad ids, keys and tokens, from files: each case names its status and its problem
// type, and nothing is written.

// cases reads testdata/name.jsonl, one case per line.
func cases[T any](t testing.TB, name string) (list []T) {
	t.Helper()
	file, err := os.Open("testdata/" + name + ".jsonl")
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c T
		d := json.NewDecoder(strings.NewReader(lines.Text()))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&c), lines.Text())
		list = append(list, c)
	}
	require.NoError(t, lines.Err())
	return list
}

type badToken struct {
	Name, Problem string
	Status        int
	Alg, Key      string         // "" is the issuer's own
	Header        map[string]any // over an honest one; null takes away
	RawHeader     map[string]any `json:"raw_header"` // the whole header, unsigned
	Claims        map[string]any // over honest ones; null takes away
	In            map[string]int // claims as seconds from now
	Edit          string         // done to the token or to its payload
	Raw           *string        // instead of a token
}

func TestA5_CorpusOfTokens(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	require.Equal(t, 200, b.get("/accounts").status)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	before := b.rows()
	list := cases[badToken](t, "tokens")
	require.GreaterOrEqual(t, len(list), 60)
	for _, c := range list {
		token := c.token(t, b.issuer, other, rsaKey)
		r := b.request("POST", "/customers", ada)
		r.Header.Set("Authorization", "Bearer "+token)
		got := b.do(r)
		require.Equal(t, c.Status, got.status, "%s: %s", c.Name, got.body)
		refused(t, got, kindNamed(t, c.Problem))
		require.Contains(t, got.header.Get("WWW-Authenticate"), "Bearer realm=", c.Name)
		require.Equal(t, before, b.rows(), "%s: nothing is written", c.Name)
	}
	require.Equal(t, 1, b.issuer.Fetches(), "no token makes us call anybody")
	require.Equal(t, 201, b.post("/customers", ada).status, "the route works afterwards")
}

func (c badToken) token(t *testing.T, issuer *identitytest.Issuer, other *ecdsa.PrivateKey, rsaKey *rsa.PrivateKey) string {
	t.Helper()
	if c.Raw != nil {
		return *c.Raw
	}
	header := over(map[string]any{"typ": "at+jwt", "kid": issuer.KeyID()}, c.Header)
	if header["jwk"] != nil {
		header["jwk"] = jose.JSONWebKey{Key: other.Public()}
	}
	claims := over(identitytest.Claims("ada", everything...), c.Claims)
	for name, seconds := range c.In {
		claims[name] = time.Now().Add(time.Duration(seconds) * time.Second).Unix()
	}
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	payload = editPayload(c.Edit, payload)
	switch {
	case c.RawHeader != nil || c.Alg == "none":
		if c.RawHeader == nil {
			c.RawHeader = over(header, map[string]any{"alg": "none"})
		}
		raw, err := json.Marshal(c.RawHeader)
		require.NoError(t, err)
		return encode(raw) + "." + encode(payload) + "."
	case c.Alg == "HS256-public":
		public, err := x509.MarshalPKIXPublicKey(issuer.Key().Public())
		require.NoError(t, err)
		return identitytest.SignWith(t, jose.HS256, public, header, payload)
	case c.Alg == "RS256":
		return identitytest.SignWith(t, jose.RS256, rsaKey, header, payload)
	case c.Key == "other" || c.Header["crit"] != nil || c.Header["b64"] != nil || c.Header["kid"] == 7.0:
		return signRaw(t, header, payload, pick(c.Key == "other", other, issuer.Key()))
	case c.Edit == "type-twice":
		return signText(t, `{"alg":"ES256","kid":"`+issuer.KeyID()+`","typ":"at+jwt","typ":"at+jwt"}`, payload, issuer.Key())
	}
	return editToken(c.Edit, issuer.SignRaw(header, payload))
}

func pick[T any](first bool, x, y T) T {
	if first {
		return x
	}
	return y
}

// over merges; null takes away.
func over(base, changes map[string]any) map[string]any {
	merged := map[string]any{}
	for k, v := range base {
		merged[k] = v
	}
	for k, v := range changes {
		merged[k] = v
		if v == nil {
			delete(merged, k)
		}
	}
	return merged
}

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// signRaw signs what a library would not.
func signRaw(t *testing.T, header map[string]any, payload []byte, key *ecdsa.PrivateKey) string {
	t.Helper()
	header = over(header, map[string]any{"alg": "ES256"})
	raw, err := json.Marshal(header)
	require.NoError(t, err)
	return signText(t, string(raw), payload, key)
}

func signText(t *testing.T, header string, payload []byte, key *ecdsa.PrivateKey) string {
	t.Helper()
	signed := encode([]byte(header)) + "." + encode(payload)
	digest := sha(signed)
	r, s, err := ecdsa.Sign(rand.Reader, key, digest)
	require.NoError(t, err)
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + encode(signature)
}

func editPayload(edit string, payload []byte) []byte {
	text := string(payload)
	switch edit {
	case "aud-twice":
		text = `{"aud":"quittance",` + text[1:]
	case "sub-twice":
		text = `{"sub":"olga",` + text[1:]
	case "exp-null":
		text = strings.Replace(text, `"exp":`, `"exp":null,"was":`, 1)
	case "trailing":
		text += " {}"
	case "list":
		text = "[" + text + "]"
	case "junk":
		text = "{"
	case "bad-utf8":
		text = strings.Replace(text, `"client_id":"test"`, "\"client_id\":\"\xff\"", 1)
	}
	return []byte(text)
}

func editToken(edit, token string) string {
	parts := strings.Split(token, ".")
	switch edit {
	case "other-payload":
		raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
		return parts[0] + "." + encode([]byte(strings.Replace(string(raw), `"ada"`, `"eve"`, 1))) + "." + parts[2]
	case "flip-signature":
		raw, _ := base64.RawURLEncoding.DecodeString(parts[2])
		raw[0] ^= 1
		return parts[0] + "." + parts[1] + "." + encode(raw)
	case "no-signature":
		return parts[0] + "." + parts[1] + "."
	case "half-signature":
		return token[:len(token)-43]
	case "one-part":
		return parts[0]
	case "two-parts":
		return parts[0] + "." + parts[1]
	case "four-parts":
		return token + "." + parts[2]
	case "five-parts":
		return token + "." + parts[2] + "." + parts[2]
	case "dots":
		return strings.Repeat(".", 10000)
	case "long":
		return parts[0] + "." + strings.Repeat(parts[1], 16<<10/len(parts[1])+1) + "." + parts[2]
	case "json":
		return `{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"},{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`
	case "padded":
		return parts[0] + "==." + parts[1] + "." + parts[2]
	case "standard":
		return parts[0] + "." + parts[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(parts[2]) + "+/"
	case "space":
		return parts[0] + ". " + parts[1] + "." + parts[2]
	}
	return token
}

type badID struct {
	Name, ID, Problem string
	Status            int
	InBody            struct {
		Status  int
		Problem string
	} `json:"in_body"`
}

// Every case at every place in a path, and at every place in a body.
func TestCorpusOfIDs(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account, customer := b.account("EUR"), b.customer()
	before := b.rows()
	list := cases[badID](t, "ids")
	require.GreaterOrEqual(t, len(list), 40)
	for _, c := range list {
		for _, path := range []string{"/accounts/{}", "/balances/{}", "/transactions/{}", "/closures/{}", "/operation-status/{}", "/invoices/{}",
			"/invoices/{}/receipt", "/payments/{}", "/journeys/{}"} {
			got := b.get(strings.ReplaceAll(path, "{}", c.ID))
			require.Equal(t, c.Status, got.status, "%s, %s: %s", path, c.Name, got.body)
			refused(t, got, kindNamed(t, c.Problem))
			require.Empty(t, got.header.Get("X-Evil"))
			require.True(t, len(c.ID) < 5 || !strings.Contains(got.body, c.ID), got.body)
		}
		for path, body := range map[string]string{"/accounts/{}/close": "{}", "/invoices/{}/payments": visa} {
			refused(t, b.post(strings.ReplaceAll(path, "{}", c.ID), body), kindNamed(t, c.Problem))
		}
		plain, err := url.PathUnescape(c.ID)
		require.NoError(t, err)
		quoted, err := json.Marshal(plain) // broken UTF-8 becomes a replacement character
		require.NoError(t, err)
		id := strings.Trim(string(quoted), `"`)
		for path, body := range map[string]string{
			"/deposit": movement(id, "1"), "/withdraw": movement(id, "1"), transfers: transfer(id, account, "1", events.Debit),
			"/accounts": `{"customer_id":"` + id + `","product":"current","currency":"EUR"}`,
			"/invoices": `{"account_id":"` + id + `","customer_id":"` + customer + `","amount":1,"currency":"EUR","reference":"Rent"}`,
		} {
			got := b.post(path, body)
			require.Equal(t, c.InBody.Status, got.status, "%s, %s: %s", path, c.Name, got.body)
			refused(t, got, kindNamed(t, c.InBody.Problem))
		}
		got := b.post("/invoices", `{"account_id":"`+account+`","customer_id":"`+id+`","amount":1,"currency":"EUR","reference":"Rent"}`)
		refused(t, got, kindNamed(t, c.InBody.Problem))
		require.Equal(t, before, b.rows(), "%s: nothing is written", c.Name)
	}
	require.Equal(t, http.StatusOK, b.get("/accounts/"+account).status)
}

type keyCase struct {
	Name, Problem string
	Values        []string
	Status        int
}

func TestCorpusOfIdempotencyKeys(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	account := b.account("EUR")
	list := cases[keyCase](t, "idempotency-keys")
	require.GreaterOrEqual(t, len(list), 30)
	for path, body := range map[string]string{"/deposit": movement(account, "1"), "/customers": ada, transfers: transfer(account, b.account("EUR"), "1", events.Debit)} {
		for _, c := range list {
			before := b.rows()
			r := b.request("POST", path, body)
			r.Header["Idempotency-Key"] = c.Values
			got := b.do(r)
			if c.Problem == "" {
				require.Equal(t, 2, got.status/100, "%s: %s", c.Name, got.body)
				require.Empty(t, got.header.Get("Idempotency-Replayed"), c.Name)
				continue
			}
			require.Equal(t, c.Status, got.status, "%s: %s", c.Name, got.body)
			refused(t, got, kindNamed(t, c.Problem))
			require.Equal(t, before, b.rows(), "%s: nothing is written", c.Name)
		}
	}
}

// The same key at once, on two routes, by two people, with two contents: one effect
// for each that is a request of its own.
func TestOneKeyManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	people := map[string]*bank{"ada": b.as("ada", identity.Customer), "eve": b.as("eve", identity.Customer)}
	var all sync.WaitGroup
	for _, who := range people {
		account := who.account("EUR")
		for i := range 32 {
			all.Go(func() {
				path, amount := pick(i%2 == 0, "/deposit", "/withdraw"), pick(i%8 < 6, "1", "2")
				got := who.post(path, movement(account, amount), "Idempotency-Key", "k")
				require.Contains(t, []int{200, 422, 409}, got.status, got.body)
			})
		}
	}
	all.Wait()
	require.Equal(t, 4, one[int](b, `select count(*) from banking.operation`))
	require.Equal(t, 2, b.said("deposit.requested"))
	require.Equal(t, 2, b.said("withdrawal.requested"))
}

// FuzzIdempotencyKey: what is taken is what HTTP and the draft allow, and survives
// being quoted.
func FuzzIdempotencyKey(f *testing.F) {
	for _, c := range cases[keyCase](f, "idempotency-keys") {
		for _, v := range c.Values {
			f.Add(v)
		}
	}
	f.Fuzz(func(t *testing.T, value string) {
		key, ok := unquote(value)
		if !ok {
			require.Empty(t, key)
			return
		}
		require.NotEmpty(t, key)
		require.LessOrEqual(t, len(key), 255)
		require.NotContains(t, key, `"`)
		for _, c := range []byte(key) {
			require.True(t, c >= 0x20 && c <= 0x7e)
		}
		again, ok := unquote(`"` + key + `"`)
		require.True(t, ok)
		require.Equal(t, key, again)
	})
}

func sha(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
