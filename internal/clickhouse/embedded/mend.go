package embedded

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// MendReport tells what mendDeduplicationLogs has done.
type MendReport struct {
	// Files and Lines were read.
	Files, Lines int
	// Removed are lines of parts that don't exist, each as table folder and part.
	Removed []string
}

// mendableLibraries are the versions whose deduplication log is known to look as read here.
var mendableLibraries = []string{"26.7.3"}

// mendDeduplicationLogs repairs what a killed engine may leave: a plain MergeTree writes the line "this block is in part
// P" before it commits P, so a kill in between makes the engine swallow the insert's repetition, and its rows are lost.
// A line goes when its part is neither in the table's folder nor covered by a merged part there. It must run before the
// engine opens the folder, because the engine begins a new log and drops temporary parts when it starts.
func mendDeduplicationLogs(dataPath, library string) (MendReport, error) {
	var report MendReport
	logs, err := filepath.Glob(filepath.Join(dataPath, "store", "*", "*", "deduplication_logs", "*"))
	if err != nil || len(logs) == 0 {
		return report, err
	}
	if !slices.Contains(mendableLibraries, library) {
		return report, fmt.Errorf("the store was not closed, and its engine %q writes a deduplication log that this version can't repair (known: %s): "+
			"open and close it once with the version that wrote it", library, strings.Join(mendableLibraries, ", "))
	}
	for _, name := range logs {
		if err := mendLog(dataPath, name, &report); err != nil {
			return report, fmt.Errorf("repair %s after an unclean stop: %w", name, err)
		}
	}
	return report, nil
}

// mendTemp is where a log's new content is written, in the engine's folder.
const mendTemp = "summit-mend" + tempSuffix

func mendLog(dataPath, name string, report *MendReport) error {
	if base := filepath.Base(name); !strings.HasPrefix(base, "deduplication_log_") || !strings.HasSuffix(base, ".txt") {
		return fmt.Errorf("unknown file name %s", base)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	table := filepath.Dir(filepath.Dir(name))
	parts, err := readParts(table)
	if err != nil {
		return err
	}
	report.Files++
	var kept []byte
	for len(content) > 0 {
		line, rest, whole := bytes.Cut(content, []byte("\n"))
		content = rest
		if !whole {
			break // a torn last line: its part can't have been committed after it
		}
		report.Lines++
		operation, part, err := parseLogLine(string(line))
		if err != nil {
			return err
		}
		if operation == logAdded && !covered(parts, part) {
			report.Removed = append(report.Removed, filepath.Base(table)+" "+strings.Split(string(line), "\t")[1])
			continue
		}
		kept = append(append(kept, line...), '\n')
	}
	if info, err := os.Stat(name); err != nil || info.Size() == int64(len(kept)) {
		return err
	}
	// Not beside the log: neither the engine nor this repair starts on a folder of logs with a file that is none, which a
	// kill at this moment would leave.
	return replaceFileBy(filepath.Join(dataPath, mendTemp), name, kept)
}

// Operations of the log.
const (
	logAdded   = 1
	logDropped = 2
)

func parseLogLine(line string) (operation int, part partRange, err error) {
	fields := strings.Split(line, "\t")
	if len(fields) != 3 || fields[2] == "" {
		return 0, part, fmt.Errorf("unknown line %q", line)
	}
	operation, err = strconv.Atoi(fields[0])
	if err != nil || operation != logAdded && operation != logDropped {
		return 0, part, fmt.Errorf("unknown operation in line %q", line)
	}
	part, ok := parsePart(fields[1])
	if !ok {
		return 0, part, fmt.Errorf("unknown part name in line %q", line)
	}
	return operation, part, nil
}

// partRange is a part's partition and the blocks that it holds.
type partRange struct {
	partition string
	min, max  int64
}

// parsePart reads partition_min_max_level or partition_min_max_level_mutation.
func parsePart(name string) (partRange, bool) {
	fields := strings.Split(name, "_")
	if len(fields) != 4 && len(fields) != 5 || fields[0] == "" {
		return partRange{}, false
	}
	numbers := make([]int64, 0, 4)
	for _, field := range fields[1:] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil || n < 0 {
			return partRange{}, false
		}
		numbers = append(numbers, n)
	}
	return partRange{partition: fields[0], min: numbers[0], max: numbers[1]}, numbers[0] <= numbers[1]
}

// readParts lists the parts of a table's folder; what is temporary or detached has no part's name.
func readParts(table string) ([]partRange, error) {
	entries, err := os.ReadDir(table)
	if err != nil {
		return nil, err
	}
	var parts []partRange
	for _, entry := range entries {
		if part, ok := parsePart(entry.Name()); ok && entry.IsDir() {
			parts = append(parts, part)
		}
	}
	return parts, nil
}

func covered(parts []partRange, p partRange) bool {
	return slices.ContainsFunc(parts, func(q partRange) bool {
		return q.partition == p.partition && q.min <= p.min && p.max <= q.max
	})
}
