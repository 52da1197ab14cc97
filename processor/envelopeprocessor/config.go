package envelopeprocessor

import "github.com/summitobs/summit/internal/stamp"

// Config of the envelope processor: tenant, event_id and trust_build_events.
type Config = stamp.EnvelopeConfig
