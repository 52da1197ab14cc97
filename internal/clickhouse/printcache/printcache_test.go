package printcache

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrintsAreRememberedWithinBounds(t *testing.T) {
	p := New()
	const stack = "goroutine 1 [running]:\nmain.pay(0x1)\n\t/app/main.go:12 +0x1\nmain.main()\n\t/app/main.go:5 +0x1\n"
	first := p.Exception("go", "X", "message 1", stack)
	require.True(t, first.Parsed)
	require.Same(t, first, p.Exception("go", "X", "message 2", stack))
	require.NotSame(t, first, p.Exception("go", "Y", "message 2", stack))
	require.NotSame(t, first, p.Exception("", "X", "message 2", stack))
	for i := range 2*MaxEntries + 1 {
		p.Exception("go", string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676)), "", stack)
	}
	require.LessOrEqual(t, len(p.young)+len(p.old), 2*MaxEntries)
	require.NotSame(t, first, p.Exception("go", "X", "message 1", stack))
	require.Equal(t, first.FP, p.Exception("go", "X", "message 1", stack).FP)
}
