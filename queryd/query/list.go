package query

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/summitobs/summit/queryd/runner"
)

// Bounds of a list's page.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// Page is one page of a list.
type Page[T any] struct {
	Items []T `json:"items" nullable:"false"`
	// Next is the cursor of the page after this one, null on the last.
	Next *string `json:"next" doc:"Cursor of the next page; null on the last one"`
	// Partial tells that something the answer should hold could not be read.
	Partial bool `json:"partial" doc:"Retention or a limit has cut the answer"`
	// Sampled tells that the answer stands on a sample.
	Sampled bool `json:"sampled" doc:"The answer stands on a sample of the data"`
}

// Window is a time range and the place in a list.
type Window struct {
	From   time.Time
	To     time.Time
	Limit  int
	Cursor string
	// list is the list's name, known once it is resumed.
	list string
}

// cursor is where the page before ended, and in which list. It keeps the first page's time range: "now" would move between pages.
type cursor struct {
	List string   `json:"l"`
	From int64    `json:"f"`
	To   int64    `json:"t"`
	At   int64    `json:"a"`
	Keys []string `json:"k"`
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// resume checks the window and reads its cursor, which is nil on the first page of the list.
func (w *Window) resume(list string, keys int) (*cursor, error) {
	w.list = list
	if w.Limit == 0 {
		w.Limit = DefaultLimit
	}
	if w.Limit < 1 || w.Limit > MaxLimit {
		return nil, runner.Wrong("limit", "limit must be from 1 to 500")
	}
	if !w.From.Before(w.To) {
		return nil, runner.Wrong("from", "from must be before to")
	}
	if w.Cursor == "" {
		return nil, nil
	}
	var c cursor
	b, err := base64.RawURLEncoding.DecodeString(w.Cursor)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.List != list || len(c.Keys) != keys || c.From >= c.To {
		return nil, runner.Wrong("cursor", "this is no cursor of this list; take next from the page before")
	}
	w.From, w.To = time.Unix(0, c.From).UTC(), time.Unix(0, c.To).UTC()
	return &c, nil
}

func (w *Window) next(at int64, keys ...string) *string {
	s := cursor{List: w.list, From: w.From.UnixNano(), To: w.To.UnixNano(), At: at, Keys: keys}.String()
	return &s
}

// known is the time, or nil for the epoch, by which the store writes "not known".
func known(t time.Time) *time.Time {
	if t.UnixNano() <= 0 {
		return nil
	}
	u := t.UTC()
	return &u
}
