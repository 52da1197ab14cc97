package servicegraphconnector

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/servicegraph"
	"github.com/summitobs/summit/internal/tenant"
)

// processOf reads a resource; nil where no service is named or the tenant's id is broken, whose spans nobody can see.
func processOf(attrs pcommon.Map) *servicegraph.Process {
	p := &servicegraph.Process{Tenant: tenant.Default}
	for k, v := range attrs.All() {
		if v.Type() != pcommon.ValueTypeStr {
			continue
		}
		switch k {
		case "service.name":
			p.Service = v.Str()
		case "service.version":
			p.Version = v.Str()
		case "deployment.environment.name":
			p.Environment = v.Str()
		case "deployment.environment":
			if p.Environment == "" {
				p.Environment = v.Str()
			}
		case envelope.AttrCommitSHA:
			p.CommitSHA = v.Str()
		case envelope.AttrBuildRunID:
			p.BuildRunID = v.Str()
		case envelope.AttrTenantID:
			id, err := tenant.Parse(v.Str())
			if err != nil {
				return nil
			}
			p.Tenant = id
		}
	}
	if p.Service == "" {
		return nil
	}
	return p
}

// endOf reads a span that is one end of a call. A consumer that links to what was produced is joined by its first link.
func endOf(sp ptrace.Span) (servicegraph.Span, bool) {
	s := servicegraph.Span{Trace: sp.TraceID(), Failed: sp.Status().Code() == ptrace.StatusCodeError}
	switch sp.Kind() {
	case ptrace.SpanKindProducer:
		s.Messaging = true
		fallthrough
	case ptrace.SpanKindClient:
		s.Side, s.Call = servicegraph.Client, sp.SpanID()
	case ptrace.SpanKindConsumer:
		s.Messaging = true
		s.Side, s.Call = servicegraph.Server, sp.ParentSpanID()
		if links := sp.Links(); links.Len() > 0 {
			s.Trace, s.Call = links.At(0).TraceID(), links.At(0).SpanID()
		}
	case ptrace.SpanKindServer:
		s.Side, s.Call = servicegraph.Server, sp.ParentSpanID()
	default:
		return s, false
	}
	if pcommon.SpanID(s.Call).IsEmpty() {
		return s, false // a root: nobody who is observed called
	}
	start, end := sp.StartTimestamp(), sp.EndTimestamp()
	s.Start = start.AsTime()
	if end > start {
		s.Duration = time.Duration(end - start)
	}
	s.Weight = 1
	address := ""
	for k, v := range sp.Attributes().All() {
		switch k {
		case envelope.AttrSampleWeight:
			if v.Type() == pcommon.ValueTypeDouble && v.Double() >= 1 && v.Double() < 1e9 {
				s.Weight = v.Double()
			}
		case "service.peer.name", "peer.service", "messaging.destination.name":
			s.Peer = v.AsString()
		case "server.address", "net.peer.name":
			address = v.AsString()
		case "db.system.name", "db.system":
			s.Database = v.AsString()
		}
	}
	if s.Peer == "" {
		s.Peer = address
	}
	return s, true
}
