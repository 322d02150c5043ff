package throwaway

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

func byName(t *testing.T, secrets []corev1.Secret) map[string]corev1.Secret {
	t.Helper()
	m := map[string]corev1.Secret{}
	for _, s := range secrets {
		require.NotContains(t, m, s.Name)
		require.Equal(t, "bank", s.Namespace)
		m[s.Name] = s
	}
	return m
}

// A29: every secret of a cluster on trial is made up, none twice, and what is
// there stays.
func TestA29_SecretsAreMadeOnceAndEachIsAnother(t *testing.T) {
	first, err := Secrets("bank", []string{"payment", "relay"}, []string{"payment"}, nil)
	require.NoError(t, err)
	made := byName(t, first)
	seen := map[string]string{}
	for name, s := range made {
		for key, value := range s.Data {
			if key == caFile || name == "card-processor-webhooks" && key == "previous" {
				continue
			}
			require.NotEmpty(t, value)
			require.NotContains(t, seen, string(value), "%s %s", name, key)
			seen[string(value)] = name
		}
	}
	require.Equal(t, made["card-processor-webhooks"].Data["current"], made["card-processor-webhooks"].Data["previous"], "no rotation yet")

	again, err := Secrets("bank", []string{"payment", "relay"}, []string{"payment"}, first)
	require.NoError(t, err)
	require.Empty(t, again)

	more, err := Secrets("bank", []string{"payment", "relay", "query"}, []string{"payment"}, first)
	require.NoError(t, err)
	require.Len(t, more, 1)
	require.Equal(t, "postgres-query", more[0].Name)
	require.Equal(t, made["postgres-payment"].Data[caFile], more[0].Data[caFile], "signed by the one that is there")
}

// A30: the certificates are good for what they are for, and for nothing else.
func TestA30_CertificatesFitTheirUse(t *testing.T) {
	first, err := Secrets("bank", nil, nil, nil)
	require.NoError(t, err)
	made := byName(t, first)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(made["outside-authority"].Data[caFile]))
	verify := func(secret, host string, use x509.ExtKeyUsage) error {
		pair, err := tls.X509KeyPair(made[secret].Data[certFile], made[secret].Data[keyFile])
		require.NoError(t, err)
		_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, KeyUsages: []x509.ExtKeyUsage{use}})
		return err
	}
	require.NoError(t, verify("postgres-server", "postgres.bank.svc.cluster.local", x509.ExtKeyUsageServerAuth))
	require.NoError(t, verify("outside-server", "outside.bank.svc.cluster.local", x509.ExtKeyUsageServerAuth))
	require.NoError(t, verify("external-e", "", x509.ExtKeyUsageClientAuth))
	require.Error(t, verify("outside-server", "postgres.bank.svc.cluster.local", x509.ExtKeyUsageServerAuth))
	require.Error(t, verify("external-e", "", x509.ExtKeyUsageServerAuth), "a client is no server")
	require.Error(t, verify("outside-server", "", x509.ExtKeyUsageClientAuth), "a server is no client")
}

func TestABrokenAuthorityIsAnError(t *testing.T) {
	broken := corev1.Secret{Data: map[string][]byte{certFile: []byte("x"), keyFile: []byte("y")}}
	broken.Name = authorityName
	_, err := Secrets("bank", nil, nil, []corev1.Secret{broken})
	require.ErrorContains(t, err, "the authority")
}
