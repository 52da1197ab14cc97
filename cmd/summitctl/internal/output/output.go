// Package output writes what the verbs of summitctl found in the form that the user asked for: a table for people, and
// the server's own JSON, unchanged in content, for programs.
package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
)

// Format is a value of the flag --output.
type Format string

// The formats.
const (
	Table  Format = "table"
	JSON   Format = "json"
	YAML   Format = "yaml"
	NDJSON Format = "ndjson"
)

// Formats are all formats, for help and messages.
var Formats = []string{string(Table), string(JSON), string(YAML), string(NDJSON)}

// String, Set and Type make Format a flag.
func (f *Format) String() string { return string(*f) }

// Set takes a format by its name.
func (f *Format) Set(s string) error {
	for _, known := range Formats {
		if s == known {
			*f = Format(s)
			return nil
		}
	}
	return exit.With(exit.Usage, fmt.Errorf("%q is no format: want one of %s", s, strings.Join(Formats, ", ")))
}

// Type is the word in the help text.
func (f *Format) Type() string { return "format" }

// Grid is a table: rows of cells under a header, and a line of talk below.
type Grid struct {
	Header []string
	Rows   [][]string
}

// Add appends a row.
func (g *Grid) Add(cells ...string) { g.Rows = append(g.Rows, cells) }

// Write writes raw in the format; table makes the rows of the table format from it.
func Write(w io.Writer, f Format, raw json.RawMessage, table func(raw json.RawMessage) ([]Grid, error)) error {
	switch f {
	case JSON:
		var b bytes.Buffer
		if err := json.Indent(&b, raw, "", "  "); err != nil {
			return fmt.Errorf("indent the answer: %w", err)
		}
		b.WriteByte('\n')
		_, err := w.Write(b.Bytes())
		return err
	case YAML:
		return writeYAML(w, raw)
	case NDJSON:
		return writeLines(w, raw)
	default:
		grids, err := table(raw)
		if err != nil {
			return err
		}
		return writeGrids(w, grids)
	}
}

// writeYAML keeps the order of keys and every number's digits.
func writeYAML(w io.Writer, raw json.RawMessage) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	doc, err := node(dec)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return err
	}
	return enc.Close()
}

// plainKey are keys that are no risk without quotes.
var plainKey = regexp.MustCompile(`^[\w./@-]+$`)

// node reads a JSON value. Texts are quoted, which tells them from numbers; keys only where YAML wants it.
func node(dec *json.Decoder) (*yaml.Node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if v == '{' {
			n.Kind = yaml.MappingNode
		}
		for dec.More() {
			c, err := node(dec)
			if err != nil {
				return nil, err
			}
			if n.Kind == yaml.MappingNode && len(n.Content)%2 == 0 && plainKey.MatchString(c.Value) {
				c.Style = 0
			}
			n.Content = append(n.Content, c)
		}
		_, err := dec.Token()
		return n, err
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v, Style: yaml.DoubleQuotedStyle}, nil
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: "null"}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(token)}, nil
}

// writeLines writes each item of a list on a line of its own; another answer is one line.
func writeLines(w io.Writer, raw json.RawMessage) error {
	var list struct {
		Items      []json.RawMessage `json:"items"`
		ResultType string            `json:"resultType"`
		Result     []json.RawMessage `json:"result"`
	}
	items := []json.RawMessage{raw}
	if json.Unmarshal(raw, &list) == nil {
		switch {
		case list.Items != nil:
			items = list.Items
		case list.ResultType == "scalar" || list.ResultType == "string": // a pair of time and value, no list
		case list.Result != nil:
			items = list.Result
		}
	}
	for _, it := range items {
		var b bytes.Buffer
		if err := json.Compact(&b, it); err != nil {
			return fmt.Errorf("compact an item: %w", err)
		}
		b.WriteByte('\n')
		if _, err := w.Write(b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func writeGrids(w io.Writer, grids []Grid) error {
	for i, g := range grids {
		if i > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, row := range append([][]string{g.Header}, g.Rows...) {
			if len(row) == 0 {
				continue
			}
			if _, err := fmt.Fprintln(tw, strings.TrimRight(strings.Join(clean(row), "\t"), "\t")); err != nil {
				return err
			}
		}
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// clean keeps a cell on its line and free of what a terminal would obey: the texts come from monitored systems.
func clean(row []string) []string {
	out := make([]string, len(row))
	for i, c := range row {
		out[i] = strings.Map(func(r rune) rune {
			switch {
			case r == '\n' || r == '\t' || r == '\r':
				return ' '
			case r < 0x20 || r >= 0x7f && r < 0xa0:
				return -1
			}
			return r
		}, c)
		if out[i] == "" {
			out[i] = "-"
		}
	}
	return out
}
