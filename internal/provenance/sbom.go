package provenance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
)

// cycloneDX reads a bill of materials whose subject is metadata.component.
func (p *parser) cycloneDX(raw json.RawMessage) (*Document, error) {
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(raw), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		return nil, fmt.Errorf("read CycloneDX: %w", err)
	}
	d := &Document{Kind: KindCycloneDX, Predicate: "CycloneDX " + bom.SpecVersion.String()}
	if m := bom.Metadata; m != nil {
		if at, err := time.Parse(time.RFC3339, m.Timestamp); err == nil {
			d.Origin.FinishedAt = at.UTC()
		}
		if c := m.Component; c != nil {
			d.Subjects = append(d.Subjects, Subject{Name: componentName(c), Version: c.Version, Digests: cdxDigests(c)})
		}
	}
	p.cdxComponents(d, bom.Components, map[string]struct{}{})
	return d, nil
}

// cdxComponents adds components and those within them, each id once.
func (p *parser) cdxComponents(d *Document, components *[]cdx.Component, seen map[string]struct{}) {
	if components == nil {
		return
	}
	for i := range *components {
		c := &(*components)[i]
		id := c.PackageURL
		if digests := cdxDigests(c); len(digests) > 0 {
			id = digests[0]
		}
		p.material(d, seen, id, componentName(c), c.Version)
		p.cdxComponents(d, c.Components, seen)
	}
}

func componentName(c *cdx.Component) string {
	switch {
	case c.PackageURL != "":
		return c.PackageURL
	case c.Group != "":
		return c.Group + "/" + c.Name
	default:
		return c.Name
	}
}

func cdxDigests(c *cdx.Component) []string {
	of := map[string]string{}
	if c.Hashes != nil {
		for _, h := range *c.Hashes {
			of[string(h.Algorithm)] = h.Value
		}
	}
	if len(of) == 0 {
		// Image scanners put the manifest's digest into the version or the package URL.
		for _, s := range []string{c.Version, c.PackageURL} {
			if i := strings.Index(s, "sha256:"); i >= 0 && len(s) >= i+71 {
				of["sha256"] = s[i+7 : i+71]
			}
		}
	}
	return digestsOf(of)
}

// spdx reads a bill of materials whose subjects are what the document describes.
func (p *parser) spdx(raw json.RawMessage) (*Document, error) {
	doc, err := spdxjson.Read(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("read SPDX: %w", err)
	}
	if doc == nil {
		return nil, errors.New("read SPDX: the document is empty")
	}
	d := &Document{Kind: KindSPDX, Predicate: doc.SPDXVersion}
	if c := doc.CreationInfo; c != nil {
		if at, err := time.Parse(time.RFC3339, c.Created); err == nil {
			d.Origin.FinishedAt = at.UTC()
		}
	}
	described := describedBy(doc)
	seen := map[string]struct{}{}
	for _, pkg := range doc.Packages {
		digests := spdxDigests(pkg.PackageChecksums)
		if _, ok := described[pkg.PackageSPDXIdentifier]; ok {
			d.Subjects = append(d.Subjects, Subject{Name: packageName(pkg), Version: pkg.PackageVersion, Digests: digests})
			continue
		}
		id := packageName(pkg)
		if len(digests) > 0 {
			id = digests[0]
		}
		p.material(d, seen, id, packageName(pkg), pkg.PackageVersion)
	}
	return d, nil
}

// describedBy are the packages that the document's DESCRIBES relations name.
func describedBy(doc *spdx.Document) map[common.ElementID]struct{} {
	out := map[common.ElementID]struct{}{}
	for _, r := range doc.Relationships {
		switch r.Relationship {
		case common.TypeRelationshipDescribe:
			out[r.RefB.ElementRefID] = struct{}{}
		case common.TypeRelationshipDescribeBy:
			out[r.RefA.ElementRefID] = struct{}{}
		}
	}
	return out
}

func packageName(pkg *spdx.Package) string {
	for _, r := range pkg.PackageExternalReferences {
		if r.RefType == common.TypePackageManagerPURL {
			return r.Locator
		}
	}
	return pkg.PackageName
}

func spdxDigests(sums []common.Checksum) []string {
	of := map[string]string{}
	for _, s := range sums {
		of[string(s.Algorithm)] = s.Value
	}
	return digestsOf(of)
}

func (p *parser) material(d *Document, seen map[string]struct{}, id, name, version string) {
	if id == "" || id == name && !strings.HasPrefix(id, "pkg:") && version != "" {
		id = name + "@" + version
	}
	if id == "" || id == "@" {
		return
	}
	if _, twice := seen[id]; twice {
		return
	}
	seen[id] = struct{}{}
	if len(d.Materials) == p.opts.MaxMaterials {
		d.Omitted++
		return
	}
	d.Materials = append(d.Materials, Material{ID: id, Name: name})
}
