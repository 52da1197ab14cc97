package main

import (
	"bytes"
	"fmt"
	"math"
	"time"
)

// The plot is a column of panels over the same time.
const (
	plotWidth, panelHeight, panelGap = 760, 110, 34
	plotLeft, plotTop                = 70, 26
)

type panel struct {
	title string
	of    func(sample) float64
}

var panels = []panel{
	{"resident memory, MB", func(n sample) float64 { return n.rss }},
	{"descriptors", func(n sample) float64 { return n.descriptors }},
	{"threads", func(n sample) float64 { return n.threads }},
	{"goroutines", func(n sample) float64 { return n.goroutines }},
	{"parts of all tables", func(n sample) float64 { return n.parts }},
	{"queue, MB", func(n sample) float64 { return n.queue }},
	{"cores", func(n sample) float64 { return n.cpu }},
}

// plot draws the samples. The time of the warm-up is shaded.
func plot(samples []sample, warm time.Duration) []byte {
	var b bytes.Buffer
	height := plotTop + len(panels)*(panelHeight+panelGap)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", plotWidth, height)
	if len(samples) > 0 {
		for i, p := range panels {
			drawPanel(&b, p, samples, warm, plotTop+i*(panelHeight+panelGap))
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func drawPanel(b *bytes.Buffer, p panel, samples []sample, warm time.Duration, top int) {
	end := samples[len(samples)-1].at
	most := 0.0
	for _, n := range samples {
		most = max(most, p.of(n))
	}
	most = ceiling(most)
	width := float64(plotWidth - plotLeft - 10)
	x := func(at time.Duration) float64 { return plotLeft + width*min(1, at.Seconds()/end.Seconds()) }
	y := func(v float64) float64 { return float64(top) + panelHeight*(1-v/most) }
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="#333">%s</text>`+"\n", plotLeft, top-6, p.title)
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="#eee"/>`+"\n", plotLeft, top, x(warm)-plotLeft, panelHeight)
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="none" stroke="#999"/>`+"\n", plotLeft, top, width, panelHeight)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="#333">%.4g</text><text x="%d" y="%d" text-anchor="end" fill="#333">0</text>`+"\n",
		plotLeft-6, top+10, most, plotLeft-6, top+panelHeight)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="#333">%s</text>`+"\n", plotWidth-10, top+panelHeight+14, end.Round(time.Second))
	b.WriteString(`<polyline fill="none" stroke="#1864ab" stroke-width="1.5" points="`)
	for _, n := range samples {
		fmt.Fprintf(b, "%.1f,%.1f ", x(n.at), y(p.of(n)))
	}
	b.WriteString(`"/>` + "\n")
}

// ceiling is the next of 1, 2 and 5 times a power of ten.
func ceiling(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 5} {
		if v <= f*power {
			return f * power
		}
	}
	return 10 * power
}
