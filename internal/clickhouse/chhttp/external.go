package chhttp

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"

	"github.com/summitobs/summit/internal/clickhouse/chdb"
)

// externalTable is a table that a request brings along for its statement.
type externalTable struct {
	name, structure, format string
	data                    []byte
}

// parseMultipart reads a form: the field query is the statement, each file an external table.
func (s *Server) parseMultipart(body io.Reader, boundary string, query url.Values, req *request) error {
	if boundary == "" {
		return badRequest("multipart body without a boundary")
	}
	parts := multipart.NewReader(body, boundary)
	budget := s.options.MaxQueryBytes
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return badRequest("read the multipart body: " + err.Error())
		}
		data, err := readLimited(part, budget)
		if err != nil {
			return err
		}
		budget -= int64(len(data))
		name := part.FormName()
		switch {
		case name == "query":
			req.sql = string(data)
		case strings.HasPrefix(name, "param_"):
			req.params = append(req.params, chdb.Param{Name: name[len("param_"):], Value: string(data)})
		case part.FileName() != "" || query.Has(name+"_structure") || query.Has(name+"_types"):
			req.external = append(req.external, newExternal(name, query, data))
		}
	}
	if req.sql == "" {
		req.sql = query.Get("query")
	}
	if req.sql == "" {
		return newException(62, "SYNTAX_ERROR", "the request has no statement")
	}
	return nil
}

func newExternal(name string, query url.Values, data []byte) externalTable {
	t := externalTable{name: name, structure: query.Get(name + "_structure"), format: query.Get(name + "_format"), data: data}
	if t.format == "" {
		t.format = "TabSeparated"
	}
	if t.structure == "" {
		var columns []string
		for i, typ := range strings.Split(query.Get(name+"_types"), ",") {
			columns = append(columns, "_"+strconv.Itoa(i+1)+" "+typ)
		}
		t.structure = strings.Join(columns, ", ")
	}
	return t
}

// loadExternal makes the request's tables as temporary tables of the connection.
func (l *lease) loadExternal(ctx context.Context, tables []externalTable) error {
	for _, t := range tables {
		create := "CREATE TEMPORARY TABLE " + quoteName(t.name) + " (" + t.structure + ")"
		if err := l.conn.Exec(ctx, create); err != nil {
			return err
		}
		l.external = append(l.external, t.name)
		_, err := l.conn.Insert(ctx, "INSERT INTO "+quoteName(t.name), t.format, func(w io.Writer) error {
			_, err := w.Write(t.data)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *lease) dropExternal() {
	for _, name := range l.external {
		if err := l.conn.Exec(context.Background(), "DROP TEMPORARY TABLE IF EXISTS "+quoteName(name)); err != nil {
			l.dirty = true
		}
	}
}
