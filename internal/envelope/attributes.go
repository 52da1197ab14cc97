package envelope

// OwnEvents begins the event names of log records that the store makes rows of its own from. Such a record is believed only
// from a component of the same process.
const OwnEvents = "summit."

// Attribute names of our own. What OpenTelemetry's semantic conventions name is used under their name; this is the
// one list of what they lack.
const (
	// AttrTenantID is the tenant's UUID on a resource, stamped by the envelope processor. A sender's own value is replaced.
	AttrTenantID = "summit.tenant.id"
	// AttrEventID is the deterministic id of a record as a UUID, stamped only where a pipeline asks for it.
	AttrEventID = "summit.event.id"

	// AttrCommitSHA, AttrBuildRunID and AttrDeploymentID say what the resource's code was built from and deployed by.
	AttrCommitSHA    = "summit.correlation.commit_sha"
	AttrBuildRunID   = "summit.correlation.build_run_id"
	AttrDeploymentID = "summit.correlation.deployment_id"
	// AttrBasis is the evidence for the three: digest, revision, version or time.
	AttrBasis = "summit.correlation.basis"

	// AttrErrorFingerprint is a client-set fingerprint of an exception, overriding the computed one.
	AttrErrorFingerprint = "summit.error.fingerprint"
	// AttrSampleWeight is how many items of the original traffic this one stands for, a double of at least 1.
	AttrSampleWeight = "summit.sample.weight"
	// AttrCut lists the keys of a record whose values were cut for their size.
	AttrCut = "summit.cut.keys"

	// AttrOTLPStart, AttrOTLPEnd, AttrOTLPObserved, AttrOTLPKind and AttrOTLPStatus keep what the sender wrote where a
	// column can't hold it: times out of range, numbers outside the enumeration.
	AttrOTLPStart    = "summit.otlp.start_time_unix_nano"
	AttrOTLPEnd      = "summit.otlp.end_time_unix_nano"
	AttrOTLPTime     = "summit.otlp.time_unix_nano"
	AttrOTLPObserved = "summit.otlp.observed_time_unix_nano"
	AttrOTLPKind     = "summit.otlp.kind"
	AttrOTLPStatus   = "summit.otlp.status_code"
	AttrOTLPSeverity = "summit.otlp.severity_number"
	// AttrNoPoints stands alone in the attributes of a stored series whose metric came without data points.
	AttrNoPoints = "summit.otlp.no_data_points"
)

// Attribute names of build events that the CI/CD, VCS, test and deployment conventions lack.
const (
	AttrBuildProvider   = "summit.build.provider"
	AttrBuildHost       = "summit.build.host"
	AttrBuildAttempt    = "summit.build.attempt"
	AttrBuildTrigger    = "summit.build.trigger"
	AttrBuildActor      = "summit.build.actor"
	AttrBuildStatus     = "summit.build.status"
	AttrBuildParentID   = "summit.build.parent.id"
	AttrBuildKind       = "summit.build.kind"
	AttrBuildCreatedAt  = "summit.build.created_at"
	AttrBuildStartedAt  = "summit.build.started_at"
	AttrBuildFinishedAt = "summit.build.finished_at"
	AttrBuildUpdatedAt  = "summit.build.updated_at"
	AttrBuildQueuedNS   = "summit.build.queued_ns"
	AttrBuildApprovalNS = "summit.build.approval_ns"
	AttrBuildRetries    = "summit.build.retries"
	AttrBuildFlaky      = "summit.build.flaky"
	AttrBuildMessage    = "summit.build.message"
	AttrBuildStub       = "summit.build.stub"
	AttrBuildVersion    = "summit.build.version"
	AttrBuildTraceID    = "summit.build.trace_id"
	AttrBuildSpanID     = "summit.build.span_id"
	AttrBuildPrefix     = "summit.build.attr."

	// AttrBuildRepo is the full name of the repository or project, for example "acme/shop"; the VCS conventions split it.
	AttrBuildRepo        = "summit.build.repo"
	AttrBuildName        = "summit.build.name"
	AttrBuildDurationNS  = "summit.build.duration_ns"
	AttrBuildErrorFP     = "summit.build.error_fp"
	AttrBuildRunnerClass = "summit.build.runner_class"
	AttrBuildCPUSeconds  = "summit.build.cpu_s"
	AttrBuildMemPeak     = "summit.build.mem_peak_bytes"
	AttrBuildCacheHit    = "summit.build.cache_hit"
	AttrBuildCostUSD     = "summit.build.cost_usd"
	AttrBuildURL         = "summit.build.url"

	AttrBuildDigests          = "summit.build.digests"
	AttrBuildDependsOn        = "summit.build.depends_on"
	AttrBuildRunRef           = "summit.build.run.id"
	AttrBuildBasis            = "summit.build.basis"
	AttrBuildPreviousRevision = "summit.build.previous_revision"
	AttrBuildApprovedBy       = "summit.build.approved_by"
	AttrBuildCreator          = "summit.build.creator"
	AttrBuildRollbackOf       = "summit.build.rollback_of"
	AttrBuildChangedFiles     = "summit.build.changed_files"
	AttrBuildStepNumber       = "summit.build.step.number"
	// AttrBuildMergeRevision is the commit that a change became on its base branch; AttrBuildLabels are its labels.
	AttrBuildMergeRevision = "summit.build.merge_revision"
	AttrBuildLabels        = "summit.build.labels"
	// AttrBuildTag, AttrBuildDraft and AttrBuildPrerelease tell of a release.
	AttrBuildTag        = "summit.build.tag"
	AttrBuildDraft      = "summit.build.draft"
	AttrBuildPrerelease = "summit.build.prerelease"
)

// Attributes of the records that carry calls between services.
const (
	AttrEdgeConnection  = "summit.edge.connection"
	AttrEdgePeerVersion = "summit.edge.peer_version"
	AttrEdgeCalls       = "summit.edge.calls"
	AttrEdgeErrors      = "summit.edge.errors"
	AttrEdgeUnpaired    = "summit.edge.unpaired"
	AttrEdgeDurationSum = "summit.edge.duration_sum_ns"
	AttrEdgeDurationMax = "summit.edge.duration_max_ns"
	AttrEdgeBuckets     = "summit.edge.duration_buckets"
	AttrEdgeCounts      = "summit.edge.duration_counts"
)

// Attributes of test results.
const (
	// AttrTestID is a test's identity over all runs, see testreport.Identity.
	AttrTestID        = "summit.test.id"
	AttrTestSuite     = "summit.test.suite"
	AttrTestFramework = "summit.test.framework"
	AttrTestOwner     = "summit.test.owner"
	// AttrTestOutcomes are all executions in one run in their order, for example "fail,pass".
	AttrTestOutcomes = "summit.test.outcomes"
	AttrTestShard    = "summit.test.shard"
	// AttrTestCounts is put before total, passed, failed, errored, skipped and flaky on a suite.
	AttrTestCounts = "summit.test."
)

// Attributes of the span of a command in a CI job: the processor time that it took and the most memory that it had.
const (
	AttrExecCPUUserNS   = "summit.exec.cpu.user_ns"
	AttrExecCPUSystemNS = "summit.exec.cpu.system_ns"
	AttrExecMemPeak     = "summit.exec.mem_peak_bytes"
)
