package column

import (
	"cmp"
	"math/bits"
	"slices"
)

// SortOrder gives the places of the rows in the order of the key columns, equal rows in their old order.
func SortOrder(keys []Column, rows int) []uint32 {
	packed := packKeys(keys, rows)
	perm := make([]uint32, rows)
	for i := range perm {
		perm[i] = uint32(i)
	}
	if len(packed) == 0 {
		return perm
	}
	type entry struct {
		first uint64
		row   uint32
	}
	entries := make([]entry, rows)
	for i := range entries {
		entries[i] = entry{packed[0][i], uint32(i)}
	}
	rest := packed[1:]
	slices.SortFunc(entries, func(a, b entry) int {
		if a.first != b.first {
			return cmp.Compare(a.first, b.first)
		}
		for _, k := range rest {
			if k[a.row] != k[b.row] {
				return cmp.Compare(k[a.row], k[b.row])
			}
		}
		return cmp.Compare(a.row, b.row)
	})
	for i, e := range entries {
		perm[i] = e.row
	}
	return perm
}

// packKeys joins the ordinals of neighbouring key columns into as few 64-bit numbers as their ranges allow: a segment
// spans few tenants, buckets and services, so most sorts compare one number or two.
func packKeys(keys []Column, rows int) [][]uint64 {
	var packed [][]uint64
	free := 0
	for _, k := range keys {
		ord := k.Ordinals(nil)
		if rows == 0 {
			continue
		}
		low, high := slices.Min(ord), slices.Max(ord)
		width := bits.Len64(high - low)
		if width == 0 {
			continue
		}
		if width > free {
			for i := range ord {
				ord[i] -= low
			}
			packed = append(packed, ord)
			free = 64 - width
			continue
		}
		into := packed[len(packed)-1]
		for i := range ord {
			into[i] = into[i]<<width | (ord[i] - low)
		}
		free -= width
	}
	return packed
}
