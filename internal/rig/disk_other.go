//go:build !linux

package rig

import (
	"errors"
	"testing"
)

// Disk is an image with a file system on it, on Linux alone.
type Disk struct{ Mount string }

var errNoDisk = errors.New("only Linux mounts images of disks")

// NewDisk skips the test.
func NewDisk(t testing.TB, size int64) *Disk {
	t.Skip(errNoDisk)
	return nil
}

// CanMount says no.
func CanMount() bool { return false }

// CutPower cannot be called: there is no disk.
func (d *Disk) CutPower(before func()) error { return errNoDisk }

// Fill cannot be called: there is no disk.
func (d *Disk) Fill(left int64) error { return errNoDisk }

// Free cannot be called: there is no disk.
func (d *Disk) Free() error { return errNoDisk }
