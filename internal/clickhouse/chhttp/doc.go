// Package chhttp is ClickHouse's HTTP interface in front of the embedded engine, so that clickhouse-go, curl and every
// other client of a ClickHouse server work on it. It runs statements on a chdb.Pool; package embedded hands it to
// clickhouse-go through Transport, without a socket, and extension/storeextension serves it on loopback.
//
// The engine writes Native blocks of revision 0, whatever a client asks for. clickhouse-go learns the revision from its
// first query, so that query is answered here; see hello.go.
package chhttp
