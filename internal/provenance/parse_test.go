package provenance

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/build"
	"github.com/summitobs/summit/internal/correlation"
	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/tenant"
)

const (
	digestV1  = "sha512:46d4e2f74c4877316640000a6fdf8a8b59f1e0847667973e9859f774dd31b8f1e0937813b777fb66a2ac67d50540fe34640966eee9fc2ccca387082b4c85cd3c"
	commitV1  = "f0b49a04e5a62250e0f60fb128004a73110fe311"
	commitV02 = "dae8bd8eb433a4147b4655c00fe73e0f22bc0fb1"
)

var received = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func file(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return data
}

func one(t *testing.T, data []byte, o Options) *Document {
	t.Helper()
	docs, err := Parse(data, o)
	require.NoError(t, err)
	require.Len(t, docs, 1)
	return docs[0]
}

// Point 15 of the receivers' list: a published package's provenance leads from its digest to run and commit.
func TestPoint15ProvenanceLinksDigestRunAndCommit(t *testing.T) {
	d := one(t, file(t, "sigstore-2.0.0-slsa-v1.json"), Options{})
	require.Equal(t, KindSLSA, d.Kind)
	events := d.Events(received)
	require.Len(t, events, 1)
	want := &build.Artifact{
		RunKey: build.RunKey{Provider: "github", Host: "github.com", Repo: "sigstore/sigstore-js", RunID: "5904696764", Attempt: 1},
		Digest: digestV1, Name: "pkg:npm/sigstore@2.0.0", ArtifactVersion: "2.0.0", CommitSHA: commitV1, Branch: "main",
		CreatedAt: received, UpdatedAt: received, URL: "https://github.com/sigstore/sigstore-js/actions/runs/5904696764/attempts/1",
		Attrs: map[string]string{
			AttrPredicate: "https://slsa.dev/provenance/v1", AttrBuilder: "https://github.com/actions/runner/github-hosted",
			AttrSource: "https://github.com/sigstore/sigstore-js",
		},
		Version: build.VersionOf(0, received),
	}
	require.Empty(t, cmp.Diff(build.Event(want), events[0]))

	index := correlation.New(correlation.Options{})
	for _, ev := range events {
		index.Observe(tenant.Default, ev)
	}
	got := index.Resolve(tenant.Default, correlation.Evidence{Digests: []string{digestV1}}, received)
	require.Equal(t, envelope.Correlation{
		CommitSHA: commitV1, BuildRunID: "github:github.com:sigstore/sigstore-js:5904696764:1", Basis: envelope.BasisDigest,
	}, got)
}

func TestSLSA02NamesTheRunByTheEnvironment(t *testing.T) {
	d := one(t, file(t, "sigstore-1.3.0-slsa-v0.2.json"), Options{})
	require.Equal(t, build.RunKey{Provider: "github", Host: "github.com", Repo: "sigstore/sigstore-js", RunID: "4735384265", Attempt: 1}, d.Origin.Run)
	require.Equal(t, commitV02, d.Origin.CommitSHA)
	require.Equal(t, "main", d.Origin.Branch)
}

