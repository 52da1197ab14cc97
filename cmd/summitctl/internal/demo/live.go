package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/summitobs/summit/internal/faker"
)

// Strides of the live traffic.
const (
	liveEvery   = time.Second
	commitEvery = 90 * time.Second
	reportEvery = time.Minute
)

// live sends traffic as it would arise, and a commit with its pipeline now and then, until the context or the time that
// the user gave ends.
func (s *session) live(ctx context.Context) error {
	if s.duration > 0 {
		limited, cancel := context.WithTimeout(ctx, s.duration)
		defer cancel()
		ctx = limited
	}
	s.talk.say(fmt.Sprintf("demo: live traffic, %g traces/s; Ctrl-C ends it", s.rate))
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	var pending []faker.Delivery
	var sent, failed int
	began := time.Now()
	nextCommit, nextReport := began.Add(5*time.Second), began.Add(reportEvery)
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if now.After(nextCommit) {
				nextCommit = now.Add(commitEvery)
				pending = append(pending, s.world.LiveChange(int(now.Unix()/int64(commitEvery.Seconds())), now)...)
			}
			pending = s.deliverDue(ctx, pending, now)
			r := newRequest()
			r.add(s.gen.Next(now.UTC(), s.rate*liveEvery.Seconds()))
			if err := s.send(ctx, r); err != nil && ctx.Err() == nil {
				failed++
				s.talk.say("demo: " + err.Error())
				if failed == 10 {
					return err
				}
				continue
			}
			failed = 0
			sent += r.items()
			if now.After(nextReport) {
				nextReport = now.Add(reportEvery)
				s.talk.say(fmt.Sprintf("demo: %d items of live traffic in %s", sent, now.Sub(began).Round(time.Second)))
			}
		}
	}
}

// deliverDue sends what is due of the pending deliveries and gives the rest. One that is refused is told and left out:
// the live pipeline is worth no end of the demo.
func (s *session) deliverDue(ctx context.Context, pending []faker.Delivery, now time.Time) []faker.Delivery {
	rest := pending[:0]
	for _, d := range pending {
		if d.At.After(now) {
			rest = append(rest, d)
			continue
		}
		if err := s.door.deliver(ctx, d); err != nil && ctx.Err() == nil {
			s.talk.say("demo: " + err.Error())
		}
	}
	return rest
}
