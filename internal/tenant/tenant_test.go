package tenant

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     ID
		err      string
	}{
		{name: "word default", in: "default", want: Default},
		{name: "default uuid", in: "00000000-0000-4000-8000-000000000001", want: Default},
		{name: "upper case", in: "00000000-0000-4000-8000-00000000000A", want: ID{6: 0x40, 8: 0x80, 15: 10}},
		{name: "empty", in: "", err: `tenant id "": want a UUID`},
		{name: "urn form", in: "urn:uuid:00000000-0000-4000-8000-000000000001", err: "want a UUID"},
		{name: "not hex", in: "zzzzzzzz-0000-4000-8000-000000000001", err: "want a UUID"},
		{name: "nil uuid", in: "00000000-0000-0000-0000-000000000000", err: "names no tenant"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Parse(tc.in)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestStringRoundTrip(t *testing.T) {
	require.Equal(t, "00000000-0000-4000-8000-000000000001", Default.String())
	require.False(t, Default.IsZero())
	require.True(t, ID{}.IsZero())
}
