package bus

import (
	"os"
	"path/filepath"
	"testing"
)

// A release folder's link is aimed at the next release while the engine runs:
// the store stays where it was opened.
func TestALinkedDataFolderStaysWhereItIs(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(root, "current")
	if err := os.Symlink("one", link); err != nil {
		t.Skip(err)
	}
	b := open(t, filepath.Join(link, "data"))
	start(t, b)
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("two", link); err != nil {
		t.Fatal(err)
	}
	b.watch(soon(t))
	if err := b.Healthy(); err != nil {
		t.Error(err)
	}
	add(t, b, order(1))
}
