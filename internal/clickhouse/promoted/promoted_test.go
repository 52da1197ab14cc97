package promoted

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/summitobs/summit/internal/envelope"
	"github.com/summitobs/summit/internal/otlpitem"
	"github.com/summitobs/summit/internal/tenant"
)

func look(pairs ...any) Span {
	var s Span
	for i := 0; i < len(pairs); i += 2 {
		v := pcommon.NewValueEmpty()
		if err := v.FromRaw(pairs[i+1]); err != nil {
			panic(err)
		}
		item := otlpitem.ValueOf(v)
		s.Look(pairs[i].(string), &item)
	}
	return s
}

func TestPresentNamesWinOverOldOnes(t *testing.T) {
	require.Equal(t, Span{Method: "GET"}, look("http.request.method", "GET", "http.method", "OLD"))
	require.Equal(t, Span{Method: "GET"}, look("http.method", "OLD", "http.request.method", "GET"))
	require.Equal(t, Span{Method: "OLD"}, look("http.method", "OLD"))
	require.Equal(t, Span{Status: 500}, look("http.response.status_code", 500, "http.status_code", 200))
	require.Equal(t, Span{DB: "pg", MsgDest: "q", Peer: "p"}, look("db.system", "pg", "messaging.destination", "q", "peer.service", "p"))
}

func TestOtherTypesAreNotPromoted(t *testing.T) {
	require.Equal(t, Span{}, look("http.route", 7, "http.response.status_code", "200", "session.id", true, envelope.AttrSampleWeight, "3"))
}

func TestUserIsAPseudonym(t *testing.T) {
	anna := look("user.id", "anna", "enduser.id", "old").User
	require.Equal(t, User{ID: "anna"}, anna)
	require.Len(t, anna.Pseudonym(tenant.Default), 32)
	require.NotContains(t, anna.Pseudonym(tenant.Default), "anna")
	require.NotEqual(t, anna.Pseudonym(tenant.Default), anna.Pseudonym(tenant.ID{1}), "tenants can't compare their users")
	require.Equal(t, anna.Pseudonym(tenant.Default), look("enduser.id", "anna").User.Pseudonym(tenant.Default))
	require.Equal(t, "h", look("user.hash", "h", "user.id", "anna").User.Pseudonym(tenant.Default))
	require.Empty(t, User{}.Pseudonym(tenant.Default))
}

func TestWeight(t *testing.T) {
	for state, want := range map[string]float64{
		"": 1, "vendor=x": 1, "ot=th:8": 2, "a=b, ot=rv:1;th:c": 4, "ot=th:0": 1, "ot=th:ffffffffffffff": 1 << 56, "ot=th:": 1, "ot=th:zz": 1, "ot=th:fffffffffffffff": 1,
	} {
		require.InDelta(t, want, Weight(state), 0, state)
	}
}
