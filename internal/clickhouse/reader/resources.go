package reader

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"

	"github.com/summitobs/summit/internal/anyvalue"
	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/envelope"
)

// resource is a row of resources_v1.
type resource struct {
	attrs     attrs
	schemaURL string
	dropped   uint32
	refs      string
}

// entityRefsField is the number under which entity_refs repeats its messages.
const entityRefsField = 3

// maxNamed bounds the fingerprints of one query, whose text they are part of.
const maxNamed = 1000

// resources reads the resources of the given fingerprints, each once: all rows of one are equal. One that is not there is
// an error.
func (s Scope) resources(ctx context.Context, conn driver.Conn, fps map[uint64]bool) (map[uint64]*resource, error) {
	out := make(map[uint64]*resource, len(fps))
	for part := range slices.Chunk(slices.Sorted(maps.Keys(fps)), maxNamed) {
		list := make([]string, len(part))
		for i, fp := range part {
			list[i] = strconv.FormatUint(fp, 10)
		}
		err := s.each(ctx, conn, "resources", "SELECT resource_fp, schema_url, dropped_attributes, entity_refs, "+attrColumns+
			" FROM resources_v1 WHERE tenant_id = {tenant:UUID} AND resource_fp IN {fps:Array(UInt64)} LIMIT 1 BY resource_fp",
			func(rows driver.Rows) error {
				var fp uint64
				r := &resource{}
				err := rows.Scan(append([]any{&fp, &r.schemaURL, &r.dropped, &r.refs}, r.attrs.dest()...)...)
				out[fp] = r
				return err
			}, clickhouse.Named("fps", "["+strings.Join(list, ",")+"]"))
		if err != nil {
			return nil, err
		}
	}
	for fp := range fps {
		if out[fp] == nil {
			return nil, fmt.Errorf("read resources: %016x is not in the store", fp)
		}
	}
	return out, nil
}

// into puts the resource into an empty one, with the correlation of the rows that belong to it.
func (r *resource) into(to pcommon.Resource, c envelope.Correlation) error {
	var mb xpdata.MapBuilder
	err := r.attrs.build(&mb)
	stamps(c, &mb)
	mb.UnsafeIntoMap(to.Attributes())
	if err != nil {
		return err
	}
	to.SetDroppedAttributesCount(r.dropped)
	return anyvalue.DecodeEntityRefs([]byte(r.refs), entityRefsField, to)
}
