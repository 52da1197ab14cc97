package chhttp

import (
	"context"
	"errors"
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/summitobs/summit/internal/clickhouse/chdb"
)

// helloQuery is the first query of a clickhouse-go connection. It tells the driver which revision blocks have, but is
// itself decoded in the driver's own revision, which the engine doesn't write. So the front writes the answer, in the
// revision that was asked for, and names revision 0, which is what the engine's blocks are.
const helloQuery = "SELECT displayName(), version(), revision(), timezone()"

// identity is what the engine says of itself.
type identity struct {
	displayName, version, timezone string
}

func readIdentity(ctx context.Context, c *chdb.Conn) (identity, error) {
	res, err := c.Query(ctx, "SELECT displayName(), version(), timezone()", "TabSeparatedRaw")
	if err != nil {
		return identity{}, err
	}
	fields := strings.Split(strings.TrimSuffix(string(res.Data), "\n"), "\t")
	if len(fields) != 3 {
		return identity{}, errors.New("want three fields, got " + string(res.Data))
	}
	return identity{displayName: fields[0], version: fields[1], timezone: fields[2]}, nil
}

func isHello(req *request) bool {
	return req.revision > 0 && req.format == "Native" && strings.TrimSpace(req.sql) == helloQuery
}

func (s *Server) hello(req *request, out *responder) error {
	var (
		displayName, version, timezone proto.ColStr
		revision                       proto.ColUInt32
		buf                            proto.Buffer
	)
	displayName.Append(s.identity.displayName)
	version.Append(s.identity.version)
	revision.Append(0)
	timezone.Append(s.identity.timezone)
	block := proto.Block{Columns: 4, Rows: 1}
	err := block.EncodeBlock(&buf, req.revision, []proto.InputColumn{
		{Name: "displayName()", Data: &displayName},
		{Name: "version()", Data: &version},
		{Name: "revision()", Data: &revision},
		{Name: "timezone()", Data: &timezone},
	})
	if err != nil {
		return err
	}
	out.format = "Native"
	return out.write(buf.Buf)
}
