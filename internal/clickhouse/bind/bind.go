// Package bind puts the columns of a table into the fields of a struct, so that encoders and derivers name columns by Go
// fields and a misspelt one ends the first test that runs.
package bind

import (
	"fmt"
	"reflect"

	"github.com/summitobs/summit/internal/clickhouse/column"
	"github.com/summitobs/summit/internal/clickhouse/table"
)

// Columns makes the columns of a table and puts them into the fields of the struct that cols points to. A field names its
// column by the tag `col`; an exported struct field without a tag is looked into, so that groups of columns can be shared. The
// result has the order of the table. A field that doesn't fit the table is a programming error.
//
// Reflection happens here, once per pooled batch, and nowhere else.
func Columns(t *table.Table, cols any) []column.Named {
	fields := map[string]column.Column{}
	bindStruct(t, reflect.ValueOf(cols).Elem(), fields)
	named := make([]column.Named, 0, len(fields))
	for _, c := range t.Columns {
		if col, ok := fields[c.Name]; ok {
			named = append(named, column.Named{Name: c.Name, Column: col})
		}
	}
	return named
}

// Bound is a struct that is told when its fields are there.
type Bound interface{ Bound() }

func bindStruct(t *table.Table, v reflect.Value, fields map[string]column.Column) {
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Tag.Get("col")
		if name == "" {
			if field.Kind() == reflect.Struct && field.CanSet() {
				bindStruct(t, field, fields)
			}
			continue
		}
		c, ok := t.Column(name)
		if !ok {
			panic(fmt.Sprintf("bind: %s has no column %q", t.Name, name))
		}
		col := column.MustNew(c.Type)
		if !reflect.TypeOf(col).AssignableTo(field.Type()) {
			panic(fmt.Sprintf("bind: %s.%s is a %T, its field is a %s", t.Name, name, col, field.Type()))
		}
		field.Set(reflect.ValueOf(col))
		fields[name] = col
	}
	if b, ok := v.Addr().Interface().(Bound); ok {
		b.Bound()
	}
}
