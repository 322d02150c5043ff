package throwaway

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// authorityName is the Secret that keeps the authority, so that what is made
// later is signed by the same one. No pod mounts it.
const authorityName = "throwaway-authority"

// The names of files in a mounted Secret.
const (
	caFile   = "ca.crt"
	certFile = "tls.crt"
	keyFile  = "tls.key"
)

// Secrets makes the Secrets that the functions and the emulators of namespace
// mount and that are not among existing. Roles are all functions that have one in
// the database, signing those that have keys of events: who checks signatures, and
// who posts straight to one of these. The result is sorted by name.
func Secrets(namespace string, roles, signing []string, existing []corev1.Secret) ([]corev1.Secret, error) {
	m := &maker{namespace: namespace, there: map[string]bool{}}
	for _, s := range existing {
		m.there[s.Name] = true
		if s.Name == authorityName {
			var err error
			if m.authority, err = parseAuthority(s.Data[certFile], s.Data[keyFile]); err != nil {
				return nil, err
			}
		}
	}
	if m.authority == nil {
		var err error
		if m.authority, err = newAuthority("quittance throwaway authority"); err != nil {
			return nil, err
		}
		m.add(authorityName, map[string][]byte{certFile: m.authority.cert, keyFile: m.authority.key})
	}
	m.database(roles)
	for _, name := range signing {
		m.add("event-keys-"+name, map[string][]byte{"keys": keys()})
	}
	m.add("report-keys", map[string][]byte{"keys": keys()})
	m.outside()
	slices.SortFunc(m.made, func(a, b corev1.Secret) int { return strings.Compare(a.Name, b.Name) })
	return m.made, m.err
}

type maker struct {
	namespace string
	there     map[string]bool
	authority *authority
	made      []corev1.Secret
	err       error
}

// database is a password for each role, and what the server shows.
func (m *maker) database(roles []string) {
	for _, name := range append(slices.Clone(roles), "owner") {
		m.add("postgres-"+name, map[string][]byte{"password": random(""), caFile: m.authority.cert})
	}
	m.addPair("postgres-server", "postgres", "postgres."+m.namespace+".svc.cluster.local", "postgres")
}

// outside is what the emulators ask of their callers and show them.
func (m *maker) outside() {
	m.add("mambu", map[string][]byte{"api-key": random("")})
	m.add("card-processor", map[string][]byte{"api-key": random("sk_test_")})
	webhooks := random("whsec_")
	m.add("card-processor-webhooks", map[string][]byte{"current": webhooks, "previous": webhooks})
	m.add("mail-gateway", map[string][]byte{"api-key": random("re_")})
	m.add("text-gateway", map[string][]byte{"secret": random("")})
	m.addPair("external-e", "quittance")
	if n := len(m.made) - 1; n >= 0 && m.made[n].Name == "external-e" {
		m.made[n].Data["token"] = random("")
	}
	m.addPair("outside-server", "outside", "outside."+m.namespace+".svc.cluster.local")
	m.add("outside-authority", map[string][]byte{caFile: m.authority.cert})
}

func (m *maker) add(name string, data map[string][]byte) {
	if m.there[name] {
		return
	}
	m.made = append(m.made, corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: m.namespace,
			Labels: map[string]string{"app.kubernetes.io/part-of": "quittance"}},
		Data: data,
	})
}

// addPair adds a certificate with its key and who signed it.
func (m *maker) addPair(name, common string, hosts ...string) {
	if m.there[name] || m.err != nil {
		return
	}
	cert, key, err := m.authority.issue(common, hosts...)
	if err != nil {
		m.err = fmt.Errorf("certificate of %s: %w", name, err)
		return
	}
	m.add(name, map[string][]byte{certFile: cert, keyFile: key, caFile: m.authority.cert})
}

// keys is a file of one key (functions/signing).
func keys() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return []byte("1 " + base64.StdEncoding.EncodeToString(key) + "\n")
}

func random(prefix string) []byte {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return []byte(prefix + hex.EncodeToString(b))
}
