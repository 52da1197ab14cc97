package correlation

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/envelope"
)

// prefixLength is the shortest abbreviation of a commit that is looked up.
const prefixLength = 7

// Evidence is what a resource says of the code that it runs.
type Evidence struct {
	// BuildRunID is set where the resource is a build run itself, as on the spans of CI.
	BuildRunID string
	// Digests are image or artifact digests, normalised.
	Digests     []string
	Revision    string
	Service     string
	Version     string
	Environment string
}

// Empty tells that no rule can match.
func (e Evidence) Empty() bool {
	return e.BuildRunID == "" && len(e.Digests) == 0 && e.Revision == "" && (e.Service == "" || e.Version == "" && e.Environment == "")
}

// EvidenceOf reads the evidence from resource attributes by their names in the semantic conventions.
func EvidenceOf(attrs pcommon.Map) Evidence {
	e := Evidence{
		BuildRunID:  text(attrs, envelope.AttrBuildRunRef),
		Revision:    text(attrs, "vcs.ref.head.revision"),
		Service:     text(attrs, "service.name"),
		Version:     text(attrs, "service.version"),
		Environment: text(attrs, "deployment.environment.name"),
	}
	if e.Environment == "" {
		e.Environment = text(attrs, "deployment.environment")
	}
	if v, ok := attrs.Get("container.image.repo_digests"); ok && v.Type() == pcommon.ValueTypeSlice {
		for _, d := range v.Slice().All() {
			e.addDigest(d.AsString())
		}
	} else {
		e.addDigest(text(attrs, "container.image.repo_digests"))
	}
	e.addDigest(text(attrs, "oci.manifest.digest"))
	e.addDigest(text(attrs, "container.image.id"))
	e.addDigest(text(attrs, "artifact.hash"))
	return e
}

func (e *Evidence) addDigest(s string) {
	d := NormalizeDigest(s)
	if !IsDigest(d) {
		return
	}
	for _, have := range e.Digests {
		if have == d {
			return
		}
	}
	e.Digests = append(e.Digests, d)
}

// NormalizeDigest gives "algorithm:hex" in lower case: it drops the repository before an @ and takes 64 hexadecimal
// digits without an algorithm for sha256.
func NormalizeDigest(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = s[i+1:]
	}
	s = strings.ToLower(s)
	if len(s) == 64 && isHex(s) {
		return "sha256:" + s
	}
	return s
}

// IsDigest tells a normalised digest: a known algorithm and hexadecimal digits of its length.
func IsDigest(s string) bool {
	algorithm, hex, ok := strings.Cut(s, ":")
	if !ok || !isHex(hex) {
		return false
	}
	switch algorithm {
	case "sha1":
		return len(hex) == 40
	case "sha256":
		return len(hex) == 64
	case "sha384":
		return len(hex) == 96
	case "sha512":
		return len(hex) == 128
	default:
		return false
	}
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}

// imageName is the last part of an image's or package's name, without registry, tag and digest.
func imageName(s string) string {
	s, _, _ = strings.Cut(s, "@")
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		s = s[i+1:]
	}
	s, _, _ = strings.Cut(s, ":")
	return s
}

func text(attrs pcommon.Map, key string) string {
	v, ok := attrs.Get(key)
	if !ok || v.Type() != pcommon.ValueTypeStr {
		return ""
	}
	return v.Str()
}
