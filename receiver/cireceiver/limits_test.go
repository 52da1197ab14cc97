package cireceiver

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/receiver/cireceiver/internal/wire"
)

// escaped writes a text as JSON with every character as an escape, as some libraries do with all that is not ASCII.
func escaped(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if r > 0xffff {
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String() + `"`
}

// A text has the length that it has, not that of the way it was written.
func TestLengthOfATextIsThatOfItsBytes(t *testing.T) {
	h := start(t, testConfig())
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		unit := rapid.SampledFrom([]string{"a", "é", "漢", "😀", `"`, "\n", "<"}).Draw(rt, "unit")
		n := maxText/len(unit) + rapid.IntRange(-2, 2).Draw(rt, "more")
		name := strings.Repeat(unit, n)
		written := rapid.SampledFrom([]func(string) string{escaped, func(s string) string {
			b, err := json.Marshal(s)
			require.NoError(rt, err)
			return string(b)
		}}).Draw(rt, "written")(name)
		code, got := h.events(fmt.Sprintf(`{"type":"run","repo":"a/b","run_id":"%d","status":"running","name":%s}`, runs, written))
		if len(name) > maxText {
			require.Equal(rt, 400, code, got)
			require.Equal(rt, "name", got["field"])
			return
		}
		require.Equal(rt, 200, code, got)
		all := h.emitted()
		run := all[len(all)-1].(*build.Run)
		require.Equal(rt, name, run.Name)
	})
}

// A message is cut to what is kept, between characters.
func TestMessagesAreCut(t *testing.T) {
	for _, unit := range []string{"m", "é", "漢", "😀"} {
		h := start(t, testConfig())
		message := strings.Repeat(unit, wire.MaxMessage+1)
		code, got := h.events(`{"type":"run","repo":"a/b","run_id":"1","status":"failure","message":` + escaped(message) + `}`)
		require.Equal(t, 200, code, got)
		run := h.emitted()[0].(*build.Run)
		kept, cut := strings.CutSuffix(run.Message, "…")
		require.True(t, cut)
		require.LessOrEqual(t, len(kept), wire.MaxMessage)
		require.Greater(t, len(kept), wire.MaxMessage-8)
		require.True(t, strings.HasPrefix(message, kept))
	}
}

// As many as are allowed are taken, and of a list with one bad event nothing is.
func TestAListIsTakenWholeOrNotAtAll(t *testing.T) {
	event := func(i int) string {
		return fmt.Sprintf(`{"type":"run","repo":"a/b","run_id":"%d","status":"running"}`, i)
	}
	list := func(events []string) string { return `{"events":[` + strings.Join(events, ",") + `]}` }
	var events []string
	for i := range maxEvents {
		events = append(events, event(i))
	}
	h := start(t, testConfig())
	code, got := h.events(list(events))
	require.Equal(t, 200, code, got)
	require.Len(t, h.stored(), maxEvents)

	for _, bad := range []int{0, 1, maxEvents / 2, maxEvents - 1} {
		broken := append([]string(nil), events...)
		broken[bad] = `{"type":"run","repo":"a/b","run_id":"x","status":"odd"}`
		h := start(t, testConfig())
		code, got := h.events(list(broken))
		require.Equal(t, 400, code)
		require.Equal(t, fmt.Sprintf("events[%d].status", bad), got["field"])
		require.Empty(t, h.emitted())
	}
}
