// Package provenance reads what says where content came from and what it is made of: SLSA provenance in in-toto
// statements, bare, in DSSE envelopes or in Sigstore bundles, and the CycloneDX and SPDX bills of materials. It gives
// build events, by which a digest seen in production leads to its commit and build run.
package provenance

import (
	"strconv"
	"strings"
	"time"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/correlation"
)

// Kind is what a document is.
type Kind string

// The kinds of document.
const (
	// KindSLSA is a provenance of SLSA v0.2 or v1 (https://slsa.dev/spec/v1.0/provenance).
	KindSLSA Kind = "slsa"
	// KindCycloneDX is a bill of materials by ECMA-424.
	KindCycloneDX Kind = "cyclonedx"
	// KindSPDX is a bill of materials by ISO/IEC 5962.
	KindSPDX Kind = "spdx"
	// KindStatement is an in-toto statement with another predicate: its subjects are known to exist, nothing else is.
	KindStatement Kind = "statement"
)

// Attributes of an artifact that come from its documents, below the prefix of build attributes.
const (
	AttrPredicate = "provenance.predicate"
	AttrBuilder   = "provenance.builder"
	AttrSource    = "provenance.source"
	AttrVerified  = "provenance.verified_by"
	AttrMaterials = "sbom.components"
	AttrOmitted   = "sbom.components_omitted"
)

// Document is one statement about artifacts.
type Document struct {
	Kind Kind
	// Predicate is the type of the statement's predicate, a URI; of a bare bill of materials its format and version.
	Predicate string
	Subjects  []Subject
	Origin    Origin
	// Materials are what the subjects are made of, from a bill of materials, without the subjects themselves.
	Materials []Material
	// Omitted counts the materials beyond Options.MaxMaterials.
	Omitted int
	// VerifiedBy is the name of the key that signed, empty when nothing was verified.
	VerifiedBy string
}

// Subject is content that a document speaks of.
type Subject struct {
	// Name is a file name, an image reference or a package URL.
	Name    string
	Version string
	// Digests are "algorithm:hex", sha256 first where there is one.
	Digests []string
}

// Origin is the build that made the subjects, as far as the document tells.
type Origin struct {
	Run       build.RunKey
	CommitSHA string
	Branch    string
	Source    string
	Builder   string
	URL       string
	// FinishedAt is when the build ended or the document was made; zero when it doesn't say.
	FinishedAt time.Time
}

// Material is a component of a bill of materials.
type Material struct {
	// ID is the digest where there is one, else the package URL, else "name@version".
	ID   string
	Name string
}

// Events gives an artifact for each digest of each subject, and its materials. received stands in where the document has no time.
func (d *Document) Events(received time.Time) []build.Event {
	at := d.Origin.FinishedAt
	if at.IsZero() {
		at = received
	}
	depends := make([]string, len(d.Materials))
	for i, m := range d.Materials {
		depends[i] = m.ID
	}
	run := d.Origin.Run
	var out []build.Event
	for _, s := range d.Subjects {
		for _, digest := range s.Digests {
			out = append(out, &build.Artifact{
				RunKey: run, Digest: digest, Name: s.Name, ArtifactVersion: s.Version,
				CommitSHA: d.Origin.CommitSHA, Branch: d.Origin.Branch, CreatedAt: at, UpdatedAt: at, URL: d.Origin.URL,
				Attrs: d.attrs(), Version: build.VersionOf(0, at),
			})
			if len(depends) > 0 {
				out = append(out, &build.Materials{
					Provider: run.Provider, Host: run.Host, Repo: run.Repo, Digest: digest, Name: s.Name,
					DependsOn: depends, DescribedAt: at, Version: build.VersionOf(0, at),
				})
			}
		}
	}
	return out
}

func (d *Document) attrs() map[string]string {
	attrs := map[string]string{}
	put := func(k, v string) {
		if v != "" {
			attrs[k] = v
		}
	}
	put(AttrPredicate, d.Predicate)
	put(AttrBuilder, d.Origin.Builder)
	put(AttrSource, d.Origin.Source)
	put(AttrVerified, d.VerifiedBy)
	if len(d.Materials) > 0 {
		attrs[AttrMaterials] = strconv.Itoa(len(d.Materials) + d.Omitted)
	}
	if d.Omitted > 0 {
		attrs[AttrOmitted] = strconv.Itoa(d.Omitted)
	}
	return attrs
}

// algorithms are the digests that artifacts are known by. That of images comes first: the first one names a material.
var algorithms = []string{"sha256", "sha512", "sha384", "sha1"}

// digestsOf takes the digests that are whole; names of algorithms are compared without case and hyphen.
func digestsOf(of map[string]string) []string {
	have := make(map[string]string, len(of))
	for name, hex := range of {
		have[strings.ReplaceAll(strings.ToLower(name), "-", "")] = hex
	}
	var out []string
	for _, a := range algorithms {
		if d := a + ":" + strings.ToLower(have[a]); correlation.IsDigest(d) {
			out = append(out, d)
		}
	}
	return out
}

// versionOf reads the version of a package URL or image reference, empty where there is none.
func versionOf(name string) string {
	name, _, _ = strings.Cut(name, "?")
	if i := strings.LastIndexByte(name, '@'); i > 0 && strings.HasPrefix(name, "pkg:") {
		return name[i+1:]
	}
	last := name[strings.LastIndexByte(name, '/')+1:]
	if _, tag, ok := strings.Cut(last, ":"); ok && !strings.HasPrefix(name, "pkg:") && !strings.Contains(last, "@") {
		return tag
	}
	return ""
}
