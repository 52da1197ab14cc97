package buildindexextension

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/clickhouse"
	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/telemetry"
	"github.com/summitobs/summit/internal/tenant"
)

// taskLookback is how far back tasks are read: they are asked for only while their run goes on.
const taskLookback = 24 * time.Hour

// The statements read the rows of all tenants: the index is shared by them, and keeps them apart. Each is bounded in time
// and rows. The inner order takes the newest rows, the outer one gives them oldest first, so that the newest are the last
// to be evicted.
const (
	buildColumns = `tenant_id, toString(entity), provider, host, repo, run_id, attempt, entity_id, parent_id, pipeline, name, branch, commit_sha,
trigger, actor_hash, pr_number, created_at, started_at, finished_at, updated_at, queued_ms, approval_ms, duration_ms, toString(status), flaky,
retries, toString(error_fp), message, runner, runner_class, cpu_s, mem_peak_bytes, cost_usd, digest, toString(trace_id), span_id, url, stub, attrs, version,
toString(cache_hit), ingested_at`
	deployColumns = `tenant_id, provider, host, repo, deployment_id, service_name, environment, service_version, commit_sha, previous_commit_sha,
build_run_id, image_digests, toString(correlation_basis), toString(status), created_at, started_at, finished_at, updated_at, approved_by, creator, url,
rollback_of, attrs, version, ingested_at`

	rebuildBuilds = `SELECT ` + buildColumns + ` FROM (SELECT * FROM metrics_build_v1 WHERE entity IN ('run', 'artifact')
AND updated_at >= fromUnixTimestamp64Milli({from:Int64}) ORDER BY updated_at DESC LIMIT {limit:UInt64}) ORDER BY updated_at`
	rebuildTasks = `SELECT ` + buildColumns + ` FROM (SELECT * FROM metrics_build_v1 WHERE entity = 'task'
AND updated_at >= fromUnixTimestamp64Milli({from:Int64}) ORDER BY updated_at DESC LIMIT {limit:UInt64}) ORDER BY updated_at`
	rebuildDeploys = `SELECT ` + deployColumns + ` FROM (SELECT * FROM deploys_v1
WHERE updated_at >= fromUnixTimestamp64Milli({from:Int64}) ORDER BY updated_at DESC LIMIT {limit:UInt64}) ORDER BY updated_at`

	// One cheap statement a second while nothing happens: a sum that changes with any row that is added.
	pollSum = `SELECT sum(n) FROM (
SELECT sum(cityHash64(entity_id, attempt, version, ingested_at)) AS n FROM metrics_build_v1
WHERE entity IN ('run', 'artifact') AND ingested_at >= fromUnixTimestamp64Milli({from:Int64})
UNION ALL SELECT sum(cityHash64(deployment_id, service_name, version, ingested_at)) AS n FROM deploys_v1
WHERE ingested_at >= fromUnixTimestamp64Milli({from:Int64}))`
	pollBuilds = `SELECT ` + buildColumns + ` FROM metrics_build_v1 WHERE entity IN ('run', 'artifact')
AND ingested_at >= fromUnixTimestamp64Milli({from:Int64}) ORDER BY ingested_at LIMIT {limit:UInt64}`
	pollDeploys = `SELECT ` + deployColumns + ` FROM deploys_v1
WHERE ingested_at >= fromUnixTimestamp64Milli({from:Int64}) ORDER BY ingested_at LIMIT {limit:UInt64}`
)

// reader brings rows of the store into the index. It is used by one goroutine.
type reader struct {
	index    *correlation.Index
	cfg      *Config
	log      *zap.Logger
	throttle *telemetry.Throttle

	// seen is the newest ingestion time that was read; polls begin an overlap before it.
	seen time.Time
	// lastSum and lastFrom are those of the last poll: the same again means that there is nothing new.
	lastSum  uint64
	lastFrom time.Time
}

