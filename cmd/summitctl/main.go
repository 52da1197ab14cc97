// Command summitctl is Summit's command line: it starts a system, sends demo data, asks queryd and examines what is
// wrong. Data goes to standard output, talk to standard error.
package main

import (
	"context"
	"os"

	"github.com/summitobs/summit/cmd/summitctl/internal/root"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(root.Run(context.Background(), version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
