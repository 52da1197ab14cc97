// Package tenant names the customer that a row belongs to. The tenant id is the first column of every table's
// key; the envelope processor stamps it at the edge and every query carries it.
package tenant

import (
	"fmt"

	"github.com/google/uuid"
)

// ID is a tenant's UUID in its 16 network-order bytes (RFC 9562).
type ID [16]byte

// Default is the tenant of an unauthenticated set-up on loopback: 00000000-0000-4000-8000-000000000001.
var Default = ID{6: 0x40, 8: 0x80, 15: 1}

// Parse reads a UUID in its 36-character form, or the word "default" for Default.
func Parse(s string) (ID, error) {
	if s == "default" {
		return Default, nil
	}
	if len(s) != 36 {
		return ID{}, fmt.Errorf("tenant id %q: want a UUID of 36 characters or \"default\"", s)
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return ID{}, fmt.Errorf("tenant id %q: want a UUID of 36 characters or \"default\"", s)
	}
	if u == uuid.Nil {
		return ID{}, fmt.Errorf("tenant id %q: the zero UUID names no tenant", s)
	}
	return ID(u), nil
}

// String gives the UUID in its 36-character lower-case form.
func (id ID) String() string { return uuid.UUID(id).String() }

// IsZero tells the zero value, which names no tenant.
func (id ID) IsZero() bool { return id == ID{} }
