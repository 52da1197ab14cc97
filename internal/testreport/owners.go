package testreport

import (
	"fmt"
	"io"
	"strings"

	"github.com/hmarr/codeowners"
)

// Owners tells whose a file is, by a CODEOWNERS file.
type Owners struct{ rules codeowners.Ruleset }

// ParseOwners reads a CODEOWNERS file.
func ParseOwners(r io.Reader) (*Owners, error) {
	rules, err := codeowners.ParseFile(r)
	if err != nil {
		return nil, fmt.Errorf("read CODEOWNERS: %w", err)
	}
	return &Owners{rules}, nil
}

// Of gives the owners of a file, separated by spaces; empty where nobody is named.
func (o *Owners) Of(file string) string {
	if o == nil || file == "" {
		return ""
	}
	rule, err := o.rules.Match(strings.TrimPrefix(file, "/"))
	if err != nil || rule == nil {
		return ""
	}
	names := make([]string, len(rule.Owners))
	for i, owner := range rule.Owners {
		names[i] = owner.String()
	}
	return strings.Join(names, " ")
}

// Name writes its owner on each case that has none. Files of Go tests are told without their folder: the package says it.
func (o *Owners) Name(r *Report, root, module string) {
	if o == nil {
		return
	}
	for _, c := range r.Cases {
		if c.Owner != "" {
			continue
		}
		file := relative(c.File, root)
		if r.Format == GoTest {
			folder := strings.TrimPrefix(strings.TrimPrefix(c.Suite, module), "/")
			if file == "" || file == "." {
				file = "x_test.go" // whatever the file: rules name folders
			}
			if folder != "" {
				file = folder + "/" + file
			}
		}
		if c.File != "" || r.Format == GoTest {
			c.Owner = o.Of(file)
		}
	}
}
