package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// member is the library's name in the package.
const member = "package/" + libraryName

// extract takes the library out of the downloaded package, checks it and puts it in its place; nothing else is unpacked.
func (f *fetcher) extract(ctx context.Context) (sum string, err error) {
	file, err := os.Open(f.part())
	if err != nil {
		return "", err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return "", err
	}
	archive := tar.NewReader(unzipped)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("the package has no %s", member)
		}
		if err != nil {
			return "", err
		}
		if header.Name == member && header.Typeflag == tar.TypeReg {
			return f.install(ctx, archive, header.Size)
		}
	}
}

func (f *fetcher) install(ctx context.Context, r io.Reader, size int64) (string, error) {
	temp, err := os.CreateTemp(f.dir, ".libchdb-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(temp.Name()) // gone after the rename
	digest := sha256.New()
	p := &progress{out: f.out, label: "libchdb: unpacking", total: size}
	_, err = io.Copy(io.MultiWriter(temp, digest, p), &contextReader{ctx: ctx, r: r})
	p.end()
	if err == nil {
		err = temp.Chmod(0o755)
	}
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return "", err
	}
	sum := hex.EncodeToString(digest.Sum(nil))
	if f.pin.tested() && sum != f.pin.sha256 {
		return "", fmt.Errorf("%w: sha256 of %s is %s, want %s", errWrongPackage, libraryName, sum, f.pin.sha256)
	}
	return sum, os.Rename(temp.Name(), f.library())
}

// contextReader stops a long copy.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// stamp says which file was verified, so that half a gigabyte isn't hashed at every start.
type stamp struct {
	Version string    `json:"version"`
	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`
	ModTime time.Time `json:"mod_time"`
}

func (f *fetcher) stampName() string { return filepath.Join(f.dir, ".libchdb.json") }

// verified tells whether the library is the file that was verified for this pin.
func (f *fetcher) verified() bool {
	text, err := os.ReadFile(f.stampName())
	if err != nil {
		return false
	}
	var s stamp
	if json.Unmarshal(text, &s) != nil || s.Version != libraryVersion || f.pin.tested() && s.SHA256 != f.pin.sha256 {
		return false
	}
	info, err := os.Stat(f.library())
	return err == nil && info.Size() == s.Size && info.ModTime().Equal(s.ModTime)
}

func (f *fetcher) writeStamp(sum string) error {
	info, err := os.Stat(f.library())
	if err != nil {
		return fmt.Errorf("stamp the library: %w", err)
	}
	text, err := json.Marshal(stamp{Version: libraryVersion, SHA256: sum, Size: info.Size(), ModTime: info.ModTime()})
	if err != nil {
		return fmt.Errorf("stamp the library: %w", err)
	}
	if err := os.WriteFile(f.stampName(), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("stamp the library: %w", err)
	}
	return nil
}