func TestGitLabProvenance(t *testing.T) {
	d := one(t, []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app.tar","digest":{"sha256":"`+strings.Repeat("AB", 32)+`"}}],
"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{"externalParameters":{"source":"https://gitlab.example.com/acme/shop",
"variables":{"CI_PIPELINE_ID":"77","CI_SERVER_HOST":"gitlab.example.com","CI_PROJECT_PATH":"acme/shop"}},
"resolvedDependencies":[{"uri":"https://elsewhere.example.com/x","digest":{"gitCommit":"`+strings.Repeat("1", 40)+`"}},
{"uri":"https://gitlab.example.com/acme/shop","digest":{"gitCommit":"`+strings.Repeat("2", 40)+`"}}]},
"runDetails":{"builder":{"id":"https://gitlab.example.com/acme/shop/-/runners/3"},"metadata":{"invocationId":"991","finishedOn":"2026-02-03T04:05:06Z"}}}}`), Options{})
	require.Equal(t, build.RunKey{Provider: "gitlab", Host: "gitlab.example.com", Repo: "acme/shop", RunID: "77", Attempt: 1}, d.Origin.Run)
	require.Equal(t, strings.Repeat("2", 40), d.Origin.CommitSHA, "the commit of what was built, not of a dependency")
	require.Equal(t, []string{"sha256:" + strings.Repeat("ab", 32)}, d.Subjects[0].Digests)
	require.Equal(t, time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), d.Events(received)[0].(*build.Artifact).CreatedAt)
}

func TestCycloneDXGivesMaterials(t *testing.T) {
	_, err := Parse(file(t, "cyclonedx.json"), Options{})
	require.ErrorContains(t, err, "name it by the parameter digest")

	subject := "sha256:" + strings.Repeat("a", 64)
	d := one(t, file(t, "cyclonedx.json"), Options{Subject: subject})
	require.Equal(t, KindCycloneDX, d.Kind)
	require.Equal(t, []Material{
		{ID: "sha256:f498a8ff2dd007e29c2074f5e4b01a9a01775c3ff3aeaf6906ea503bc5791b7b", Name: "pkg:npm/acme/component@1.0.0"},
		{ID: "org.example/mylibrary@1.0.0", Name: "org.example/mylibrary"},
	}, d.Materials)
	events := d.Events(received)
	require.Len(t, events, 2)
	_, edges := build.Graph(events[1])
	require.Len(t, edges, 2)
	require.Equal(t, build.RelDependsOn, edges[0].Rel)
	require.Equal(t, subject, edges[0].SrcID)
	require.Equal(t, d.Materials[0].ID, edges[0].DstID)
}

func TestSPDXGivesMaterials(t *testing.T) {
	subject := "sha256:" + strings.Repeat("b", 64)
	d := one(t, file(t, "spdx-2.3.json"), Options{Subject: subject})
	require.Equal(t, KindSPDX, d.Kind)
	require.NotEmpty(t, d.Materials)
	for _, m := range d.Materials {
		require.NotEmpty(t, m.ID)
		require.NotEqual(t, "glibc", m.Name, "what the document describes is no material of itself")
	}
	d = one(t, file(t, "spdx-2.3.json"), Options{Subject: subject, MaxMaterials: 1})
	require.Len(t, d.Materials, 1)
	require.Positive(t, d.Omitted)
	require.NotEmpty(t, d.Events(received)[0].(*build.Artifact).Attrs[AttrOmitted])
}

// A bill of materials inside a statement is about the statement's subjects.
func TestStatementOfABill(t *testing.T) {
	digest := strings.Repeat("c", 64)
	raw, err := json.Marshal(map[string]any{
		"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://cyclonedx.org/bom/v1.6",
		"subject":   []any{map[string]any{"name": "registry.example.com/shop:1.2", "digest": map[string]string{"sha256": digest}}},
		"predicate": json.RawMessage(file(t, "cyclonedx.json")),
	})
	require.NoError(t, err)
	d := one(t, raw, Options{})
	require.Equal(t, []Subject{{Name: "registry.example.com/shop:1.2", Version: "1.2", Digests: []string{"sha256:" + digest}}}, d.Subjects)
	require.Len(t, d.Materials, 2)
}

func TestSeveralDocumentsInOneUpload(t *testing.T) {
	lines := append(append(file(t, "sigstore-2.0.0-slsa-v1.json"), '\n'), file(t, "sigstore-1.3.0-slsa-v0.2.json")...)
	docs, err := Parse(lines, Options{})
	require.NoError(t, err)
	require.Len(t, docs, 2)
	_, err = Parse(lines, Options{MaxDocuments: 1})
	require.ErrorContains(t, err, "more than 1 documents")
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"empty", ``, "the upload is empty"},
		{"no json", `<bom/>`, "document 1 is no JSON"},
		{"other json", `{"a":1}`, "unknown format: want a Sigstore bundle"},
		{"payload type", `{"payloadType":"text/plain","payload":""}`, `payloadType is "text/plain"`},
		{"payload", `{"payloadType":"application/vnd.in-toto+json","payload":"!"}`, "payload: no base64"},
		{"no digest", `{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[{"name":"a","digest":{"md5":"00"}}]}`, "subject: no digest by one of sha256"},
		{"short digest", `{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[{"name":"a","digest":{"sha256":"00"}}]}`, "subject: no digest"},
		{"no predicate", `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"` + strings.Repeat("0", 64) + `"}}]}`, "predicateType is empty"},
		{"bad slsa", `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","predicate":[],"subject":[{"name":"a","digest":{"sha256":"` + strings.Repeat("0", 64) + `"}}]}`, "read SLSA v1"},
		{"bad spdx", `{"spdxVersion":"SPDX-9.9"}`, "read SPDX"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse([]byte(tc.in), Options{})
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"sigstore-2.0.0-slsa-v1.json", "sigstore-1.3.0-slsa-v0.2.json", "cyclonedx.json", "spdx-2.3.json"} {
		data, err := os.ReadFile("testdata/" + name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := Parse(data, Options{})
		if err != nil {
			return
		}
		for _, d := range docs {
			for _, ev := range d.Events(received) {
				build.Graph(ev)
			}
		}
	})
}

