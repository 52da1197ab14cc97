package query

import (
	"encoding/hex"
	"fmt"
)

// fingerprint gives "v1:" and 32 hex digits, or nothing where there is no error.
func fingerprint(version uint8, fp string) string {
	if version == 0 {
		return ""
	}
	return fmt.Sprintf("v%d:%s", version, hex.EncodeToString([]byte(fp)))
}

// traceID gives 32 hex digits, or nothing for the zero id.
func traceID(raw string) string {
	for i := range len(raw) {
		if raw[i] != 0 {
			return hex.EncodeToString([]byte(raw))
		}
	}
	return ""
}

// spanID gives 16 hex digits, or nothing for zero.
func spanID(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%016x", n)
}

func parseID16(s string) (id [16]byte, ok bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 16 {
		return id, false
	}
	return [16]byte(b), true
}
