package archtest

import (
	"go/ast"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func load(t *testing.T) (string, []File) {
	t.Helper()
	root, err := Root()
	require.NoError(t, err)
	files, err := Load(root)
	require.NoError(t, err)
	require.Greater(t, len(files), 20, "the walk found almost nothing")
	return root, files
}

func TestImportsPointOneWay(t *testing.T) {
	_, files := load(t)
	for _, f := range files {
		for _, imp := range f.Imports() {
			target, ours := strings.CutPrefix(imp, Module+"/")
			if !ours {
				continue
			}
			if f.IsTest() && strings.HasPrefix(target, "internal/") {
				continue // a test may drive its package through any engine or generator of internal
			}
			if why := WrongArrow(f.Dir(), target); why != "" {
				t.Errorf("%s imports %s: %s", f.Path, target, why)
			}
		}
	}
}

func TestWrongArrow(t *testing.T) {
	for _, tc := range []struct {
		name, from, to string
		wrong          bool
	}{
		{"component to internal", "receiver/cireceiver", "internal/build", false},
		{"internal to component", "internal/build", "receiver/cireceiver", true},
		{"component to component", "receiver/cireceiver", "extension/doorextension", true},
		{"queryd extension to queryd", "extension/querydextension", "queryd", false},
		{"queryd to extension", "queryd/query", "extension/storeextension", true},
		{"internal to queryd", "internal/graph", "queryd/query", true},
		{"envelope to internal", "internal/envelope", "internal/build", true},
		{"main to component", "cmd/summit", "receiver/cireceiver", false},
		{"client to component", "cmd/summitctl/internal/demo", "receiver/cireceiver", true},
		{"client to itself", "cmd/summitctl", "cmd/summitctl/internal/demo", false},
		{"queryd to ui", "queryd", "ui", false},
		{"queryd to its parts", "queryd", "queryd/query", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.wrong, WrongArrow(tc.from, tc.to) != "")
		})
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	_, files := load(t)
	docs := map[string]string{}
	for _, f := range files {
		if f.IsTest() {
			continue
		}
		if f.AST.Doc != nil && !f.IsGenerated() {
			docs[f.Dir()] += f.AST.Doc.Text()
		} else if _, seen := docs[f.Dir()]; !seen {
			docs[f.Dir()] = ""
		}
	}
	for dir, doc := range docs {
		want := "Package " + path.Base(dir)
		if !strings.HasPrefix(doc, want) && !strings.HasPrefix(doc, "Command ") {
			t.Errorf("%s: no package comment that starts with %q", dir, want+" …")
		}
	}
}

func TestFilesAndFunctionsStayReadable(t *testing.T) {
	_, files := load(t)
	packages := map[string]int{}
	for _, f := range files {
		if f.IsGenerated() {
			continue
		}
		if f.Lines > maxFileLines {
			t.Errorf("%s has %d lines: at most %d, split it by noun", f.Path, f.Lines, maxFileLines)
		}
		if f.IsTest() {
			continue // tables of cases are long on purpose
		}
		packages[f.Dir()] += f.Lines
		for _, decl := range f.AST.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			lines := f.Fset.Position(fn.End()).Line - f.Fset.Position(fn.Pos()).Line + 1
			if lines > maxFunctionLines {
				t.Errorf("%s: %s has %d lines: at most %d", f.Path, fn.Name.Name, lines, maxFunctionLines)
			}
		}
	}
	for dir, lines := range packages {
		if lines > maxPackageLines {
			t.Errorf("%s has %d lines: at most %d in a package", dir, lines, maxPackageLines)
		}
	}
}

func TestTestsAreAThirdOfTheCodeAtLeast(t *testing.T) {
	_, files := load(t)
	var tests, code int
	for _, f := range files {
		switch {
		case f.IsGenerated():
		case f.IsTest():
			tests += f.Lines
		default:
			code += f.Lines
		}
	}
	t.Logf("%d lines of tests, %d lines of code", tests, code)
	require.Greater(t, 2*tests, code, "tests are to be at least a third of the Go lines")
}

func TestNoCgo(t *testing.T) {
	_, files := load(t)
	for _, f := range files {
		require.NotContains(t, f.Imports(), "C", "%s: cgo is not used, libraries are bound with purego", f.Path)
	}
}

// Helper packages without a noun hide what they hold.
func TestPackagesAreNouns(t *testing.T) {
	_, files := load(t)
	for _, f := range files {
		switch base := path.Base(f.Dir()); base {
		case "util", "utils", "common", "helper", "helpers", "misc", "base", "shared":
			t.Errorf("%s: a package is named by its domain, not %q", f.Dir(), base)
		}
	}
}
