package distributions

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func TestEveryRoleIsRetrieved(t *testing.T) {
	p := NewProviderFactory().Create(confmap.ProviderSettings{})
	require.Equal(t, "role", p.Scheme())
	require.Contains(t, Names(), "standalone")
	for _, role := range Names() {
		t.Run(role, func(t *testing.T) {
			got, err := p.Retrieve(t.Context(), "role:"+role, nil)
			require.NoError(t, err)
			conf, err := got.AsConf()
			require.NoError(t, err)
			require.True(t, conf.IsSet("service::extensions"))
			require.Equal(t, role != "store", conf.IsSet("service::pipelines"), "only the store takes no telemetry")
		})
	}
	require.NoError(t, p.Shutdown(t.Context()))
}

func TestOverlayMovesTheStoreApart(t *testing.T) {
	p := NewProviderFactory().Create(confmap.ProviderSettings{})
	for _, role := range []string{"gateway", "standalone"} {
		t.Run(role, func(t *testing.T) {
			require.Equal(t, []string{"pdata", "service-graph", "store-apart"}, Overlays(role))
			whole, err := p.Retrieve(t.Context(), "role:"+role, nil)
			require.NoError(t, err)
			conf, err := whole.AsConf()
			require.NoError(t, err)
			layer, err := p.Retrieve(t.Context(), "role:"+role+"/store-apart", nil)
			require.NoError(t, err)
			over, err := layer.AsConf()
			require.NoError(t, err)
			var wanted []any
			for _, e := range conf.Get("service::extensions").([]any) {
				if e != "summit_store" {
					wanted = append(wanted, e)
				}
			}
			require.NoError(t, conf.Merge(over))
			require.Equal(t, wanted, conf.Get("service::extensions"), "all but the store")
			for key, value := range conf.ToStringMap()["extensions"].(map[string]any) {
				if of, ok := value.(map[string]any); ok {
					require.NotEqual(t, "summit_store", of["store"], key)
				}
			}
			require.Nil(t, conf.Get("exporters::summit_clickhouse::store"))
			require.NotEmpty(t, conf.Get("exporters::summit_clickhouse::endpoint"))
		})
	}
	require.Empty(t, Overlays("agent"))
}

func TestUnknownRoleNamesTheRoles(t *testing.T) {
	p := NewProviderFactory().Create(confmap.ProviderSettings{})
	_, err := p.Retrieve(t.Context(), "role:nope", nil)
	require.EqualError(t, err, `unknown role "nope": want one of agent, gateway, standalone, store`)
	_, err = p.Retrieve(t.Context(), "role:gateway/nope", nil)
	require.EqualError(t, err, `role gateway has no overlay "nope": want one of [pdata, service-graph, store-apart]`)
	_, err = p.Retrieve(t.Context(), "role:gateway/config", nil)
	require.ErrorContains(t, err, "no overlay")
	_, err = p.Retrieve(t.Context(), "file:nope", nil)
	require.ErrorContains(t, err, "want a role")
}
