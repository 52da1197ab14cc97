package flaky

import "math"

// beta is the distribution of a probability after so many failures (a) and passes (b).
type beta struct{ a, b float64 }

func (d beta) mean() float64 { return d.a / (d.a + d.b) }

// quantile finds where the distribution function has the given value, by halving.
func (d beta) quantile(level float64) float64 {
	lo, hi := 0.0, 1.0
	for range 60 {
		mid := (lo + hi) / 2
		if d.cdf(mid) < level {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

// cdf is the regularised incomplete beta function by its continued fraction, which converges fast on the side of the
// mean where it is taken.
func (d beta) cdf(x float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	}
	la, _ := math.Lgamma(d.a)
	lb, _ := math.Lgamma(d.b)
	lab, _ := math.Lgamma(d.a + d.b)
	front := math.Exp(lab - la - lb + d.a*math.Log(x) + d.b*math.Log1p(-x))
	if x < (d.a+1)/(d.a+d.b+2) {
		return front * fraction(d.a, d.b, x) / d.a
	}
	return 1 - front*fraction(d.b, d.a, 1-x)/d.b
}

// fraction evaluates the continued fraction from its beginning, two terms a turn (the modified Lentz method).
func fraction(a, b, x float64) float64 {
	const tiny, enough = 1e-300, 1e-12
	guard := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/guard(1-(a+b)*x/(a+1))
	h := d
	for m := 1.0; m < 1000; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / guard(1+even*d)
		c = guard(1 + even/c)
		h *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / guard(1+odd*d)
		c = guard(1 + odd/c)
		h *= d * c
		if math.Abs(d*c-1) < enough {
			break
		}
	}
	return h
}
