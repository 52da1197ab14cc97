package graph_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/summitobs/summit/internal/graph"
	"github.com/summitobs/summit/internal/graph/graphtest"
)

func TestMemory(t *testing.T) {
	require.GreaterOrEqual(t, graphtest.Cases(), 40)
	graphtest.Run(t, func(*testing.T) graphtest.Subject { return graphtest.Subject{Store: graph.NewMemory()} })
}
