package promoted

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/summitobs/summit/internal/otlpitem"
	"github.com/summitobs/summit/internal/tenant"
)

// User is who was in front of the screen, as a pseudonym or as what one is made of.
type User struct{ Hash, ID string }

// Look remembers the attribute if it tells the user.
func (u *User) Look(key string, v *otlpitem.Value) {
	switch key {
	case "user.hash":
		u.Hash = v.Text()
	case "user.id":
		u.ID = v.Text()
	case "enduser.id":
		orElse(&u.ID, v)
	}
}

// Pseudonym is the sender's hash, or one of ours that differs between tenants; empty where nobody is named.
func (u User) Pseudonym(id tenant.ID) string {
	if u.Hash != "" || u.ID == "" {
		return u.Hash
	}
	h := sha256.New()
	h.Write([]byte("summit.user.v1"))
	h.Write(id[:])
	h.Write([]byte(u.ID))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
