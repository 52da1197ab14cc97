package clickhouseexporter

import (
	"errors"

	"github.com/summitobs/summit/internal/telemetry"
)

func newCodec(*Config, *telemetry.Drops) (codec, error) { return codec{}, errors.New("not there yet") }
