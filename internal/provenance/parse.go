package provenance

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Options bound what is read.
type Options struct {
	// MaxDocuments is the number of statements in one upload. Default 100.
	MaxDocuments int
	// MaxMaterials is the number of components kept of a bill of materials; the rest is counted. Default 5000.
	MaxMaterials int
	// Keys verify envelopes. Without keys nothing is verified; with keys an envelope that none of them signed is refused.
	Keys *Keys
	// Subject is the digest a bare bill of materials is about, where it doesn't say so itself.
	Subject string
}

func (o Options) withDefaults() Options {
	if o.MaxDocuments == 0 {
		o.MaxDocuments = 100
	}
	if o.MaxMaterials == 0 {
		o.MaxMaterials = 5000
	}
	return o
}

// ErrNotSigned is the error of an envelope that none of the configured keys signed.
var ErrNotSigned = errors.New("no configured key signed the envelope")

// payloadInToto is the payload type of statements in DSSE envelopes (https://github.com/in-toto/attestation).
const payloadInToto = "application/vnd.in-toto+json"

// Parse reads an upload: one document or several as JSON lines, each a Sigstore bundle, a DSSE envelope, an in-toto
// statement, a CycloneDX or an SPDX document in JSON. The upload is in memory; the caller bounds its size.
func Parse(upload []byte, o Options) ([]*Document, error) {
	p := parser{opts: o.withDefaults()}
	dec := json.NewDecoder(bytes.NewReader(upload))
	for n := 1; dec.More(); n++ {
		if n > p.opts.MaxDocuments {
			return nil, fmt.Errorf("more than %d documents in one upload", p.opts.MaxDocuments)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, fmt.Errorf("document %d is no JSON: %w", n, err)
		}
		d, err := p.document(raw)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		p.found = append(p.found, d)
	}
	if len(p.found) == 0 {
		return nil, errors.New("the upload is empty")
	}
	return p.found, nil
}

type parser struct {
	opts  Options
	found []*Document
}

// shape has the fields that tell the formats apart.
type shape struct {
	Envelope    *dsse  `json:"dsseEnvelope"`
	PayloadType string `json:"payloadType"`
	Type        string `json:"_type"`
	BOMFormat   string `json:"bomFormat"`
	SPDX        string `json:"spdxVersion"`
}

// dsse is a DSSE envelope (https://github.com/secure-systems-lab/dsse).
type dsse struct {
	PayloadType string `json:"payloadType"`
	Payload     string `json:"payload"`
	Signatures  []struct {
		KeyID string `json:"keyid"`
		Sig   string `json:"sig"`
	} `json:"signatures"`
}

func (p *parser) document(raw json.RawMessage) (*Document, error) {
	var s shape
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	switch {
	case s.Envelope != nil:
		return p.envelope(s.Envelope)
	case s.PayloadType != "":
		var e dsse
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, fmt.Errorf("read the DSSE envelope: %w", err)
		}
		return p.envelope(&e)
	}
	if p.opts.Keys != nil {
		return nil, fmt.Errorf("%w: the document is in none", ErrNotSigned)
	}
	switch {
	case strings.HasPrefix(s.Type, "https://in-toto.io/Statement/"):
		return p.statement(raw)
	case s.BOMFormat == "CycloneDX":
		return p.bare(p.cycloneDX(raw))
	case s.SPDX != "":
		return p.bare(p.spdx(raw))
	default:
		return nil, errors.New("unknown format: want a Sigstore bundle, a DSSE envelope, an in-toto statement, CycloneDX or SPDX as JSON")
	}
}

func (p *parser) envelope(e *dsse) (*Document, error) {
	if e.PayloadType != payloadInToto {
		return nil, fmt.Errorf("payloadType is %q, want %q", e.PayloadType, payloadInToto)
	}
	payload, err := decodeBase64(e.Payload)
	if err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	by := ""
	if p.opts.Keys != nil {
		if by, err = p.opts.Keys.verify(e, payload); err != nil {
			return nil, err
		}
	}
	d, err := p.statement(payload)
	if err != nil {
		return nil, err
	}
	d.VerifiedBy = by
	return d, nil
}

// bare gives a bill of materials outside a statement the subject that the caller names.
func (p *parser) bare(d *Document, err error) (*Document, error) {
	if err != nil {
		return nil, err
	}
	if p.opts.Subject != "" {
		name, version := "", ""
		if len(d.Subjects) > 0 {
			name, version = d.Subjects[0].Name, d.Subjects[0].Version
		}
		d.Subjects = []Subject{{Name: name, Version: version, Digests: []string{p.opts.Subject}}}
	}
	for _, s := range d.Subjects {
		if len(s.Digests) > 0 {
			return d, nil
		}
	}
	return nil, errors.New("the bill of materials doesn't say the digest of what it describes: name it by the parameter digest")
}

// decodeBase64 takes both alphabets: producers of envelopes use either.
func decodeBase64(s string) ([]byte, error) {
	if b, err := base64.StdEncoding.DecodeString(s); err == nil {
		return b, nil
	}
	b, err := base64.URLEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("no base64: %w", err)
	}
	return b, nil
}
