package envelope

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"github.com/summitobs/summit/internal/tenant"
)

// The values of Event.Type.
const (
	TypeLog = "summit.v1.log"
	// TypeBuild is a run, task, artifact, deployment or commit; the event's name says which.
	TypeBuild = "summit.v1.build"
)

// buildNames begin the names of build events.
const buildNames = "summit.build."

// Types are the values of Event.Type.
func Types() []string { return []string{TypeBuild, TypeLog} }

// Event is the canonical envelope of a log record and all that it stands in. EventID, Type and Source follow from the
// rest; FromLogRecord and the JSON decoder fill them, AppendTo and the JSON encoder don't rely on them.
type Event struct {
	EventID EventID   `json:"event_id"`
	Tenant  tenant.ID `json:"tenant"`
	// Type is the schema of the event, one of Types.
	Type string `json:"type"`
	// Source is the service.name of the resource.
	Source string `json:"source"`
	// Time and ObservedTime are 0 where unknown.
	Time         pcommon.Timestamp   `json:"time"`
	ObservedTime pcommon.Timestamp   `json:"observed_time"`
	Severity     plog.SeverityNumber `json:"severity"`
	SeverityText string              `json:"severity_text"`
	// Name is OTLP's event name, empty for an ordinary log record.
	Name        string              `json:"name"`
	TraceID     pcommon.TraceID     `json:"trace_id"`
	SpanID      pcommon.SpanID      `json:"span_id"`
	Flags       plog.LogRecordFlags `json:"flags"`
	Correlation Correlation         `json:"correlation"`
	Resource    Resource            `json:"resource"`
	Scope       Scope               `json:"scope"`
	Attributes  Attributes          `json:"attributes"`
	// DroppedAttributes is how many the sender left out.
	DroppedAttributes uint32 `json:"dropped_attributes_count"`
	Body              Value  `json:"body"`
}

// Resource is what the event is about. Its attributes are without our stamps (see IsStamp): those are the tenant and the
// correlation of the event.
type Resource struct {
	Attributes        Attributes `json:"attributes"`
	DroppedAttributes uint32     `json:"dropped_attributes_count"`
	SchemaURL         string     `json:"schema_url"`
	Entities          []Entity   `json:"entities"`
}

// Entity names the attributes of a resource that make one thing.
type Entity struct {
	SchemaURL       string   `json:"schema_url"`
	Type            string   `json:"type"`
	IDKeys          []string `json:"id_keys"`
	DescriptionKeys []string `json:"description_keys"`
}

// Scope is the library that wrote the event.
type Scope struct {
	Name              string     `json:"name"`
	Version           string     `json:"version"`
	Attributes        Attributes `json:"attributes"`
	DroppedAttributes uint32     `json:"dropped_attributes_count"`
	SchemaURL         string     `json:"schema_url"`
}

// FromLogRecord reads a record in its resource and scope. The event owns what it holds. A resource without a tenant is the
// default tenant's, as everywhere; a stamp that isn't as our processors write it is an error that names it.
func FromLogRecord(rl plog.ResourceLogs, sl plog.ScopeLogs, lr plog.LogRecord) (Event, error) {
	e := Event{
		Time: lr.Timestamp(), ObservedTime: lr.ObservedTimestamp(), Severity: lr.SeverityNumber(), SeverityText: lr.SeverityText(),
		Name: lr.EventName(), TraceID: lr.TraceID(), SpanID: lr.SpanID(), Flags: lr.Flags(),
		DroppedAttributes: lr.DroppedAttributesCount(),
	}
	steps := []func() error{
		func() error { return e.readResource(rl) },
		func() error { return e.readScope(sl) },
		func() (err error) { e.Attributes, err = attributesOf("attributes", lr.Attributes(), 0); return err },
		func() (err error) { e.Body, err = valueOf("body", lr.Body(), 0); return err },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Event{}, fmt.Errorf("read log record: %w", err)
		}
	}
	e.Type, e.Source = typeOf(e.Name), e.source()
	e.EventID = idOf(e.Tenant, rl.Resource().Attributes(), lr)
	return e, nil
}

func (e *Event) readResource(rl plog.ResourceLogs) error {
	res := rl.Resource()
	all, err := attributesOf("resource.attributes", res.Attributes(), 0)
	if err != nil {
		return err
	}
	e.Resource = Resource{DroppedAttributes: res.DroppedAttributesCount(), SchemaURL: rl.SchemaUrl()}
	stamps := map[string]string{}
	for _, a := range all {
		if !IsStamp(a.Key) {
			e.Resource.Attributes = append(e.Resource.Attributes, a)
			continue
		}
		text, ok := a.Value.(String)
		if _, twice := stamps[a.Key]; !ok || twice {
			return &FieldError{Field: join("resource.attributes", a.Key), Detail: "must be one string"}
		}
		stamps[a.Key] = string(text)
	}
	for _, ref := range entity.ResourceEntityRefs(res).All() {
		e.Resource.Entities = append(e.Resource.Entities, Entity{
			SchemaURL: ref.SchemaUrl(), Type: ref.Type(),
			IDKeys: append([]string(nil), ref.IdKeys().AsRaw()...), DescriptionKeys: append([]string(nil), ref.DescriptionKeys().AsRaw()...),
		})
	}
	return e.readStamps(stamps)
}

