// Package archtest keeps the shape of the repository: its tests fail on an import against the arrows, a component that
// the manifest doesn't list, a package without a word about itself, or a file too long to read. It stands beside the
// flow and is imported by nothing.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Module is the import path of the root.
const Module = "github.com/summitobs/summit"

// Limits of STYLE: longer files and functions are split by noun.
const (
	maxFileLines     = 600
	maxFunctionLines = 80
	maxPackageLines  = 3000
)

// File is a parsed Go file of the repository.
type File struct {
	// Path is relative to the root, with slashes.
	Path string
	// Lines is the number of lines.
	Lines int
	AST   *ast.File
	Fset  *token.FileSet
}

// Dir is the folder of the file, relative to the root.
func (f File) Dir() string { return filepath.ToSlash(filepath.Dir(f.Path)) }

// IsTest tells a _test.go file.
func (f File) IsTest() bool { return strings.HasSuffix(f.Path, "_test.go") }

// IsGenerated tells a file that a tool wrote.
func (f File) IsGenerated() bool { return ast.IsGenerated(f.AST) }

// Imports are the paths that the file imports.
func (f File) Imports() []string {
	var out []string
	for _, spec := range f.AST.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			out = append(out, path)
		}
	}
	return out
}

// Root finds the folder with go.mod above the working folder.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above the working folder")
		}
		dir = parent
	}
}

// Load parses all Go files below root, leaving out what is not ours.
func Load(root string) ([]File, error) {
	var files []File
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skip := []string{".git", "bin", "build", "node_modules", "testdata"}; slices.Contains(skip, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		lines := fset.File(parsed.Pos()).LineCount()
		files = append(files, File{Path: filepath.ToSlash(rel), Lines: lines, AST: parsed, Fset: fset})
		return nil
	})
	return files, err
}

// layer places a folder of the module in the one direction that imports may take. Folders of a lower layer import
// only the layers below them.
func layer(dir string) int {
	top, rest, _ := strings.Cut(dir, "/")
	switch top {
	case "cmd", "testbed", "examples":
		return 5
	case "distributions", "receiver", "processor", "connector", "exporter", "extension":
		return 4
	case "queryd":
		return 3
	case "ui", "wasm", "api":
		return 2
	case "internal":
		switch rest {
		case "envelope", "tenant":
			return 0
		default:
			return 1
		}
	}
	return 6
}

// WrongArrow says why a package in dir may not import the package in imported, or "" if it may.
func WrongArrow(dir, imported string) string {
	if dir == imported || strings.HasPrefix(imported, dir+"/") {
		return ""
	}
	from, to := layer(dir), layer(imported)
	component := func(d string) string {
		parts := strings.SplitN(d, "/", 3)
		return strings.Join(parts[:min(2, len(parts))], "/")
	}
	switch {
	case from == 4 && to == 4 && component(dir) != component(imported):
		return "components meet through interfaces, not imports"
	case from == 5 && strings.HasPrefix(dir, "cmd/summitctl") && to == 4:
		return "the command line client holds no components"
	case from == 5 && to == 5:
		if component(dir) == component(imported) || strings.HasPrefix(dir, "testbed/") && strings.HasPrefix(imported, "testbed/") {
			return ""
		}
		return "programs don't import each other"
	case to > from:
		return "the arrows point from cmd and distributions over components and queryd to internal"
	case from == 0 && to == 0 && imported != "internal/tenant":
		return "internal/envelope imports nothing of ours but the tenant"
	}
	return ""
}
