// Package e2e holds the tests that start the built binaries as an operator does and talk to them as senders, people
// and browsers do. They need `make build`; what they find is what a user would find.
package e2e
