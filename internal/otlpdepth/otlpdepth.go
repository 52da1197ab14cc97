// Package otlpdepth looks for attribute values nested so deeply that decoding them would end the process. OTLP's arrays
// and maps hold values, pdata decodes them by recursion, and Go ends a process whose stack grows past its limit: twelve
// megabytes of arrays inside arrays are enough. The check runs on the wire bytes, before the decoder, without recursion
// and without allocation for ordinary bodies.
package otlpdepth

import (
	"encoding/binary"
	"fmt"
)

// Signal is the kind of request.
type Signal uint8

// The requests of OTLP 1.9, collector services v1.
const (
	Traces Signal = iota + 1
	Logs
	Metrics
)

// MinBytes is the size of a body from which Check is worth calling: in a smaller one the deepest nesting needs a stack
// of some fifty megabytes.
const MinBytes = 512 << 10

// message is a type of the OTLP schema, as far as it leads to attribute values.
type message uint8

const (
	none message = iota
	tracesRequest
	resourceSpans
	scopeSpans
	span
	spanEvent
	spanLink
	logsRequest
	resourceLogs
	scopeLogs
	logRecord
	metricsRequest
	resourceMetrics
	scopeMetrics
	metric
	numberData
	numberPoint
	histogramData
	histogramPoint
	expHistogramData
	expHistogramPoint
	summaryData
	summaryPoint
	exemplar
	attributed3 // a message whose only attributes are its field 3: InstrumentationScope
	resource
	keyValue
	anyValue
	arrayValue
	kvList
	messages
)

// maxField is the highest field number that leads anywhere.
const maxField = 13

// formerScopes is the number that the scopes of a resource had before OTLP 0.15. pdata still takes them; in messages other
// than resources nothing has this number.
const formerScopes = 1000

// fields tells, for each message and field number, which message the field holds. Source: opentelemetry-proto v1.9.
var fields = [messages][maxField + 1]message{
	tracesRequest:     {1: resourceSpans},
	resourceSpans:     {1: resource, 2: scopeSpans},
	scopeSpans:        {1: attributed3, 2: span},
	span:              {9: keyValue, 11: spanEvent, 13: spanLink},
	spanEvent:         {3: keyValue},
	spanLink:          {4: keyValue},
	logsRequest:       {1: resourceLogs},
	resourceLogs:      {1: resource, 2: scopeLogs},
	scopeLogs:         {1: attributed3, 2: logRecord},
	logRecord:         {5: anyValue, 6: keyValue},
	metricsRequest:    {1: resourceMetrics},
	resourceMetrics:   {1: resource, 2: scopeMetrics},
	scopeMetrics:      {1: attributed3, 2: metric},
	metric:            {5: numberData, 7: numberData, 9: histogramData, 10: expHistogramData, 11: summaryData, 12: keyValue},
	numberData:        {1: numberPoint},
	numberPoint:       {5: exemplar, 7: keyValue},
	histogramData:     {1: histogramPoint},
	histogramPoint:    {8: exemplar, 9: keyValue},
	expHistogramData:  {1: expHistogramPoint},
	expHistogramPoint: {1: keyValue, 11: exemplar},
	summaryData:       {1: summaryPoint},
	summaryPoint:      {7: keyValue},
	exemplar:          {7: keyValue},
	attributed3:       {3: keyValue},
	resource:          {1: keyValue},
	keyValue:          {2: anyValue},
	anyValue:          {5: arrayValue, 6: kvList},
	arrayValue:        {1: anyValue},
	kvList:            {1: keyValue},
}

var roots = map[Signal]message{Traces: tracesRequest, Logs: logsRequest, Metrics: metricsRequest}

// TooDeepError says that a value is nested deeper than allowed.
type TooDeepError struct{ Max int }

// Error implements error.
func (e *TooDeepError) Error() string {
	return fmt.Sprintf("an attribute value or log body is nested more than %d levels deep", e.Max)
}

// frame is a message that the walk is in.
type frame struct {
	end    int
	values int
	kind   message
}

// Check walks over an export request and answers with a *TooDeepError when values are nested more than max levels deep.
// Bytes that are no such request are no error here: the decoder says it better, and gets no deeper than the walk.
func Check(signal Signal, body []byte, max int) error {
	var room [64]frame
	stack := room[:0]
	at := frame{end: len(body), kind: roots[signal]}
	for pos := 0; ; {
		for pos == at.end {
			if len(stack) == 0 {
				return nil
			}
			at, stack = stack[len(stack)-1], stack[:len(stack)-1]
		}
		child, start, end := next(body, pos, at)
		switch {
		case end < 0:
			return nil
		case child == none || child == keyValue && isPlain(body[start:end]):
			pos = end
			continue
		}
		stack = append(stack, at)
		at = frame{end: end, kind: child, values: at.values}
		pos = start
		if child == anyValue {
			if at.values++; at.values > max {
				return &TooDeepError{Max: max}
			}
		}
	}
}

// isPlain tells a KeyValue as nearly all are: a short key, then one string, number or bool and nothing else. Others are
// looked into.
func isPlain(kv []byte) bool {
	if len(kv) < 4 || kv[0] != 1<<3|2 || kv[1] >= 0x80 {
		return false
	}
	at := 2 + int(kv[1])
	if at+2 > len(kv) || kv[at] != 2<<3|2 {
		return false
	}
	size, n := binary.Uvarint(kv[at+1:])
	at += 1 + n
	if n <= 0 || size != uint64(len(kv)-at) || size == 0 {
		return false
	}
	switch kv[at] {
	case 1<<3 | 2: // string_value
		length, n := binary.Uvarint(kv[at+1:])
		return n > 0 && length == uint64(len(kv)-at-1-n)
	case 2<<3 | 0, 3<<3 | 0: // bool_value, int_value
		_, n := binary.Uvarint(kv[at+1:])
		return n > 0 && at+1+n == len(kv)
	case 4<<3 | 1: // double_value
		return at+9 == len(kv)
	}
	return false
}

// next reads the field at pos: where it ends, and where its content starts if it is a message to look into. A negative
// end says that the bytes are no message.
func next(body []byte, pos int, at frame) (child message, start, end int) {
	tag, n := binary.Uvarint(body[pos:at.end])
	if n <= 0 {
		return none, 0, -1
	}
	pos += n
	switch tag & 7 {
	case 0:
		_, n := binary.Uvarint(body[pos:at.end])
		if n <= 0 {
			return none, 0, -1
		}
		return none, 0, pos + n
	case 1:
		end = pos + 8
	case 5:
		end = pos + 4
	case 2:
		length, n := binary.Uvarint(body[pos:at.end])
		if n <= 0 || length > uint64(at.end-pos-n) {
			return none, 0, -1
		}
		switch number := tag >> 3; {
		case number <= maxField:
			child = fields[at.kind][number]
		case number == formerScopes:
			child = fields[at.kind][2]
		}
		return child, pos + n, pos + n + int(length)
	default:
		return none, 0, -1
	}
	if end > at.end {
		return none, 0, -1
	}
	return none, 0, end
}
