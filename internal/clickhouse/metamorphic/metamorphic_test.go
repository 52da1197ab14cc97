package metamorphic_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/summitobs/summit/internal/clickhouse/backup"
)

// long draws many more sequences and allows more restarts.
var long = flag.Bool("metamorphic.long", false, "run the long form")

// The number of sequences and the bound of restarts: each restart leaves about nine descriptors and five threads.
const (
	shortChecks, longChecks     = "5", "150"
	shortRestarts, longRestarts = 5, 40
)

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		checks := shortChecks
		if *long {
			checks = longChecks
		}
		if err := flag.Set("rapid.checks", checks); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	goleak.VerifyTestMain(m)
}

// sequence is one drawn sequence: what was sent, and the models of its backups.
type sequence struct {
	store *store
	model *model
	sent  []sent
	saved map[string]*model
	start time.Time
}

func (q *sequence) insert(t *rapid.T) {
	var rows []span
	in := rapid.SliceOfN(rapid.SampledFrom(classes), 1, 2).Draw(t, "classes") // a part for each, in three tables
	for range rapid.IntRange(1, 25).Draw(t, "rows") {
		id := uint64(len(q.model.spans) + len(rows))
		for _, earlier := range q.sent { // ids go on through what a restore has forgotten
			id = max(id, earlier.rows[len(earlier.rows)-1].id+1+uint64(len(rows)))
		}
		c := rapid.SampledFrom(in).Draw(t, "class")
		rows = append(rows, span{
			id: id, class: c, service: rapid.SampledFrom([]string{"cart", "checkout", "payment"}).Draw(t, "service"),
			at:       q.start.AddDate(0, 0, -c.daysAgo).Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "offset"))),
			duration: rapid.Int64Range(0, 1e9).Draw(t, "duration"), failed: rapid.Bool().Draw(t, "failed"),
		})
	}
	s := sent{token: fmt.Sprintf("%s-%d", q.start, len(q.sent)), rows: rows}
	s.names, s.block = encode(t, rows)
	q.sent = append(q.sent, s)
	q.send(t, s)
}

func (q *sequence) send(t *rapid.T, s sent) {
	q.store.insert(t, s)
	q.model.insert(s.token, s.rows)
}

func (q *sequence) retry(t *rapid.T) {
	if len(q.sent) > 0 {
		q.send(t, rapid.SampledFrom(q.sent).Draw(t, "sent"))
	}
}

func (q *sequence) restart(t *rapid.T) {
	if q.store.restarts == 0 {
		return
	}
	q.store.restarts--
	require.NoError(t, q.store.engine.Close())
	q.store.open(t)
}

func (q *sequence) backup(t *rapid.T) {
	q.store.names++
	name := fmt.Sprintf("b%d", q.store.names)
	_, err := q.store.backups().Create(q.store.test.Context(), name)
	require.NoError(t, err)
	q.saved[name] = q.model.snapshot()
}

func (q *sequence) restore(t *rapid.T) {
	if len(q.saved) == 0 {
		return
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(q.saved))).Draw(t, "backup")
	ctx, store := q.store.test.Context(), q.store.backups()
	if len(q.model.copies) > 0 && !allExpired(q.model) {
		_, err := store.Restore(ctx, name, backup.RestoreOptions{})
		require.ErrorIs(t, err, backup.ErrNotEmpty)
	}
	q.store.empty(t)
	_, err := store.Restore(ctx, name, backup.RestoreOptions{})
	require.NoError(t, err)
	q.model = q.saved[name].snapshot()
}

func allExpired(m *model) bool {
	live, _ := m.live()
	return len(live) == 0
}

func (q *sequence) step(t *rapid.T) {
	switch rapid.SampledFrom([]string{"insert", "insert", "insert", "retry", "retry", "merge", "expire", "restart", "backup", "restore"}).Draw(t, "step") {
	case "insert":
		q.insert(t)
	case "retry":
		q.retry(t)
	case "merge":
		q.store.merge(t)
	case "expire":
		q.store.expire(t)
		q.model.expire()
	case "restart":
		q.restart(t)
	case "backup":
		q.backup(t)
	case "restore":
		q.restore(t)
	}
}

func TestTheStoreAgreesWithAModel(t *testing.T) {
	s := &store{test: t, dir: t.TempDir(), restarts: shortRestarts}
	if *long {
		s.restarts = longRestarts
	}
	s.open(t)
	t.Cleanup(func() { require.NoError(t, s.engine.Close()) })
	rapid.Check(t, func(t *rapid.T) {
		s.empty(t)
		q := &sequence{store: s, model: newModel(), saved: map[string]*model{}, start: someDay()}
		for range rapid.IntRange(5, 18).Draw(t, "steps") {
			q.step(t)
			s.check(t, q.model)
		}
	})
}
