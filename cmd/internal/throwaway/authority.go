package throwaway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// life of every certificate: long for a cluster that is only tried, and over
// before anybody could come to rely on it.
const life = 90 * 24 * time.Hour

// authority signs certificates. Both fields are PEM.
type authority struct {
	cert, key []byte
	pair      tls.Certificate
}

func newAuthority(name string) (*authority, error) {
	template, err := describe(name)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	cert, key, err := sign(template, nil)
	if err != nil {
		return nil, err
	}
	return parseAuthority(cert, key)
}

func parseAuthority(cert, key []byte) (*authority, error) {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("the authority: %w", err)
	}
	if _, isSigner := pair.PrivateKey.(*ecdsa.PrivateKey); !isSigner || !pair.Leaf.IsCA {
		return nil, errors.New("the authority cannot sign")
	}
	return &authority{cert: cert, key: key, pair: pair}, nil
}

// issue signs a certificate: a server's for hosts, a client's without any.
func (a *authority) issue(common string, hosts ...string) (cert, key []byte, err error) {
	template, err := describe(common)
	if err != nil {
		return nil, nil, err
	}
	template.KeyUsage, template.DNSNames = x509.KeyUsageDigitalSignature, hosts
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if len(hosts) == 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	return sign(template, &a.pair)
}

func describe(common string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: common},
		NotBefore: now.Add(-time.Minute), NotAfter: now.Add(life),
	}, nil
}

// sign makes a key and has its certificate signed by parent, or by itself.
func sign(template *x509.Certificate, parent *tls.Certificate) (cert, key []byte, err error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	issuer, signer := template, any(own)
	if parent != nil {
		issuer, signer = parent.Leaf, parent.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &own.PublicKey, signer)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), nil
}