func TestEnvelopesAreVerified(t *testing.T) {
	edPub, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	keys := &Keys{}
	require.NoError(t, keys.Add("release", pemOf(t, edPub)))
	require.NoError(t, keys.Add("ci", pemOf(t, ecKey.Public())))
	require.ErrorContains(t, keys.Add("broken", []byte("x")), "key broken: no PEM block")

	payload := []byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[{"name":"a","digest":{"sha256":"` + strings.Repeat("0", 64) + `"}}]}`)
	message := preAuthEncoding(payloadInToto, payload)
	sum := sha256.Sum256(message)
	ecSig, err := ecdsa.SignASN1(rand.Reader, ecKey, sum[:])
	require.NoError(t, err)
	wrap := func(payload, sig []byte) []byte {
		raw, err := json.Marshal(map[string]any{
			"payloadType": payloadInToto, "payload": base64.StdEncoding.EncodeToString(payload),
			"signatures": []any{map[string]string{"sig": base64.StdEncoding.EncodeToString(sig)}},
		})
		require.NoError(t, err)
		return raw
	}
	require.Equal(t, "release", one(t, wrap(payload, ed25519.Sign(edKey, message)), Options{Keys: keys}).VerifiedBy)
	require.Equal(t, "ci", one(t, wrap(payload, ecSig), Options{Keys: keys}).VerifiedBy)
	_, err = Parse(wrap(append(payload, ' '), ecSig), Options{Keys: keys})
	require.ErrorIs(t, err, ErrNotSigned)
	_, err = Parse(payload, Options{Keys: keys})
	require.ErrorIs(t, err, ErrNotSigned, "with keys a bare statement isn't believed")
	require.Empty(t, one(t, wrap(payload, ecSig), Options{}).VerifiedBy)
}

func pemOf(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func TestVersionOf(t *testing.T) {
	for name, want := range map[string]string{
		"pkg:npm/%40acme/shop@1.2.3": "1.2.3", "pkg:npm/shop": "", "registry.example.com:5000/shop:v1": "v1",
		"registry.example.com:5000/shop": "", "shop@sha256:ab": "", "app.tar": "", "pkg:oci/shop@sha256%3Aab?tag=1": "sha256%3Aab",
	} {
		require.Equal(t, want, versionOf(name), name)
	}
}
