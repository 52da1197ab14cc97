// Package fingerprint groups errors: it reads the stack trace of an exception, whatever language wrote it, and gives
// the identity of its group. The column encoders call it where an exception is derived from a span event, a log record
// or a build step, so errors of CI, production and browsers share one space of fingerprints.
//
// A fingerprint is versioned. Version 1 hashes the exception's type and its normalised in-app frames, root cause
// first, without line numbers; an exception without frames is hashed by type and parameterised message. A change of
// the algorithm needs a new version, or existing groups would move.
package fingerprint

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Version is the version of the algorithm, part of every fingerprint's text form.
const Version uint8 = 1

// Bounds of the work on one exception. Stacks come from outside and may be hostile.
const (
	// maxStackBytes of a stack are read: its first and its last half.
	maxStackBytes = 64 << 10
	// maxLineBytes of a line are looked at.
	maxLineBytes = 2 << 10
	// maxFrames are kept of one exception of a chain.
	maxFrames = 128
	// maxSections are the exceptions kept of a chain of causes.
	maxSections = 16
	// hashedFrames of the chain take part in the fingerprint.
	hashedFrames = 20
)

const prefix = "v1:"

// Frame is one call of a stack trace.
type Frame struct {
	// Module is the class, package or namespace; empty where the language's traces name only files.
	Module   string
	Function string
	File     string
	Line     uint32
	Col      uint32
	// InApp tells the project's own code from libraries and the runtime.
	InApp bool
}

// Result is what is known of an exception after reading its stack.
type Result struct {
	FP      [16]byte
	Version uint8
	// Frames are those of the whole chain, the root cause's first, the innermost call of each first.
	Frames []Frame
	// Culprit is the innermost in-app call in words, or the innermost call where none is in-app.
	Culprit string
	// Parsed is false when no frame could be read, so that the caller keeps the raw stack.
	Parsed bool
}

// Exception reads the stack and computes the fingerprint. language is telemetry.sdk.language or empty; typ, message and
// stack are the attributes exception.type, exception.message and exception.stacktrace, each possibly empty.
func Exception(language, typ, message, stack string) Result {
	chain := parse(language, bound(stack))
	res := Result{Version: Version}
	for _, s := range chain {
		res.Frames = append(res.Frames, s.frames...)
	}
	if len(res.Frames) > maxFrames {
		res.Frames = res.Frames[:maxFrames]
	}
	res.Parsed = len(res.Frames) > 0
	h := sha256.New()
	field(h, "v1")
	if res.Parsed {
		res.Culprit = culprit(res.Frames)
		hashChain(h, typ, chain)
	} else {
		field(h, strings.TrimSpace(typ))
		field(h, parameterise(message))
	}
	copy(res.FP[:], h.Sum(nil))
	return res
}

// String is the text form of a fingerprint: its version and 32 hexadecimal digits.
func String(fp [16]byte) string { return prefix + hex.EncodeToString(fp[:]) }

// Parse reads the text form back.
func Parse(s string) ([16]byte, error) {
	var fp [16]byte
	digits, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return fp, fmt.Errorf("fingerprint %q: want %s followed by 32 hexadecimal digits", shorten(s), prefix)
	}
	if len(digits) != 2*len(fp) {
		return fp, fmt.Errorf("fingerprint %q: want 32 hexadecimal digits, got %d characters", shorten(s), len(digits))
	}
	if _, err := hex.Decode(fp[:], []byte(digits)); err != nil || strings.ToLower(digits) != digits {
		return fp, errors.Join(fmt.Errorf("fingerprint %q: want lower-case hexadecimal digits", s), err)
	}
	return fp, nil
}

func shorten(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

// bound cuts a stack to its two ends: the thrower stands at the top in most languages, the root cause at the bottom.
func bound(stack string) string {
	if len(stack) <= maxStackBytes {
		return stack
	}
	head, tail := stack[:maxStackBytes/2], stack[len(stack)-maxStackBytes/2:]
	if i := strings.LastIndexByte(head, '\n'); i > 0 {
		head = head[:i]
	}
	if i := strings.IndexByte(tail, '\n'); i >= 0 {
		tail = tail[i:]
	}
	return head + "\n" + tail
}

// hashChain feeds the identity of each exception in the chain, the root cause first. The outermost one goes by the type
// that the sender named, which is the same whether its stack carries a headline or not.
func hashChain(h io.Writer, typ string, chain []section) {
	onlyApp := false
	for _, s := range chain {
		for _, f := range s.frames {
			onlyApp = onlyApp || f.InApp
		}
	}
	left := hashedFrames
	for i, s := range chain {
		name := s.typ
		if i == len(chain)-1 && strings.TrimSpace(typ) != "" {
			name = typ
		}
		keys := collapse(keysOf(s, onlyApp))
		if len(keys) == 0 && i < len(chain)-1 {
			continue
		}
		field(h, stripProxy(strings.TrimSpace(name)))
		keys = keys[:min(left, len(keys))]
		left -= len(keys)
		for _, k := range keys {
			field(h, k)
		}
	}
}

func keysOf(s section, onlyApp bool) []string {
	keys := make([]string, 0, len(s.frames))
	for _, f := range s.frames {
		if f.InApp || !onlyApp {
			keys = append(keys, key(s.syntax, f))
		}
	}
	return keys
}

// field writes one value with a terminator that can't occur inside, so that no two lists of values are the same bytes.
func field(h io.Writer, s string) {
	_, _ = io.WriteString(h, strings.ReplaceAll(s, "\x00", "")) // a hash takes everything
	_, _ = h.Write([]byte{0})
}

func culprit(frames []Frame) string {
	f := frames[0]
	for _, g := range frames {
		if g.InApp {
			f = g
			break
		}
	}
	switch {
	case f.Module != "" && f.Function != "":
		return f.Module + "." + f.Function
	case f.Module != "":
		return f.Module
	case f.Function == "":
		return f.File
	case f.File == "":
		return f.Function
	}
	return f.Function + " (" + basename(f.File) + ")"
}
