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
			require.True(t, conf.IsSet("service::pipelines"))
		})
	}
	require.NoError(t, p.Shutdown(t.Context()))
}

func TestUnknownRoleNamesTheRoles(t *testing.T) {
	p := NewProviderFactory().Create(confmap.ProviderSettings{})
	_, err := p.Retrieve(t.Context(), "role:nope", nil)
	require.EqualError(t, err, `unknown role "nope": want one of agent, gateway, standalone`)
	_, err = p.Retrieve(t.Context(), "file:nope", nil)
	require.ErrorContains(t, err, "want a role")
}
