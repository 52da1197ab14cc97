package chdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Library is the loaded engine. There is one per process, because the engine keeps process-wide state.
type Library struct {
	path    string
	version string

	versionFn    func() string
	signals      func(enabled int32)
	connect      func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConn    func(conn unsafe.Pointer)
	query        func(conn unsafe.Pointer, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	streamQuery  func(conn unsafe.Pointer, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, count uintptr) unsafe.Pointer
	fetch        func(conn, result unsafe.Pointer) unsafe.Pointer
	cancelQuery  func(conn, result unsafe.Pointer)
	destroy      func(result unsafe.Pointer)
	insert       func(conn unsafe.Pointer, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr) unsafe.Pointer
	append       func(stream unsafe.Pointer, data unsafe.Pointer, size uintptr) int32
	done         func(stream unsafe.Pointer) unsafe.Pointer
	cancelInsert func(stream unsafe.Pointer)
	insertError  func(stream unsafe.Pointer) string
	destroyIns   func(stream unsafe.Pointer)
	buffer       func(result unsafe.Pointer) unsafe.Pointer
	length       func(result unsafe.Pointer) uintptr
	resultError  func(result unsafe.Pointer) string
	rowsRead     func(result unsafe.Pointer) uint64
	bytesRead    func(result unsafe.Pointer) uint64
	storageRows  func(result unsafe.Pointer) uint64
	storageBytes func(result unsafe.Pointer) uint64
	rowsWritten  func(result unsafe.Pointer) uint64
	bytesWritten func(result unsafe.Pointer) uint64
	classify     func(conn unsafe.Pointer, sql unsafe.Pointer, sqlLen uintptr, database unsafe.Pointer, databaseLen uintptr, out unsafe.Pointer) int32
}

// loaded is the process's library; mu guards it.
var (
	mu     sync.Mutex
	loaded *Library
)

// Load opens the library at path, checks that it has every function that the binding calls and turns the engine's
// signal handlers off, which would otherwise replace those of the Go runtime. Another call with the same path gives the
// same Library; a second path is an error.
func Load(path string) (*Library, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("load engine library %s: %w", path, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if loaded != nil {
		if loaded.path != abs {
			return nil, fmt.Errorf("load engine library %s: this process has already loaded %s", abs, loaded.path)
		}
		return loaded, nil
	}
	if _, err := os.Stat(abs); err != nil {
		return nil, fmt.Errorf("load engine library: %w", err)
	}
	handle, err := dlopen(abs)
	if err != nil {
		return nil, fmt.Errorf("load engine library %s: %w", abs, err)
	}
	l := &Library{path: abs}
	if err := l.bind(handle); err != nil {
		return nil, fmt.Errorf("load engine library %s: %w", abs, err)
	}
	l.signals(0)
	l.version = l.versionFn()
	loaded = l
	return l, nil
}

// Path is the absolute path of the library's file.
func (l *Library) Path() string { return l.path }

// Version is the library's own version, for example "26.7.3"; the engine's version() may differ in the last digits.
func (l *Library) Version() string { return l.version }

func (l *Library) bind(handle uintptr) error {
	functions := map[string]any{
		"chdb_version":                     &l.versionFn,
		"chdb_set_signal_handlers_enabled": &l.signals,
		"chdb_connect":                     &l.connect,
		"chdb_close_conn":                  &l.closeConn,
		"chdb_query_with_params_n":         &l.query,
		"chdb_stream_query_with_params_n":  &l.streamQuery,
		"chdb_stream_fetch_result":         &l.fetch,
		"chdb_stream_cancel_query":         &l.cancelQuery,
		"chdb_destroy_query_result":        &l.destroy,
		"chdb_stream_insert_n":             &l.insert,
		"chdb_stream_append":               &l.append,
		"chdb_stream_done":                 &l.done,
		"chdb_stream_cancel_insert":        &l.cancelInsert,
		"chdb_stream_insert_error":         &l.insertError,
		"chdb_destroy_insert_stream":       &l.destroyIns,
		"chdb_result_buffer":               &l.buffer,
		"chdb_result_length":               &l.length,
		"chdb_result_error":                &l.resultError,
		"chdb_result_rows_read":            &l.rowsRead,
		"chdb_result_bytes_read":           &l.bytesRead,
		"chdb_result_storage_rows_read":    &l.storageRows,
		"chdb_result_storage_bytes_read":   &l.storageBytes,
		"chdb_result_rows_written":         &l.rowsWritten,
		"chdb_result_bytes_written":        &l.bytesWritten,
		"chdb_classify_query_n":            &l.classify,
	}
	var missing []error
	for name, target := range functions {
		symbol, err := dlsym(handle, name)
		if err != nil {
			missing = append(missing, fmt.Errorf("function %s: %w", name, err))
			continue
		}
		purego.RegisterFunc(target, symbol)
	}
	return errors.Join(missing...)
}

// connectArgs calls chdb_connect, which gives no reason when it fails.
func (l *Library) connectArgs(args []string) (unsafe.Pointer, error) {
	argv := make([]*byte, 0, len(args)+2)
	for _, arg := range append([]string{"summit"}, args...) {
		argv = append(argv, unsafe.StringData(arg+"\x00"))
	}
	argv = append(argv, nil)
	conn := l.connect(int32(len(argv)-1), unsafe.Pointer(&argv[0]))
	if conn == nil || *(*unsafe.Pointer)(conn) == nil {
		return nil, fmt.Errorf("connect to the engine with %q: refused (another process may hold the folder, or an argument is wrong)", args)
	}
	return conn, nil
}
