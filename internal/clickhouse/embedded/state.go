package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const stateName = "summit.json"

// folderState is what the folder knows about its last owner.
type folderState struct {
	// Library is the version of the library that had the folder open.
	Library string `json:"library"`
	// Clean is true after Close.
	Clean bool `json:"clean"`
}

// readState gives a clean state for a new folder.
func readState(dir string) (folderState, error) {
	text, err := os.ReadFile(filepath.Join(dir, stateName))
	if errors.Is(err, fs.ErrNotExist) {
		return folderState{Clean: true}, nil
	}
	if err != nil {
		return folderState{}, fmt.Errorf("read the store's state: %w", err)
	}
	var s folderState
	if err := json.Unmarshal(text, &s); err != nil {
		return folderState{}, fmt.Errorf("read the store's state in %s: %w", filepath.Join(dir, stateName), err)
	}
	return s, nil
}

func writeState(dir string, s folderState) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write the store's state: %w", err)
	}
	return replaceFile(filepath.Join(dir, stateName), append(text, '\n'))
}

// tempSuffix ends the name of a file that is being written; what a crash leaves of one is overwritten by the next.
const tempSuffix = ".tmp"

// replaceFile writes a file so that a crash leaves the old or the new content.
func replaceFile(name string, content []byte) error {
	return replaceFileBy(name+tempSuffix, name, content)
}

// replaceFileBy is replaceFile where the folder must never hold another file: the new content is written as temp first,
// which lies on the same file system.
func replaceFileBy(temp, name string, content []byte) error {
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(temp, name)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(name))
	}
	if err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// syncFolder makes renames in a folder outlive a power cut: without it the folder could be marked clean again while the
// engine writes to it.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
