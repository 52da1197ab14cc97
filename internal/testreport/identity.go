package testreport

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"
	"strings"
)

// Identity of a test over all its runs: 32 hex digits of SHA-256 over the repository, the suite and the name. It holds
// nothing that differs from one run to the next: no shard, no runner, no folder of a checkout.
func Identity(repo, suite, name string) string {
	h := sha256.Sum256([]byte("summit.test.v1\x00" + repo + "\x00" + suite + "\x00" + name))
	return hex.EncodeToString(h[:16])
}

// shard is what runners and scripts add to the name of a part of the tests.
var shard = regexp.MustCompile(`(?i)[\s_.:-]*[\[(]?\s*\bshard[\s_:=-]*\d+(?:\s*(?:/|of)\s*\d+)?\s*[\])]?`)

// checkouts are the folders in which CI systems keep a checkout, up to the repository's own.
var checkouts = regexp.MustCompile(`^(?:file://)?(?:[A-Za-z]:)?/(?:home/runner/work/[^/]+/[^/]+|Users/runner/work/[^/]+/[^/]+|a/[^/]+/[^/]+|builds/[^/]+/[^/]+|github/workspace|` +
	`__w/[^/]+/[^/]+|var/lib/buildkite-agent/builds/[^/]+/[^/]+/[^/]+|home/circleci/(?:project|repo)|root/project|workspace|var/jenkins_home/workspace/[^/]+|bitrise/src|drone/src)/`)

// relative takes the checkout's folder off a path. root is that folder where it is known.
func relative(file, root string) string {
	file = strings.ReplaceAll(file, `\`, "/")
	if root != "" {
		root = strings.TrimSuffix(strings.ReplaceAll(root, `\`, "/"), "/") + "/"
		if rest, ok := strings.CutPrefix(file, root); ok {
			return rest
		}
	}
	if loc := checkouts.FindStringIndex(file); loc != nil {
		return file[loc[1]:]
	}
	return strings.TrimPrefix(path.Clean(file), "./")
}

// stableSuite takes off a suite's name what differs between runs.
func stableSuite(suite, file, root string) string {
	if file != "" {
		// Suites of many runners begin with the file's path.
		if i := strings.Index(suite, file); i >= 0 {
			suite = suite[:i] + relative(file, root) + suite[i+len(file):]
		}
	}
	suite = shard.ReplaceAllString(suite, "")
	if suite = strings.TrimSpace(suite); suite == "" {
		return "tests"
	}
	return suite
}
