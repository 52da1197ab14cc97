package clickhouse

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var settingName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// Statement is the INSERT's text, without a FORMAT clause. async_insert is off unless the settings say otherwise: an
// acknowledged INSERT is a committed part.
func (ins Insert) Statement() (string, error) {
	if ins.Table == "" {
		return "", errors.New("insert without a table")
	}
	if len(ins.Columns) == 0 {
		return "", fmt.Errorf("insert into %s without columns", ins.Table)
	}
	settings := map[string]string{"async_insert": "0"}
	maps.Copy(settings, ins.Settings)
	columns := make([]string, len(ins.Columns))
	for i, name := range ins.Columns {
		columns[i] = quoteName(name)
	}
	pairs := make([]string, 0, len(settings))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if !settingName.MatchString(name) {
			return "", fmt.Errorf("insert into %s: setting name %q has characters that no setting has", ins.Table, name)
		}
		pairs = append(pairs, name+" = "+quoteString(settings[name]))
	}
	return fmt.Sprintf("INSERT INTO %s.%s (%s) SETTINGS %s", quoteName(Database), quoteName(ins.Table),
		strings.Join(columns, ", "), strings.Join(pairs, ", ")), nil
}

func quoteName(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}

func quoteString(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(s) + "'"
}
