package sqlbuild

import "time"

// Widths of ts_bucket, as the writer has them for every tenant and time.
const (
	spanBucket = 5 * time.Minute
	hourBucket = time.Hour
)

var correlationColumns = []string{"commit_sha", "build_run_id", "deployment_id", "correlation_basis"}

func columns(lists ...[]string) []string {
	all := []string{tenantColumn}
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// The tables of the store, as queries see them. A test compares the names with the DDL.
var (
	Spans = &Table{
		Name: "events_trace_v1",
		Columns: columns(correlationColumns, []string{
			"ts_bucket", "service_name", "span_name", "timestamp", "duration_ns", "trace_id", "span_id", "parent_span_id", "kind", "status",
			"status_message", "resource_fp", "environment", "service_version", "session_id", "error_fp", "error_fp_version", "scope_name",
			"scope_version", "event_id", "attrs_str", "attrs_num", "attrs_int", "attrs_bool", "attrs_any", "events.ts", "events.name", "events.attrs",
			"events.attrs_any", "links.trace_id", "links.span_id", "links.attrs", "links.attrs_any",
		}),
		window: bucketed("ts_bucket", "timestamp", spanBucket),
	}
	// TraceIndex gives the time bounds of a trace and how many spans it had, and nothing that a row filter could hide.
	TraceIndex = &Table{
		Name:    "trace_index_v1",
		Columns: columns([]string{"trace_id", "day", "min_ts", "max_ts", "spans"}),
		window:  daily("day", 1),
		viaKey:  true,
	}
	Resources = &Table{
		Name: "resources_v1",
		Columns: columns([]string{
			"resource_fp", "last_seen", "service_name", "service_version", "environment", "image_digest",
			"attr_items", "attrs_str", "attrs_num", "attrs_int", "attrs_bool", "attrs_any",
		}),
		window: since("last_seen", 49*time.Hour),
	}
	REDMinutes = &Table{
		Name: "red_1m_v1",
		Columns: columns([]string{
			"minute", "service_name", "span_name", "environment", "service_version", "commit_sha", "build_run_id", "deployment_id", "calls", "errors",
		}),
		window: stamped("minute", time.Minute),
	}
	Errors = &Table{
		Name: "events_error_v1",
		Columns: columns(correlationColumns, []string{
			"ts_bucket", "timestamp", "event_id", "error_fp", "error_fp_version", "service_name", "environment", "service_version", "source", "level",
			"handled", "exception_type", "exception_message", "culprit", "frames.module", "frames.function", "frames.file", "frames.line",
			"frames.col", "frames.in_app", "raw_stack", "trace_id", "span_id", "source_index", "session_id", "user_hash", "resource_fp",
		}),
		window: bucketed("ts_bucket", "timestamp", hourBucket),
	}
	ErrorGroups = &Table{
		Name: "error_groups_v1",
		Columns: columns([]string{
			"error_fp", "service_name", "environment", "error_fp_version", "first_seen", "last_seen", "first_commit", "first_build", "last_commit",
			"last_build", "sample_event", "sample_trace", "title", "culprit", "events", "users", "versions",
		}),
		window: aliveGroup("first_seen", "last_seen"),
	}
	ErrorHours = &Table{
		Name: "error_groups_1h_v1",
		Columns: columns([]string{
			"hour", "error_fp", "service_name", "environment", "service_version", "commit_sha", "build_run_id", "error_fp_version", "events", "users",
		}),
		window: stamped("hour", time.Hour),
	}
	Deploys = &Table{
		Name:  "deploys_v1",
		Final: true,
		Columns: columns([]string{
			"provider", "host", "repo", "deployment_id", "service_name", "environment", "service_version", "commit_sha", "build_run_id",
			"previous_commit_sha", "rollback_of", "creator", "image_digests", "correlation_basis", "status", "created_at", "started_at", "finished_at", "updated_at", "url", "attrs", "version",
		}),
		window: alive("created_at", "updated_at"),
	}
	Builds = &Table{
		Name:  "metrics_build_v1",
		Final: true,
		Columns: columns([]string{
			"entity", "provider", "host", "repo", "run_id", "attempt", "entity_id", "parent_id", "pipeline", "name", "branch", "commit_sha",
			"trigger", "created_at", "started_at", "finished_at", "updated_at", "queued_ms", "approval_ms", "duration_ms", "status", "flaky",
			"retries", "message", "runner", "runner_class", "cost_usd", "pr_number", "name_fp", "error_fp", "error_fp_version", "digest",
			"trace_id", "span_id", "url", "stub", "attrs", "version",
		}),
		window: alive("created_at", "updated_at"),
	}
	GraphNodes = &Table{
		Name:    "graph_nodes_v1",
		Final:   true,
		Columns: columns([]string{"kind", "id", "name", "first_seen", "last_seen", "props", "stub", "deleted"}),
		window:  alive("first_seen", "last_seen"),
	}
	GraphEdges = &Table{
		Name:    "graph_edges_v1",
		Final:   true,
		Columns: columns([]string{"src_kind", "src_id", "rel", "dst_kind", "dst_id", "correlation_basis", "first_seen", "last_seen", "props", "deleted"}),
		window:  alive("first_seen", "last_seen"),
	}
	// GraphEdgesReverse holds the same edges in the order of their ends.
	GraphEdgesReverse = &Table{
		Name:    "graph_edges_reverse_v1",
		Final:   true,
		Columns: columns([]string{"src_kind", "src_id", "rel", "dst_kind", "dst_id", "correlation_basis", "first_seen", "last_seen", "props", "deleted"}),
		window:  alive("first_seen", "last_seen"),
	}
	Sessions = &Table{
		Name:    "sessions_v1",
		Columns: columns([]string{"day", "session_id", "start_ts", "end_ts", "service_name", "environment", "commit_sha", "build_run_id", "error_fps"}),
		window:  daily("day", 0),
	}
	LogMinutes = &Table{
		Name:    "logs_1m_v1",
		Columns: columns([]string{"service_name", "environment", "severity", "minute", "records"}),
		window:  stamped("minute", time.Minute),
	}
	// Samples and Histograms are read by series that came from Series.
	Samples = &Table{
		Name:    "metrics_runtime_v1",
		Columns: columns([]string{"metric_name", "ts_bucket", "series_fp", "timestamp", "value", "flags", "start_ts"}),
		window:  bucketed("ts_bucket", "timestamp", hourBucket),
		viaKey:  true,
	}
	Histograms = &Table{
		Name: "metrics_hist_v1",
		Columns: columns([]string{
			"metric_name", "ts_bucket", "series_fp", "timestamp", "kind", "present", "flags", "start_ts", "count", "sum", "bounds", "counts",
			"summary_values", "scale", "zero_count", "zero_threshold", "pos_offset", "pos_counts", "neg_offset", "neg_counts",
		}),
		window: bucketed("ts_bucket", "timestamp", hourBucket),
		viaKey: true,
	}
	Series = &Table{
		Name: "metric_series_v1",
		Columns: columns([]string{
			"day", "prom_name", "series_fp", "metric_name", "kind", "temporality", "monotonic", "labels", "label_items",
			"service_name", "environment",
		}),
		window: daily("day", 0),
	}
	MetricMeta = &Table{
		Name:    "metric_meta_v1",
		Columns: columns([]string{"day", "prom_name", "meta_fp", "kind", "temporality", "monotonic", "unit", "description"}),
		window:  daily("day", 0),
	}
	MetricLabels = &Table{
		Name:    "metric_labels_v1",
		Columns: columns([]string{"day", "label", "value"}),
		window:  daily("day", 0),
	}
)

// All lists every declared table.
func All() []*Table {
	return []*Table{
		Spans, TraceIndex, Resources, REDMinutes, Errors, ErrorGroups, ErrorHours, Deploys, Builds, GraphNodes, GraphEdges, GraphEdgesReverse, Sessions, LogMinutes,
		Samples, Histograms, Series, MetricMeta, MetricLabels,
	}
}
