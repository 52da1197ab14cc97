package sqlbuild

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/summitobs/summit/internal/tenant"
)

// ID16 is a trace id or an error fingerprint: 16 raw bytes, bound as hex.
type ID16 [16]byte

// Day is a calendar day in UTC.
type Day time.Time

// Seconds is a time bound as DateTime, the type of buckets and rollups, so that the sort key is used for it.
type Seconds time.Time

// bind writes a parameter for the value. FixedString columns hold raw bytes, which parameters carry as hex.
func (w *writer) bind(v any) {
	typ, text := "", ""
	before, after := "", ""
	switch x := v.(type) {
	case string:
		typ, text = "String", escapeTop(x)
	case bool:
		typ, text = "Bool", strconv.FormatBool(x)
	case int:
		typ, text = "Int64", strconv.Itoa(x)
	case int64:
		typ, text = "Int64", strconv.FormatInt(x, 10)
	case uint64:
		typ, text = "UInt64", strconv.FormatUint(x, 10)
	case float64:
		typ, text = "Float64", strconv.FormatFloat(x, 'g', -1, 64)
	case time.Time:
		typ, text = "DateTime64(9, 'UTC')", utc(x, "2006-01-02 15:04:05.000000000")
	case Seconds:
		typ, text = "DateTime('UTC')", utc(time.Time(x), time.DateTime)
	case Day:
		typ, text = "Date", utc(time.Time(x), time.DateOnly)
	case tenant.ID:
		typ, text = "UUID", x.String()
	case uuid.UUID:
		typ, text = "UUID", x.String()
	case ID16:
		typ, text, before, after = "String", hex.EncodeToString(x[:]), "toFixedString(unhex(", "), 16)"
	case []string:
		typ, text = "Array(String)", array(x, quoteNested)
	case []int64:
		typ, text = "Array(Int64)", array(x, func(n int64) string { return strconv.FormatInt(n, 10) })
	case []uint64:
		typ, text = "Array(UInt64)", array(x, func(n uint64) string { return strconv.FormatUint(n, 10) })
	case []ID16:
		// As a subquery the list becomes a set, which the sort key and the bloom filters can use; an array of expressions does not.
		typ, before, after = "Array(String)", "(SELECT toFixedString(unhex(arrayJoin(", ")), 16))"
		text = array(x, func(id ID16) string { return "'" + hex.EncodeToString(id[:]) + "'" })
	default:
		w.fail(fmt.Errorf("a value of type %T cannot be bound", v))
		return
	}
	name := "p" + strconv.Itoa(len(w.params)+1)
	w.params[name] = text
	fmt.Fprintf(&w.sql, "%s{%s:%s}%s", before, name, typ, after)
}

// utc is the time's text in UTC, which the parameter's type names as its zone. What is before the epoch, which no stored
// row is, becomes the epoch.
func utc(t time.Time, layout string) string {
	if t.Unix() < 0 {
		t = time.Unix(0, 0)
	}
	return t.UTC().Format(layout)
}

var topEscapes = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)

// escapeTop is the escaped text form that the server reads a whole parameter in.
func escapeTop(s string) string { return topEscapes.Replace(s) }

var nestedEscapes = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)

// quoteNested is a string inside an array.
func quoteNested(s string) string { return "'" + nestedEscapes.Replace(s) + "'" }

func array[T any](xs []T, text func(T) string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, x := range xs {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(text(x))
	}
	b.WriteByte(']')
	return b.String()
}
