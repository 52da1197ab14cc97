package build

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// TraceKey is what the ids of a run's trace are made of. Every part is known inside the job as well, so that a step can
// join the trace without asking anybody.
type TraceKey struct {
	Provider string
	Host     string
	// RepoID is the provider's number of the repository or project; its full name where there is no number.
	RepoID  string
	RunID   string
	Attempt uint16
}

// TraceKey gives the key of the run's trace; repoID may be empty.
func (k RunKey) TraceKey(repoID string) TraceKey {
	if repoID == "" {
		repoID = k.Repo
	}
	return TraceKey{Provider: k.Provider, Host: k.Host, RepoID: repoID, RunID: k.RunID, Attempt: k.Attempt}
}

// TraceID is the first 16 bytes of SHA-256("summit.ci.v1" ‖ provider ‖ host ‖ repository id ‖ run id ‖ attempt), parts
// separated by zero bytes.
func (k TraceKey) TraceID() [16]byte {
	h := k.sum()
	return [16]byte(h[:16])
}

// RootSpanID is the id of the run's span.
func (k TraceKey) RootSpanID() [8]byte { return k.span("root") }

// TaskSpanID is the id of a job's span.
func (k TraceKey) TaskSpanID(job string) [8]byte { return k.span("task", job) }

// StepSpanID is the id of a step's span. The number keeps two steps of one name apart, the name two numberings.
func (k TraceKey) StepSpanID(job string, number uint32, name string) [8]byte {
	return k.span("step", job, strconv.FormatUint(uint64(number), 10), name)
}

// QueueSpanID is the id of the span that covers the wait of a job, or of the run when job is empty.
func (k TraceKey) QueueSpanID(job string) [8]byte {
	if job == "" {
		return k.span("queue")
	}
	return k.span("queue", job)
}

// ResumedSpanID is the id of the span of a run that was taken up after it had ended, and ended again at the given time.
func (k TraceKey) ResumedSpanID(finished time.Time) [8]byte {
	return k.span("resumed", FormatTime(finished))
}

func (k TraceKey) span(parts ...string) [8]byte {
	h := k.sum(parts...)
	return [8]byte(h[:8])
}

func (k TraceKey) sum(parts ...string) [32]byte {
	b := make([]byte, 0, 160)
	b = append(b, "summit.ci.v1"...)
	for _, p := range append([]string{k.Provider, k.Host, k.RepoID, k.RunID, strconv.Itoa(int(k.Attempt))}, parts...) {
		b = append(b, 0)
		b = append(b, p...)
	}
	return sha256.Sum256(b)
}

// HashActor gives a pseudonym of a login: equal for equal logins of one host, useless for mailing anybody.
func HashActor(provider, host, login string) string {
	if login == "" {
		return ""
	}
	h := sha256.Sum256([]byte("summit.actor.v1\x00" + provider + "\x00" + host + "\x00" + login))
	return hex.EncodeToString(h[:8])
}
