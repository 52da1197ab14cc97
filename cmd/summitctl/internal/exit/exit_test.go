package exit_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/cmd/summitctl/internal/exit"
)

// The codes are a contract: a script that knows them must not find others tomorrow.
func TestCodesAreAContract(t *testing.T) {
	require.Equal(t, []int{0, 1, 2, 3, 4, 8}, []int{exit.OK, exit.Failed, exit.Usage, exit.NotFound, exit.Denied, exit.Assertion})
}

func TestErrorsCarryTheirCode(t *testing.T) {
	hinted := &exit.Error{Code: exit.Denied, Err: io.EOF, Hint: "ask"}
	for _, tc := range []struct {
		name, hint string
		err        error
		code       int
	}{
		{"no error", "", nil, exit.OK},
		{"without a code", "", io.EOF, exit.Failed},
		{"with a code", "", exit.With(exit.NotFound, io.EOF), exit.NotFound},
		{"wrapped", "", fmt.Errorf("x: %w", exit.With(exit.Usage, io.EOF)), exit.Usage},
		{"the outer one counts", "", exit.With(exit.Assertion, exit.With(exit.Usage, io.EOF)), exit.Assertion},
		{"with a hint", "ask", fmt.Errorf("x: %w", hinted), exit.Denied},
		{"joined", "ask", errors.Join(io.ErrClosedPipe, hinted), exit.Denied},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.code, exit.Code(tc.err))
			require.Equal(t, tc.hint, exit.Hint(tc.err))
		})
	}
	require.NoError(t, exit.With(exit.Failed, nil))
	require.ErrorIs(t, exit.With(exit.NotFound, io.EOF), io.EOF)
	require.EqualError(t, exit.With(exit.NotFound, io.EOF), "EOF")
}
