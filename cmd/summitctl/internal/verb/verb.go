// Package verb holds what the verbs of summitctl have in common: the shared flags, the time range, and the way from a
// question to its printed answer.
package verb

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/summitobs/summit/cmd/summitctl/internal/client"
	"github.com/summitobs/summit/cmd/summitctl/internal/output"
)

// Shared are the flags of all verbs.
type Shared struct {
	url    string
	format output.Format
}

// AddTo defines the flags.
func (s *Shared) AddTo(cmd *cobra.Command) {
	s.format = output.Table
	cmd.PersistentFlags().StringVar(&s.url, "url", "", "queryd's address (default $SUMMIT_URL, else http://127.0.0.1:8640)")
	cmd.PersistentFlags().VarP(&s.format, "output", "o", "table, json, yaml or ndjson")
}

// Places are the addresses to talk to.
func (s *Shared) Places() client.Places { return client.FromEnvironment(s.url) }

// Client asks queryd.
func (s *Shared) Client() *client.Client { return client.New(s.Places().URL) }

// Format is the chosen form of output.
func (s *Shared) Format() output.Format { return s.format }

// Range is a time range.
type Range struct{ From, To string }

// AddTo defines the flags of the range.
func (r *Range) AddTo(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.From, "from", "", "start: RFC 3339, unix nanoseconds or now-1h (default now-1h)")
	cmd.Flags().StringVar(&r.To, "to", "", "end (default now)")
}

// Put writes the range into a query.
func (r *Range) Put(q url.Values) {
	Put(q, "from", r.From)
	Put(q, "to", r.To)
}

// Put writes a value into a query unless it is empty.
func Put(q url.Values, key, value string) {
	if value != "" {
		q.Set(key, value)
	}
}

// PutLimit writes the length of a page into a query unless it is 0, the server's choice.
func PutLimit(q url.Values, n int) {
	if n > 0 {
		q.Set("limit", strconv.Itoa(n))
	}
}

// Help is what a command does that only holds others. Together with cobra.NoArgs, a word that names none of them is an error.
func Help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// Page is the head of a list's answer.
type Page[T any] struct {
	Items   []T     `json:"items"`
	Next    *string `json:"next"`
	Partial bool    `json:"partial"`
}

// List asks for a list, prints it, and says on standard error where the same stands in the web app.
func List[T any](cmd *cobra.Command, s *Shared, path string, q url.Values, page string, grid func(items []T) output.Grid) error {
	c := s.Client()
	raw, err := c.Get(cmd.Context(), path, q)
	if err != nil {
		return err
	}
	var head Page[T]
	if err := json.Unmarshal(raw, &head); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	err = output.Write(cmd.OutOrStdout(), s.format, raw, func(json.RawMessage) ([]output.Grid, error) {
		return []output.Grid{grid(head.Items)}, nil
	})
	if err != nil {
		return err
	}
	talk := cmd.ErrOrStderr()
	if s.format == output.Table {
		if len(head.Items) == 0 {
			fmt.Fprintln(talk, "nothing found in this time range; --from widens it, for example --from now-24h")
		}
		fmt.Fprintf(talk, "%s\n", c.Link(page))
	}
	if head.Next != nil {
		fmt.Fprintln(talk, "there is more: raise --limit, or narrow the question")
	}
	if head.Partial {
		fmt.Fprintln(talk, "the answer is partial: a limit of the query was reached")
	}
	return nil
}

// Show asks for one thing, prints it, and says where its page is.
func Show(cmd *cobra.Command, s *Shared, path string, q url.Values, page string, grids func(raw json.RawMessage) ([]output.Grid, error)) error {
	c := s.Client()
	raw, err := c.Get(cmd.Context(), path, q)
	if err != nil {
		return err
	}
	if err := output.Write(cmd.OutOrStdout(), s.format, raw, grids); err != nil {
		return err
	}
	if s.format == output.Table && page != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s\n", c.Link(page))
	}
	return nil
}
