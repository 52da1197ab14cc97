package wire

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTimesAsProvidersWriteThem(t *testing.T) {
	want := time.Date(2018, 4, 25, 20, 42, 10, 0, time.UTC)
	for _, in := range []string{
		`"2018-04-25T20:42:10Z"`, `"2018-04-25T20:42:10.000Z"`, `"2018-04-25T22:42:10+02:00"`, `"2018-04-25 20:42:10"`, `"2018-04-25T20:42:10"`,
		`"2018-04-25 20:42:10 UTC"`, `"2018-04-25 22:42:10 +0200"`, `1524688930`,
	} {
		var got Time
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		require.True(t, want.Equal(got.Time), "%s: %s", in, got)
	}
	for _, in := range []string{`null`, `""`, `"0001-01-01T00:00:00Z"`} {
		got := Time{want}
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		require.True(t, got.IsZero())
	}
	for _, in := range []string{`"tomorrow"`, `-1`, `1e30`, `true`, `{}`,
		`20000000000`, `"1970-01-01T00:00:00+10:00"`} {
		var got Time
		require.Error(t, json.Unmarshal([]byte(in), &got), in)
	}
}
