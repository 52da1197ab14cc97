package provenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Types of predicates that are read; other versions of the same bills of materials begin alike.
const (
	predicateSLSA02    = "https://slsa.dev/provenance/v0.2"
	predicateSLSA1     = "https://slsa.dev/provenance/v1"
	predicateCycloneDX = "https://cyclonedx.org/bom"
	predicateSPDX      = "https://spdx.dev/Document"
)

// statement is in-toto's, of v0.1 and v1: they differ in nothing that is read here.
type statement struct {
	Subject []struct {
		Name   string            `json:"name"`
		Digest map[string]string `json:"digest"`
	} `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

func (p *parser) statement(raw []byte) (*Document, error) {
	var s statement
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("read the in-toto statement: %w", err)
	}
	subjects := make([]Subject, 0, len(s.Subject))
	known := false
	for _, sub := range s.Subject {
		x := Subject{Name: sub.Name, Version: versionOf(sub.Name), Digests: digestsOf(sub.Digest)}
		known = known || len(x.Digests) > 0
		subjects = append(subjects, x)
	}
	if !known {
		return nil, fmt.Errorf("subject: no digest by one of %s", strings.Join(algorithms, ", "))
	}
	d, err := p.predicate(&s)
	if err != nil {
		return nil, err
	}
	d.Predicate, d.Subjects = s.PredicateType, subjects
	return d, nil
}

func (p *parser) predicate(s *statement) (*Document, error) {
	switch {
	case s.PredicateType == predicateSLSA1:
		return slsa1(s.Predicate)
	case s.PredicateType == predicateSLSA02:
		return slsa02(s.Predicate)
	case strings.HasPrefix(s.PredicateType, predicateCycloneDX):
		return p.cycloneDX(s.Predicate)
	case strings.HasPrefix(s.PredicateType, predicateSPDX):
		return p.spdx(s.Predicate)
	case s.PredicateType == "":
		return nil, errors.New("predicateType is empty")
	default:
		return &Document{Kind: KindStatement}, nil
	}
}

// resource is a resource descriptor of SLSA.
type resource struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest"`
}

// predicate1 is SLSA's provenance v1 (https://slsa.dev/spec/v1.0/provenance).
type predicate1 struct {
	BuildDefinition struct {
		ExternalParameters struct {
			Workflow struct {
				Ref        string `json:"ref"`
				Repository string `json:"repository"`
			} `json:"workflow"`
			Source    json.RawMessage   `json:"source"`
			Variables map[string]string `json:"variables"`
		} `json:"externalParameters"`
		ResolvedDependencies []resource `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
		Metadata struct {
			InvocationID string    `json:"invocationId"`
			StartedOn    time.Time `json:"startedOn"`
			FinishedOn   time.Time `json:"finishedOn"`
		} `json:"metadata"`
	} `json:"runDetails"`
}

func slsa1(raw json.RawMessage) (*Document, error) {
	var p predicate1
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, fmt.Errorf("predicate: read SLSA v1: %w", err)
	}
	def, run := &p.BuildDefinition, &p.RunDetails
	f := facts{invocation: run.Metadata.InvocationID, builder: run.Builder.ID, vars: def.ExternalParameters.Variables}
	f.source, f.ref = def.ExternalParameters.Workflow.Repository, def.ExternalParameters.Workflow.Ref
	f.materials = def.ResolvedDependencies
	if f.source == "" {
		// GitLab writes the repository's URL here; other builders have objects of their own.
		var source string
		if json.Unmarshal(def.ExternalParameters.Source, &source) == nil {
			f.source = source
		}
	}
	f.at = first(run.Metadata.FinishedOn, run.Metadata.StartedOn)
	return &Document{Kind: KindSLSA, Origin: f.origin()}, nil
}

// predicate02 is SLSA's provenance v0.2 (https://slsa.dev/spec/v0.2/provenance).
type predicate02 struct {
	Builder struct {
		ID string `json:"id"`
	} `json:"builder"`
	Invocation struct {
		ConfigSource resource `json:"configSource"`
		// Parameters and Environment are the builder's own: npm has texts, others have objects.
		Parameters  map[string]any `json:"parameters"`
		Environment map[string]any `json:"environment"`
	} `json:"invocation"`
	Metadata struct {
		BuildInvocationID string    `json:"buildInvocationId"`
		BuildStartedOn    time.Time `json:"buildStartedOn"`
		BuildFinishedOn   time.Time `json:"buildFinishedOn"`
	} `json:"metadata"`
	Materials []resource `json:"materials"`
}

func slsa02(raw json.RawMessage) (*Document, error) {
	var p predicate02
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, fmt.Errorf("predicate: read SLSA v0.2: %w", err)
	}
	f := facts{
		invocation: p.Metadata.BuildInvocationID, builder: p.Builder.ID, vars: map[string]string{},
		source: p.Invocation.ConfigSource.URI, materials: append([]resource{p.Invocation.ConfigSource}, p.Materials...),
		at: first(p.Metadata.BuildFinishedOn, p.Metadata.BuildStartedOn),
	}
	for _, vars := range []map[string]any{p.Invocation.Parameters, p.Invocation.Environment} {
		for k, v := range vars {
			if s, ok := v.(string); ok {
				f.vars[k] = s
			}
		}
	}
	return &Document{Kind: KindSLSA, Origin: f.origin()}, nil
}

func first(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t.UTC()
		}
	}
	return time.Time{}
}
