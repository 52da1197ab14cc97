// Package chdb binds libchdb, the ClickHouse engine as a shared library, without cgo. It is the lowest step of the
// embedded store: package embedded opens a data folder through a Pool of connections, package chhttp runs the
// statements of HTTP clients on them.
//
// The engine serves one data folder per process and one statement at a time per connection; connections run in
// parallel. Its API has no way to interrupt a call, so a cancelled context kills the statement from another connection.
package chdb
