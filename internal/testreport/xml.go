package testreport

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

func parseFloat(s string) (float64, error) { return strconv.ParseFloat(s, 64) }

// newXML makes a decoder of untrusted XML: any declared character set, invalid bytes replaced, texts cut, tags and depth
// bounded, document types left out. The decoder knows no entities but XML's own, so none can expand.
func newXML(r *bufio.Reader, l Limits) *xml.Decoder {
	guard := &xmlGuard{in: bufio.NewReaderSize(decoded(r), 32<<10), limits: l}
	d := xml.NewDecoder(guard)
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // decoded has seen to it
	return d
}

// decoded gives UTF-8, whatever the document is written in.
func decoded(r *bufio.Reader) io.Reader {
	head, _ := r.Peek(256) // what there is; an error comes again with the first read
	if bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}) {
		return transform.NewReader(r, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder())
	}
	if name := declared(head); name != "" && !strings.EqualFold(name, "utf-8") {
		if e, err := ianaindex.IANA.Encoding(name); err == nil && e != nil {
			return transform.NewReader(r, e.NewDecoder())
		}
	}
	return transform.NewReader(r, encoding.Replacement.NewEncoder())
}

func declared(head []byte) string {
	if !bytes.HasPrefix(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), []byte("<?xml")) {
		return ""
	}
	declaration, _, ok := bytes.Cut(head, []byte("?>"))
	_, value, found := bytes.Cut(declaration, []byte("encoding="))
	if !ok || !found || len(value) < 2 {
		return ""
	}
	name, _, _ := bytes.Cut(value[1:], value[:1])
	return string(name)
}

// xmlGuard hands XML on and keeps what the decoder would hold in memory small: a text goes on to its first MaxNode bytes, a
// comment not at all, and a tag that is longer is an error. It also counts depth, which the decoder's stack grows with.
type xmlGuard struct {
	in     *bufio.Reader
	limits Limits
	out    bytes.Buffer
	err    error
	depth  int
}

func (g *xmlGuard) Read(p []byte) (int, error) {
	for g.out.Len() == 0 {
		if g.err != nil {
			return 0, g.err
		}
		g.out.Reset()
		g.err = g.next()
	}
	return g.out.Read(p)
}

// next puts one text or one piece of markup into out.
func (g *xmlGuard) next() error {
	if err := g.text(); err != nil {
		return err
	}
	head, _ := g.in.Peek(9)
	switch {
	case bytes.HasPrefix(head, []byte("<!--")):
		return g.skip("-->")
	case bytes.HasPrefix(head, []byte("<![CDATA[")):
		return g.cdata()
	case bytes.HasPrefix(head, []byte("<!")):
		return g.doctype()
	case bytes.HasPrefix(head, []byte("<?")):
		return g.skip("?>")
	default:
		return g.tag()
	}
}

// text copies up to the next mark, as far as a text may be long.
func (g *xmlGuard) text() error {
	for n := 0; ; {
		chunk, err := g.in.ReadSlice('<')
		mark := err == nil
		if mark {
			chunk = chunk[:len(chunk)-1]
			if uerr := g.in.UnreadByte(); uerr != nil {
				return uerr
			}
		}
		if keep := min(len(chunk), g.limits.MaxNode-n); keep > 0 {
			g.put(trimEntity(chunk[:keep], keep < len(chunk)))
			n += keep
		}
		switch {
		case mark:
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// trimEntity leaves out the beginning of an entity at the place of a cut.
func trimEntity(b []byte, cut bool) []byte {
	if cut {
		if i := bytes.LastIndexByte(b, '&'); i >= 0 && i > len(b)-12 && bytes.IndexByte(b[i:], ';') < 0 {
			return b[:i]
		}
	}
	return b
}

// put replaces what XML doesn't allow: runners write the control characters of a terminal.
func (g *xmlGuard) put(b []byte) {
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' {
			c = ' '
		}
		g.out.WriteByte(c)
	}
}

// skip reads over a piece of markup.
func (g *xmlGuard) skip(end string) error {
	_, err := g.until(end, 0)
	return err
}

// until reads up to and including end and gives the first keep bytes before it.
func (g *xmlGuard) until(end string, keep int) ([]byte, error) {
	var kept []byte
	tail := make([]byte, 0, 2*len(end))
	last := end[len(end)-1]
	for {
		chunk, err := g.in.ReadSlice(last)
		if room := keep - len(kept); room > 0 {
			kept = append(kept, chunk[:min(room, len(chunk))]...)
		}
		tail = append(tail, chunk[max(0, len(chunk)-len(end)):]...)
		tail = tail[max(0, len(tail)-len(end)):]
		if string(tail) == end {
			return bytes.TrimSuffix(kept, []byte(end)), nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return kept, unexpected(err)
		}
	}
}

func (g *xmlGuard) cdata() error {
	if _, err := g.in.Discard(len("<![CDATA[")); err != nil {
		return unexpected(err)
	}
	kept, err := g.until("]]>", g.limits.MaxNode)
	if err != nil {
		return err
	}
	// As escaped text: a cut could leave a mark of CDATA behind.
	var escaped bytes.Buffer
	if err := xml.EscapeText(&escaped, kept); err != nil {
		return err
	}
	g.put(escaped.Bytes())
	return nil
}

// doctype leaves out a document type with its own declarations, where entities that expand would be.
func (g *xmlGuard) doctype() error {
	brackets := 0
	for n := 0; ; n++ {
		c, err := g.in.ReadByte()
		if err != nil {
			return unexpected(err)
		}
		switch {
		case n > g.limits.MaxNode:
			return fmt.Errorf("%w: a document type of more than %d bytes", ErrTooLarge, g.limits.MaxNode)
		case c == '[':
			brackets++
		case c == ']':
			brackets--
		case c == '>' && brackets <= 0:
			return nil
		}
	}
}

func (g *xmlGuard) tag() error {
	quote := byte(0)
	start := g.out.Len()
	for n := 0; ; n++ {
		c, err := g.in.ReadByte()
		if err != nil {
			return unexpected(err)
		}
		if n > g.limits.MaxNode {
			return fmt.Errorf("%w: a tag of more than %d bytes", ErrTooLarge, g.limits.MaxNode)
		}
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' {
			c = ' '
		}
		g.out.WriteByte(c)
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return g.nest(g.out.Bytes()[start:])
		}
	}
}

func (g *xmlGuard) nest(tag []byte) error {
	switch {
	case bytes.HasPrefix(tag, []byte("</")):
		g.depth--
	case !bytes.HasSuffix(tag, []byte("/>")):
		g.depth++
	}
	if g.depth > g.limits.MaxDepth {
		return fmt.Errorf("%w: elements are nested deeper than %d", ErrTooLarge, g.limits.MaxDepth)
	}
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// attr is the value of an element's attribute, empty where it has none.
func attr(e xml.StartElement, names ...string) string {
	for _, name := range names {
		for _, a := range e.Attr {
			if a.Name.Local == name && a.Value != "" {
				return a.Value
			}
		}
	}
	return ""
}
