package queryd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var statement = regexp.MustCompile(`(?i)^\s*(select|insert|with|alter|drop|create|delete|truncate|optimize|system|show|describe|explain|kill|set|use)\s`)

// TestOnlyTheBuilderWritesSQL reads queryd's source: a statement written by hand could leave out the tenant.
func TestOnlyTheBuilderWritesSQL(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "querytest") {
			return err
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			require.NotRegexp(t, statement, text, path)
			return true
		})
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, files, 15)
}
