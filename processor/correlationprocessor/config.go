package correlationprocessor

import "github.com/summitobs/summit/internal/stamp"

// Config of the correlation processor: build_index and trust_incoming.
type Config = stamp.CorrelationConfig
