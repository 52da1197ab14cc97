// Command summitload sends OTLP load to a receiver and prints how it was taken. It is a process of its own so that its
// cost can be told from the receiver's.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/summitobs/summit/testbed/load"
)

func main() {
	s := load.Settings{}
	name := flag.String("signal", "spans", "spans, logs or points")
	asJSON := flag.Bool("json", false, "print the result as JSON")
	flag.StringVar(&s.Protocol, "protocol", "grpc", "grpc or http")
	flag.StringVar(&s.Address, "address", "127.0.0.1:4317", "host:port of the receiver")
	flag.IntVar(&s.Total, "total", 1_000_000, "items to send")
	flag.IntVar(&s.PerRequest, "per-request", 8192, "items of a request")
	flag.IntVar(&s.Connections, "connections", 2, "requests side by side")
	flag.Uint64Var(&s.Seed, "seed", 1, "which ids to send")
	flag.Parse()
	s.Signal = load.Signal(*name)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	res, err := load.Run(ctx, s)
	if *asJSON {
		if err := json.NewEncoder(os.Stdout).Encode(res); err != nil {
			fmt.Fprintln(os.Stderr, "summitload:", err)
		}
	} else {
		fmt.Println(res)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "summitload:", err)
		os.Exit(1) //nolint:gocritic // stop only gives a signal handler back
	}
}
