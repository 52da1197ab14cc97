package otlptest

import (
	"encoding/binary"
	"slices"
)

// Nested is an export request of traces with one attribute that is that many arrays inside arrays, built from the inside
// out: a million of them fit into ten megabytes, and no encoder or decoder that recurses would survive them.
func Nested(levels int) []byte {
	var reversed []byte
	wrap := func(field byte) {
		head := binary.AppendUvarint([]byte{field<<3 | 2}, uint64(len(reversed)))
		slices.Reverse(head)
		reversed = append(reversed, head...)
	}
	for range levels {
		wrap(1) // ArrayValue.values
		wrap(5) // AnyValue.array_value
	}
	for _, field := range []byte{2, 9, 2, 2, 1} { // KeyValue.value, Span.attributes, spans, scope_spans, resource_spans
		wrap(field)
	}
	slices.Reverse(reversed)
	return reversed
}
