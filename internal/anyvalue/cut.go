package anyvalue

import (
	"strconv"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// MarkerKey is the key under which a map that was cut tells so.
const MarkerKey = "summit.cut"

// Marker is the text at the end of a value that was cut; length is what it had, in bytes.
func Marker(length int) string { return "…[cut, was " + strconv.Itoa(length) + " bytes]" }

// CutString keeps at most limit bytes of a string and appends the Marker. It doesn't part a UTF-8 sequence.
func CutString(s string, limit int) string {
	at := limit
	for back := 0; back < utf8.UTFMax && at > 0 && !utf8.RuneStart(s[at]); back++ {
		at--
	}
	return s[:at] + Marker(len(s))
}

func marker(v pcommon.Value) pcommon.Value {
	return pcommon.NewValueStr(Marker(size(v)))
}
