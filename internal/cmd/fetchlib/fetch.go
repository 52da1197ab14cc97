package main

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// attempts is how often a download that breaks off is taken up again.
const attempts = 5

// errWrongPackage says that the downloaded package isn't the pinned one.
var errWrongPackage = errors.New("the package is not what is pinned")

// fetcher brings one library into one folder.
type fetcher struct {
	dir    string
	pin    pin
	client *http.Client
	out    io.Writer
	// view gives a field of a package from the registry.
	view func(ctx context.Context, spec, field string) (string, error)
	// pause is the wait before the second attempt; it doubles.
	pause time.Duration
}

func (f *fetcher) library() string { return filepath.Join(f.dir, libraryName) }

// part is the download so far; its name has the version, so that another version doesn't go on with it.
func (f *fetcher) part() string {
	return filepath.Join(f.dir, ".libchdb-"+libraryVersion+".tgz.part")
}

// fetch does nothing when the verified library is already there.
func (f *fetcher) fetch(ctx context.Context) error {
	if f.verified() {
		return nil
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	if f.pin.tested() && f.adopt() {
		return nil
	}
	if !f.pin.tested() {
		fmt.Fprintf(f.out, "libchdb: the engine is untested on this platform; taking %s by the registry's own hash\n", f.pin.spec())
	}
	address, err := f.view(ctx, f.pin.spec(), "dist.tarball")
	if err != nil {
		return err
	}
	integrity := f.pin.integrity
	if integrity == "" {
		if integrity, err = f.view(ctx, f.pin.spec(), "dist.integrity"); err != nil {
			return err
		}
	}
	if err := f.download(ctx, address, integrity); err != nil {
		return fmt.Errorf("download %s: %w", f.pin.spec(), err)
	}
	sum, err := f.extract(ctx)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", f.pin.spec(), err)
	}
	if err := f.writeStamp(sum); err != nil {
		return err
	}
	fmt.Fprintf(f.out, "libchdb: %s is ready\n", f.library())
	return os.Remove(f.part())
}

// download fills the part file, taking it up where an earlier run or attempt left it, and checks the whole of it.
func (f *fetcher) download(ctx context.Context, address, integrity string) error {
	pause := f.pause
	for attempt := 1; ; attempt++ {
		err := f.downloadOnce(ctx, address)
		if err == nil {
			if err = checkIntegrity(f.part(), integrity); err == nil {
				return nil
			}
			if !errors.Is(err, errWrongPackage) {
				return err
			}
			// What an earlier run left may be of something else: start afresh once, then give up.
			if removeErr := os.Remove(f.part()); removeErr != nil {
				return errors.Join(err, removeErr)
			}
			if attempt > 1 {
				return err
			}
		}
		var refused *statusError
		if errors.As(err, &refused) && !refused.temporary() || ctx.Err() != nil || attempt == attempts {
			return err
		}
		fmt.Fprintf(f.out, "libchdb: %v; going on in %s\n", err, pause)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause *= 2
	}
}

// statusError is an answer that isn't the package.
type statusError struct{ status int }

func (e *statusError) Error() string {
	return fmt.Sprintf("the registry answered %d %s", e.status, http.StatusText(e.status))
}

func (e *statusError) temporary() bool {
	return e.status >= 500 || e.status == http.StatusTooManyRequests || e.status == http.StatusRequestTimeout
}

func (f *fetcher) downloadOnce(ctx context.Context, address string) error {
	file, err := os.OpenFile(f.part(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	have, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	res, err := f.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusPartialContent && strings.HasPrefix(res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
	case res.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return nil // everything is here already, or it is something else: the hash says
	case res.StatusCode == http.StatusOK:
		if have > 0 {
			if err := file.Truncate(0); err != nil {
				return err
			}
			have, err = file.Seek(0, io.SeekStart)
			if err != nil {
				return err
			}
		}
	default:
		return &statusError{status: res.StatusCode}
	}
	total := int64(-1)
	if res.ContentLength >= 0 {
		total = have + res.ContentLength
	}
	p := &progress{out: f.out, label: "libchdb: downloading", done: have, total: total}
	_, err = io.Copy(file, io.TeeReader(res.Body, p))
	p.end()
	return errors.Join(err, file.Close())
}

// checkIntegrity compares a file with npm's form of a hash, sha512-base64.
func checkIntegrity(name, integrity string) error {
	want, ok := strings.CutPrefix(integrity, "sha512-")
	if !ok {
		return fmt.Errorf("integrity %q: want sha512-…", integrity)
	}
	sum, err := hashFile(name, sha512.New())
	if err != nil {
		return err
	}
	if got := base64.StdEncoding.EncodeToString(sum); got != want {
		return fmt.Errorf("%w: sha512 is %s, want %s", errWrongPackage, got, want)
	}
	return nil
}

func hashFile(name string, h hash.Hash) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := io.Copy(h, file); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// adopt takes a library that is there without a stamp, when it is the pinned one.
func (f *fetcher) adopt() bool {
	if _, err := os.Stat(f.library()); err != nil {
		return false
	}
	fmt.Fprintf(f.out, "libchdb: checking %s\n", f.library())
	sum, err := hashFile(f.library(), sha256.New())
	if err != nil || hex.EncodeToString(sum) != f.pin.sha256 {
		fmt.Fprintf(f.out, "libchdb: %s is not the pinned version %s; it will be replaced\n", f.library(), libraryVersion)
		return false
	}
	return f.writeStamp(f.pin.sha256) == nil
}
