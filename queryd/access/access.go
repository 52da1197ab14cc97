// Package access says who asks. A Caller comes with every request that queryd answers; from it the services below make
// the scope of each query, so that a tenant and a row filter cannot be forgotten.
package access

import (
	"context"
	"errors"
	"time"

	"github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/internal/tenant"
)

// ErrNoCaller tells that a request reached a service without anybody's name on it.
var ErrNoCaller = errors.New("request has no caller")

// Caller is who asks and which rows they may see. The zero value may see nothing and asks for no tenant: queries under
// it are refused.
type Caller struct {
	Tenant tenant.ID
	Rows   sqlbuild.RowFilter
}

// Scope bounds a query by the caller and a time window.
func (c Caller) Scope(from, to time.Time) sqlbuild.Scope {
	return sqlbuild.Scope{Tenant: c.Tenant, From: from, To: to, Rows: c.Rows}
}

type key struct{}

// With puts the caller into the context.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, key{}, c)
}

// From takes the caller out of the context.
func From(ctx context.Context) (Caller, error) {
	c, ok := ctx.Value(key{}).(Caller)
	if !ok || c.Tenant.IsZero() {
		return Caller{}, ErrNoCaller
	}
	return c, nil
}
