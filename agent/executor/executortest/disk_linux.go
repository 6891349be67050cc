package executortest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// SmallDisk is a file system of 8 MiB. It takes root.
func SmallDisk(t testing.TB) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("mounting a small disk needs root")
	}
	dir := OpenDir(t)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m,mode=711"); err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}
