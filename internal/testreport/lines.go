package testreport

import (
	"bufio"
	"errors"
	"io"
)

// lines calls f with each line, cut to the limit; a longer one is counted. The line is good until f returns.
func lines(r *bufio.Reader, c *collector, f func(line []byte)) error {
	var line []byte
	long := false
	for {
		chunk, err := r.ReadSlice('\n')
		if room := c.limits.MaxNode - len(line); room >= len(chunk) {
			line = append(line, chunk...)
		} else {
			line, long = append(line, chunk[:max(room, 0)]...), true
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if long {
			c.lost["long_line"]++
		} else if len(line) > 0 {
			f(line)
		}
		line, long = line[:0], false
		if err != nil {
			return nil
		}
	}
}
