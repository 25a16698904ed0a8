//go:build unix

package bus

import "golang.org/x/sys/unix"

// diskSpace is how many bytes the filesystem of a folder has free for us, and in all.
func diskSpace(dir string) (free, total uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	//nolint:unconvert // the fields are signed on some systems and unsigned on others
	return uint64(s.Bavail) * uint64(s.Bsize), uint64(s.Blocks) * uint64(s.Bsize), nil
}
