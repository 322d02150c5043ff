package signing

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Mark signs a text for a purpose with the first key, and names the key.
func (r *Ring) Mark(purpose string, text []byte) (keyID string, sum [sha256.Size]byte, err error) {
	keys, err := r.keys()
	if err != nil {
		return "", sum, err
	}
	return keys[0].id, keys[0].mark(purpose, text), nil
}

// Marked reports whether the text was signed for the purpose with the named key.
// Errors match ErrUnknownKey or ErrNoKeys.
func (r *Ring) Marked(purpose string, text []byte, keyID string, sum []byte) (bool, error) {
	k, err := r.find(keyID)
	if err != nil {
		return false, err
	}
	want := k.mark(purpose, text)
	return hmac.Equal(want[:], sum), nil
}

// mark is the MAC of a text. Purpose and text cannot run into each other, nor be
// taken for an event: no purpose holds a zero byte.
func (k *key) mark(purpose string, text []byte) [sha256.Size]byte {
	m := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	m.text = append(append(append(m.text[:0], purpose...), 0), text...)
	m.hash.Reset()
	m.hash.Write(m.text)
	m.hash.Sum(m.sum[:0])
	return m.sum
}
