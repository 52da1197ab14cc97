package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/summitobs/summit/testbed/figure"
)

// variant is a table of the schema with something changed.
type variant struct {
	name, table string
	// alter are the changes, each what follows ALTER TABLE and the table's name.
	alter []string
}

// smallBlocks is how a column is stored where nothing is said: in blocks of 64 KiB to 1 MiB, by its granules.
const smallBlocks = "MODIFY COLUMN %s CODEC(ZSTD(1)) SETTINGS (min_compress_block_size = 65536, max_compress_block_size = 1048576)"

func withIndex(name, expression string) []string {
	return []string{"DROP INDEX " + name, "ADD INDEX " + name + " " + expression + " GRANULARITY 1"}
}

func variants() []variant {
	spanIDs := func(codec string, size int) []string {
		with := fmt.Sprintf(" CODEC(%s) SETTINGS (min_compress_block_size = %d, max_compress_block_size = %[2]d)", codec, size)
		return []string{"MODIFY COLUMN trace_id" + with, "MODIFY COLUMN parent_span_id" + with}
	}
	return []variant{
		{"as_it_is", spanTable, nil},
		{"ids_small_blocks", spanTable, []string{fmt.Sprintf(smallBlocks, "trace_id"), fmt.Sprintf(smallBlocks, "parent_span_id")}},
		{"ids_256k", spanTable, spanIDs("ZSTD(3)", 256<<10)},
		{"ids_2m", spanTable, spanIDs("ZSTD(3)", 2<<20)},
		{"attributes_zstd3", spanTable, []string{"MODIFY COLUMN attrs_str CODEC(ZSTD(3))"}},
		{"no_value_index", spanTable, []string{"DROP INDEX ix_vals"}},
		{"no_trace_index", spanTable, []string{"DROP INDEX ix_trace"}},
		{"as_it_is", logTable, nil},
		{"ids_small_blocks", logTable, []string{fmt.Sprintf(smallBlocks, "trace_id"), fmt.Sprintf(smallBlocks, "span_id")}},
		{"strings_two_streams", logTable, []string{"MODIFY SETTING string_serialization_version = 'with_size_stream'"}},
		{"body_zstd3", logTable, []string{"MODIFY COLUMN body CODEC(ZSTD(3))"}},
		{"no_token_index", logTable, []string{"DROP INDEX ix_body"}},
		{"token_index_48k", logTable, withIndex("ix_body", "lower(body) TYPE tokenbf_v1(49152, 3, 0)")},
		{"token_index_32k", logTable, withIndex("ix_body", "lower(body) TYPE tokenbf_v1(32768, 3, 0)")},
		{"value_index_5_percent", logTable, withIndex("ix_vals", "mapValues(attrs_str) TYPE bloom_filter(0.05)")},
	}
}

// readings are the questions that every variant of a table is asked, without queryd, which knows the tables' names.
func readings(table, of string, s subjects) []question {
	if of == spanTable {
		return []question{
			{name: "trace", sql: func(i int) string { return spansOf(table, s.traces[i]) }},
			{name: "attribute", sql: func(i int) string { return withUser(table, s.users[i], "trace_id, span_name") }},
			{name: "attribute_absent", nothing: true, sql: func(i int) string { return withUser(table, fmt.Sprintf("absent-%d", i), "trace_id, span_name") }},
		}
	}
	return []question{
		{name: "needle", sql: func(i int) string { return needle(table, s.references[i]) }},
		{name: "needle_absent", nothing: true, sql: func(i int) string { return needle(table, fmt.Sprintf("absent%07d", i)) }},
		{name: "attribute", sql: func(i int) string { return withUser(table, s.writers[i], "timestamp, body") }},
		{name: "service", sql: func(i int) string { return newest(table, s.services[i]) }},
	}
}

// compare copies the rows into each variant, one after the other, and asks it.
func (b *bench) compare(ctx context.Context, s subjects) error {
	for _, v := range variants() {
		if !strings.Contains(v.table+"."+v.name, b.variant) {
			continue
		}
		if err := b.try(ctx, v, s); err != nil {
			return fmt.Errorf("variant %s of %s: %w", v.name, v.table, err)
		}
	}
	return nil
}

func (b *bench) try(ctx context.Context, v variant, s subjects) error {
	name := "querybench_" + v.name
	if err := b.exec(ctx, "CREATE TABLE "+name+" AS "+v.table); err != nil {
		return err
	}
	for _, a := range v.alter {
		if err := b.exec(ctx, "ALTER TABLE "+name+" "+a); err != nil {
			return err
		}
	}
	before, err := b.server.CPU()
	if err != nil {
		return err
	}
	for _, statement := range []string{
		"INSERT INTO " + name + " SELECT * FROM " + v.table + " SETTINGS max_threads = 1, max_insert_threads = 1, min_insert_block_size_rows = 250000, min_insert_block_size_bytes = 0",
		"OPTIMIZE TABLE " + name + " FINAL",
	} {
		if err := b.exec(ctx, statement); err != nil {
			return err
		}
	}
	after, err := b.server.CPU()
	if err != nil {
		return err
	}
	rows, err := b.number(ctx, "SELECT sum(rows) FROM system.parts WHERE active AND database = 'summit' AND table = '"+name+"'")
	if err != nil {
		return err
	}
	bytes, err := b.number(ctx, "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'summit' AND table = '"+name+"'")
	if err != nil {
		return err
	}
	figures := []figure.Figure{{
		Name: "query.variant." + v.table + "." + v.name + ".bytes", Value: float64(bytes) / float64(rows), Unit: "B",
		Note: fmt.Sprintf("copied and merged for %.1f cpu-s/M", (after-before).Seconds()/float64(rows)*1e6),
	}}
	for _, q := range readings(name, v.table, s) {
		r, err := b.ask(ctx, q)
		if err != nil {
			return fmt.Errorf("ask for %s: %w", q.name, err)
		}
		figures = append(figures, figure.Figure{
			Name: "query.variant." + v.table + "." + v.name + "." + q.name + ".ms", Value: millis(r.warm), Unit: "ms",
			Note: fmt.Sprintf("%s %.1f ms (cold %.0f, %s)", q.name, millis(r.warm), millis(r.cold), r.read.text()),
		})
	}
	for _, f := range figures {
		fmt.Fprintln(os.Stderr, f, f.Note)
	}
	b.altered = append(b.altered, figures...)
	return b.exec(ctx, "DROP TABLE "+name+" SYNC")
}

// tabled folds the reads of a variant into the note of its bytes: a row a variant.
func tabled(figures []figure.Figure) []figure.Figure {
	var out []figure.Figure
	for _, f := range figures {
		if f.Unit == "B" {
			out = append(out, f)
			continue
		}
		out[len(out)-1].Note += "; " + f.Note
	}
	return out
}