func (e *Event) readStamps(stamps map[string]string) error {
	e.Correlation = Correlation{CommitSHA: stamps[AttrCommitSHA], BuildRunID: stamps[AttrBuildRunID], DeploymentID: stamps[AttrDeploymentID]}
	var err error
	if e.Correlation.Basis, err = ParseBasis(stamps[AttrBasis]); err != nil {
		return &FieldError{Field: join("resource.attributes", AttrBasis), Detail: fmt.Sprintf("%q is no basis", stamps[AttrBasis]), Allowed: basisNames[:]}
	}
	e.Tenant = tenant.Default
	if s, ok := stamps[AttrTenantID]; ok {
		if e.Tenant, err = tenant.Parse(s); err != nil {
			return &FieldError{Field: join("resource.attributes", AttrTenantID), Detail: err.Error()}
		}
	}
	return nil
}

func (e *Event) readScope(sl plog.ScopeLogs) (err error) {
	s := sl.Scope()
	e.Scope = Scope{Name: s.Name(), Version: s.Version(), DroppedAttributes: s.DroppedAttributesCount(), SchemaURL: sl.SchemaUrl()}
	e.Scope.Attributes, err = attributesOf("scope.attributes", s.Attributes(), 0)
	return err
}

// AppendTo writes the event as a log record with a resource and scope of its own, stamped as by our processors. The stamps
// are the last attributes of the resource; those that say nothing are left out.
func (e Event) AppendTo(ld plog.Logs) plog.ResourceLogs {
	rl := ld.ResourceLogs().AppendEmpty()
	e.writeResource(rl)
	sl := rl.ScopeLogs().AppendEmpty()
	sl.SetSchemaUrl(e.Scope.SchemaURL)
	sl.Scope().SetName(e.Scope.Name)
	sl.Scope().SetVersion(e.Scope.Version)
	sl.Scope().SetDroppedAttributesCount(e.Scope.DroppedAttributes)
	setAttributes(sl.Scope().Attributes(), e.Scope.Attributes)

	lr := sl.LogRecords().AppendEmpty()
	lr.SetTimestamp(e.Time)
	lr.SetObservedTimestamp(e.ObservedTime)
	lr.SetSeverityNumber(e.Severity)
	lr.SetSeverityText(e.SeverityText)
	lr.SetEventName(e.Name)
	lr.SetTraceID(e.TraceID)
	lr.SetSpanID(e.SpanID)
	lr.SetFlags(e.Flags)
	lr.SetDroppedAttributesCount(e.DroppedAttributes)
	setAttributes(lr.Attributes(), e.Attributes)
	setValue(lr.Body(), e.Body)
	return rl
}

func (e *Event) writeResource(rl plog.ResourceLogs) {
	rl.SetSchemaUrl(e.Resource.SchemaURL)
	rl.Resource().SetDroppedAttributesCount(e.Resource.DroppedAttributes)
	var attrs Attributes
	for _, a := range e.Resource.Attributes {
		if !IsStamp(a.Key) {
			attrs = append(attrs, a)
		}
	}
	put := func(key, value string) {
		if value != "" {
			attrs = append(attrs, Attribute{key, String(value)})
		}
	}
	put(AttrTenantID, e.Tenant.String())
	put(AttrCommitSHA, e.Correlation.CommitSHA)
	put(AttrBuildRunID, e.Correlation.BuildRunID)
	put(AttrDeploymentID, e.Correlation.DeploymentID)
	if e.Correlation.Basis != BasisNone {
		put(AttrBasis, e.Correlation.Basis.String())
	}
	setAttributes(rl.Resource().Attributes(), attrs)
	for _, x := range e.Resource.Entities {
		ref := entity.ResourceEntityRefs(rl.Resource()).AppendEmpty()
		ref.SetSchemaUrl(x.SchemaURL)
		ref.SetType(x.Type)
		ref.IdKeys().FromRaw(x.IDKeys)
		ref.DescriptionKeys().FromRaw(x.DescriptionKeys)
	}
}

// derived is the event with EventID, Type and Source as they follow from the rest.
func (e Event) derived() Event {
	rl := e.AppendTo(plog.NewLogs())
	e.Type, e.Source = typeOf(e.Name), e.source()
	e.EventID = idOf(e.Tenant, rl.Resource().Attributes(), rl.ScopeLogs().At(0).LogRecords().At(0))
	return e
}

func typeOf(name string) string {
	if strings.HasPrefix(name, buildNames) {
		return TypeBuild
	}
	return TypeLog
}

func (e *Event) source() string {
	v, _ := e.Resource.Attributes.Get("service.name")
	name, _ := v.(String)
	return string(name)
}

// idOf is the stamped id of a record, which it keeps when a later stage redacts it, or else the id of its content.
func idOf(id tenant.ID, resource pcommon.Map, lr plog.LogRecord) EventID {
	if v, ok := lr.Attributes().Get(AttrEventID); ok && v.Type() == pcommon.ValueTypeStr && len(v.Str()) == 36 {
		if u, err := uuid.Parse(v.Str()); err == nil && u != uuid.Nil {
			return EventID(u)
		}
	}
	return RecordEventID(id, ResourceHash(resource), lr)
}
