package embedded

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// crashedTable makes a table's folder with parts and one log, and gives the data path and the log's name.
func crashedTable(t *testing.T, log string, entries ...string) (dataPath, logName string) {
	t.Helper()
	dataPath = t.TempDir()
	table := filepath.Join(dataPath, "store", "0ab", "0ab12345-0000-4000-8000-000000000001")
	for _, entry := range entries {
		require.NoError(t, os.MkdirAll(filepath.Join(table, entry), 0o750))
	}
	logs := filepath.Join(table, "deduplication_logs")
	require.NoError(t, os.MkdirAll(logs, 0o750))
	logName = filepath.Join(logs, "deduplication_log_1.txt")
	require.NoError(t, os.WriteFile(logName, []byte(log), 0o600))
	return dataPath, logName
}

func TestMendDeduplicationLogs(t *testing.T) {
	const p = "20261101-30"
	tests := []struct {
		name    string
		parts   []string
		log     string
		want    string
		removed int
	}{
		{name: "part is there", parts: []string{p + "_1_1_0"}, log: "1\t" + p + "_1_1_0\tblock_a\n", want: "1\t" + p + "_1_1_0\tblock_a\n"},
		{name: "part was merged", parts: []string{p + "_1_7_2"}, log: "1\t" + p + "_3_3_0\tb\n", want: "1\t" + p + "_3_3_0\tb\n"},
		{name: "part was mutated", parts: []string{p + "_3_3_0_9"}, log: "1\t" + p + "_3_3_0\tb\n", want: "1\t" + p + "_3_3_0\tb\n"},
		{name: "part is missing", parts: []string{p + "_1_1_0"}, log: "1\t" + p + "_1_1_0\ta\n1\t" + p + "_2_2_0\tb\n", want: "1\t" + p + "_1_1_0\ta\n", removed: 1},
		{name: "only the temporary part is there", parts: []string{"tmp_insert_" + p + "_2_2_0", "detached", "delete_tmp_" + p + "_2_2_0"}, log: "1\t" + p + "_2_2_0\tb\n", removed: 1},
		{name: "same blocks of another partition", parts: []string{"20261102-30_2_2_0"}, log: "1\t" + p + "_2_2_0\tb\n", removed: 1},
		{name: "range ends before the part", parts: []string{p + "_1_4_1"}, log: "1\t" + p + "_5_5_0\tb\n", removed: 1},
		{name: "dropped parts stay", log: "1\t" + p + "_1_1_0\ta\n2\t" + p + "_1_1_0\ta\n", want: "2\t" + p + "_1_1_0\ta\n", removed: 1},
		{name: "torn last line", parts: []string{"all_1_1_0"}, log: "1\tall_1_1_0\ta\n1\tall_2_", want: "1\tall_1_1_0\ta\n"},
		{name: "empty log", parts: []string{"all_1_1_0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dataPath, log := crashedTable(t, tt.log, tt.parts...)
			report, err := mendDeduplicationLogs(dataPath, "26.7.3")
			require.NoError(t, err)
			got, err := os.ReadFile(log)
			require.NoError(t, err)
			require.Equal(t, tt.want, string(got))
			require.Len(t, report.Removed, tt.removed)
			require.Equal(t, 1, report.Files)

			again, err := mendDeduplicationLogs(dataPath, "26.7.3")
			require.NoError(t, err)
			require.Empty(t, again.Removed, "a second run finds nothing")
		})
	}
}

// TestMendThatIsInterrupted lets the write of a log's new content fail and then runs again, as after a kill.
func TestMendThatIsInterrupted(t *testing.T) {
	const log = "1\tall_1_1_0\ta\n1\tall_2_2_0\tb\n"
	dataPath, file := crashedTable(t, log, "all_1_1_0")
	temp := filepath.Join(dataPath, mendTemp)
	require.NoError(t, os.Mkdir(temp, 0o750))
	_, err := mendDeduplicationLogs(dataPath, "26.7.3")
	require.Error(t, err)
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, log, string(got))
	require.Len(t, entries(t, filepath.Dir(file)), 1, "the engine's folder of logs has logs only")

	require.NoError(t, os.Remove(temp))
	require.NoError(t, os.WriteFile(temp, []byte("half of a lo"), 0o600))
	report, err := mendDeduplicationLogs(dataPath, "26.7.3")
	require.NoError(t, err)
	require.Len(t, report.Removed, 1)
	got, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "1\tall_1_1_0\ta\n", string(got))
	require.NoFileExists(t, temp)
}

func entries(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	return list
}

func TestMendRefusesWhatItDoesNotKnow(t *testing.T) {
	for name, log := range map[string]string{
		"operation": "3\tall_1_1_0\ta\n",
		"words":     "added\tall_1_1_0\ta\n",
		"fields":    "1\tall_1_1_0\ta\tb\n",
		"no block":  "1\tall_1_1_0\t\n",
		"part name": "1\tall_1_x_0\ta\n",
		"range":     "1\tall_2_1_0\ta\n",
		"blank":     "\n",
	} {
		t.Run(name, func(t *testing.T) {
			dataPath, file := crashedTable(t, "1\tall_9_9_0\tz\n"+log)
			_, err := mendDeduplicationLogs(dataPath, "26.7.3")
			require.ErrorContains(t, err, "unknown")
			got, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, "1\tall_9_9_0\tz\n"+log, string(got), "a log that isn't understood stays as it is")
		})
	}
	dataPath, file := crashedTable(t, "1\tall_1_1_0\ta\n")
	_, err := mendDeduplicationLogs(dataPath, "31.1.0")
	require.ErrorContains(t, err, `"31.1.0"`)
	require.NoError(t, os.Rename(file, filepath.Join(filepath.Dir(file), "compaction.bin")))
	_, err = mendDeduplicationLogs(dataPath, "26.7.3")
	require.ErrorContains(t, err, "unknown file name")

	report, err := mendDeduplicationLogs(t.TempDir(), "31.1.0")
	require.NoError(t, err, "without logs every version will do")
	require.Zero(t, report)
}