// rebuild reads what the lookback and the bounds of the index allow. Polls begin before the newest row that it finds and
// not before now: what was waiting in a queue while this process was down comes into the store after it.
func (r *reader) rebuild(ctx context.Context, conn driver.Conn) error {
	now := time.Now()
	seen := now.Add(-r.cfg.Lookback)
	limit := uint64(r.cfg.MaxEntriesTotal)
	builds, err := r.builds(ctx, conn, rebuildBuilds, now.Add(-r.cfg.Lookback), limit)
	if err != nil {
		return err
	}
	deploys, err := r.deploys(ctx, conn, rebuildDeploys, now.Add(-r.cfg.Lookback), limit)
	if err != nil {
		return err
	}
	if _, err = r.builds(ctx, conn, rebuildTasks, now.Add(-min(taskLookback, r.cfg.Lookback)), uint64(r.cfg.MaxTasksTotal)); err != nil {
		return err
	}
	r.seen = seenUntil(now, seen, builds, deploys)
	return nil
}

// poll reads the rows that came into sight since the last poll, and those of the overlap again: observing a row twice
// changes nothing.
func (r *reader) poll(ctx context.Context, conn driver.Conn) error {
	from := r.seen.Add(-r.cfg.PollOverlap)
	var sum uint64
	if err := conn.QueryRow(ctx, pollSum, bounds(from, 0)...).Scan(&sum); err != nil {
		return fmt.Errorf("look for new builds and deployments: %w", err)
	}
	if sum == 0 || sum == r.lastSum && from.Equal(r.lastFrom) {
		return nil
	}
	limit := uint64(r.cfg.MaxEntriesTotal)
	builds, err := r.builds(ctx, conn, pollBuilds, from, limit)
	if err != nil {
		return err
	}
	deploys, err := r.deploys(ctx, conn, pollDeploys, from, limit)
	if err != nil {
		return err
	}
	r.lastSum, r.lastFrom = sum, from
	r.seen = seenUntil(time.Now(), r.seen, builds, deploys)
	return nil
}

// seenUntil is the newest of the times, but not after now: the rows of a writer whose clock is ahead would hide those of
// all others until their clocks get there.
func seenUntil(now time.Time, times ...time.Time) time.Time {
	newest := times[0]
	for _, t := range times[1:] {
		if t.After(newest) {
			newest = t
		}
	}
	if newest.After(now) {
		return now
	}
	return newest
}

func bounds(from time.Time, limit uint64) []any {
	args := []any{clickhouse.Named("from", strconv.FormatInt(from.UnixMilli(), 10))}
	if limit > 0 {
		args = append(args, clickhouse.Named("limit", strconv.FormatUint(limit, 10)))
	}
	return args
}

// builds reads runs, artifacts or tasks and gives the newest ingestion time.
func (r *reader) builds(ctx context.Context, conn driver.Conn, query string, from time.Time, limit uint64) (time.Time, error) {
	return r.each(ctx, conn, "metrics_build_v1", query, from, limit, func(rows driver.Rows) (tenant.ID, build.Event, time.Time, error) {
		var (
			id                               uuid.UUID
			row                              build.Row
			status, cache, errorFP, trace    string
			queued, approval, duration, span uint64
			cpu                              float32
			ingested                         time.Time
		)
		err := rows.Scan(&id, &row.Entity, &row.Provider, &row.Host, &row.Repo, &row.RunID, &row.Attempt, &row.EntityID, &row.ParentID,
			&row.Pipeline, &row.Name, &row.Branch, &row.CommitSHA, &row.Trigger, &row.ActorHash, &row.PRNumber, &row.CreatedAt, &row.StartedAt,
			&row.FinishedAt, &row.UpdatedAt, &queued, &approval, &duration, &status, &row.Flaky, &row.Retries, &errorFP, &row.Message, &row.Runner,
			&row.RunnerClass, &cpu, &row.MemPeakBytes, &row.CostUSD, &row.Digest, &trace, &span, &row.URL, &row.Stub, &row.Attrs, &row.Version,
			&cache, &ingested)
		if err != nil {
			return tenant.ID{}, nil, ingested, fmt.Errorf("scan a row of metrics_build_v1: %w", err)
		}
		clearEpoch(&row.CreatedAt, &row.StartedAt, &row.FinishedAt, &row.UpdatedAt)
		row.Queued, row.Approval, row.Duration = millis(queued), millis(approval), millis(duration)
		row.CPUSeconds = float64(cpu)
		if len(row.Attrs) == 0 { // as senders have it, so that an event that tells nothing new is seen as such
			row.Attrs = nil
		}
		copy(row.ErrorFP[:], errorFP)
		copy(row.TraceID[:], trace)
		row.SpanID = spanID(span)
		if row.Status, err = build.ParseStatus(status); err != nil {
			return tenant.ID(id), nil, ingested, fmt.Errorf("status of %s: %w", row.EntityID, err)
		}
		if row.CacheHit, err = build.ParseCacheHit(cache); err != nil {
			return tenant.ID(id), nil, ingested, fmt.Errorf("cache_hit of %s: %w", row.EntityID, err)
		}
		ev, err := row.Event()
		return tenant.ID(id), ev, ingested, err
	})
}

