package access_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/sqlbuild"
	"github.com/summitobs/summit/internal/tenant"
	"github.com/summitobs/summit/queryd/access"
)

func TestTheCallerTravelsInTheContext(t *testing.T) {
	want := access.Caller{Tenant: tenant.Default, Rows: sqlbuild.AllRows()}
	got, err := access.From(access.With(context.Background(), want))
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestNobodyIsNotEverybody(t *testing.T) {
	_, err := access.From(context.Background())
	require.ErrorIs(t, err, access.ErrNoCaller)
	_, err = access.From(access.With(context.Background(), access.Caller{}))
	require.ErrorIs(t, err, access.ErrNoCaller)

	now := time.Now()
	require.ErrorIs(t, access.Caller{}.Scope(now, now.Add(time.Hour)).Validate(), sqlbuild.ErrScope)
	require.ErrorIs(t, access.Caller{Tenant: tenant.Default}.Scope(now, now.Add(time.Hour)).Validate(), sqlbuild.ErrScope,
		"a caller without a row filter sees nothing, not everything")
}