func (r *reader) deploys(ctx context.Context, conn driver.Conn, query string, from time.Time, limit uint64) (time.Time, error) {
	return r.each(ctx, conn, "deploys_v1", query, from, limit, func(rows driver.Rows) (tenant.ID, build.Event, time.Time, error) {
		var (
			id            uuid.UUID
			d             build.Deployment
			basis, status string
			ingested      time.Time
		)
		err := rows.Scan(&id, &d.Provider, &d.Host, &d.Repo, &d.DeploymentID, &d.Service, &d.Environment, &d.ServiceVersion, &d.CommitSHA,
			&d.PreviousCommit, &d.BuildRunID, &d.Digests, &basis, &status, &d.CreatedAt, &d.StartedAt, &d.FinishedAt, &d.UpdatedAt, &d.ApprovedBy,
			&d.Creator, &d.URL, &d.RollbackOf, &d.Attrs, &d.Version, &ingested)
		if err != nil {
			return tenant.ID{}, nil, ingested, fmt.Errorf("scan a row of deploys_v1: %w", err)
		}
		clearEpoch(&d.CreatedAt, &d.StartedAt, &d.FinishedAt, &d.UpdatedAt)
		if len(d.Attrs) == 0 {
			d.Attrs = nil
		}
		if len(d.Digests) == 0 {
			d.Digests = nil
		}
		if d.Basis, err = envelope.ParseBasis(basis); err != nil {
			return tenant.ID(id), nil, ingested, err
		}
		if d.Status, err = build.ParseDeployStatus(status); err != nil {
			return tenant.ID(id), nil, ingested, fmt.Errorf("status of deployment %s: %w", d.DeploymentID, err)
		}
		return tenant.ID(id), &d, ingested, nil
	})
}

type scanRow func(driver.Rows) (tenant.ID, build.Event, time.Time, error)

func (r *reader) each(ctx context.Context, conn driver.Conn, table, query string, from time.Time, limit uint64, scan scanRow) (time.Time, error) {
	var newest time.Time
	rows, err := conn.Query(ctx, query, bounds(from, limit)...)
	if err != nil {
		return newest, fmt.Errorf("read %s: %w", table, err)
	}
	defer rows.Close()
	for rows.Next() {
		id, ev, ingested, err := scan(rows)
		if err != nil && ev == nil && id.IsZero() {
			return newest, err
		}
		if err != nil {
			// One row that can't be read must not hide all others for ever.
			if silent, ok := r.throttle.Allow(table); ok {
				r.log.Warn("build index skips a row", zap.String("table", table), zap.Error(err), zap.Int("not_logged_before", silent))
			}
			continue
		}
		r.index.Observe(id, ev)
		if ingested.After(newest) {
			newest = ingested
		}
	}
	if err := rows.Err(); err != nil {
		return newest, fmt.Errorf("read %s: %w", table, err)
	}
	return newest, nil
}

// clearEpoch turns the store's word for an unknown time into ours.
func clearEpoch(times ...*time.Time) {
	for _, t := range times {
		if t.UnixMilli() == 0 {
			*t = time.Time{}
		}
	}
}

func millis(n uint64) time.Duration { return time.Duration(n) * time.Millisecond }

func spanID(n uint64) (id [8]byte) {
	for i := range id {
		id[i] = byte(n >> (56 - 8*i))
	}
	return id
}
