//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package onnxpb

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a killed run left at the temporary name of a target the next run takes over; what is in use, or is not what such a run leaves, stays as it is.
func TestLeftTemporaries(t *testing.T) {
	hour := time.Now().Add(-time.Hour)
	left := func(t *testing.T, tmp string) {
		write(t, tmp, bytes.Repeat([]byte("left"), 1<<20))
		os.Chmod(tmp, 0o644)
		if err := os.Chtimes(tmp, hour, hour); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		prepare func(t *testing.T, dir, tmp string)
		taken   bool
	}{
		"left":       {func(t *testing.T, _, tmp string) { left(t, tmp) }, true},
		"just begun": {func(t *testing.T, _, tmp string) { write(t, tmp, []byte("begun")) }, false},
		"in use": {func(t *testing.T, _, tmp string) {
			left(t, tmp)
			f, err := os.Open(tmp)
			if err != nil {
				t.Fatal(err)
			}
			lock, err := lockFile(f)
			if err != nil {
				t.Skip("no locks here: ", err)
			}
			t.Cleanup(func() { f.Close(); lock.Close() })
		}, false},
		"second name": {func(t *testing.T, dir, tmp string) {
			left(t, filepath.Join(dir, "dear"))
			os.Link(filepath.Join(dir, "dear"), tmp)
		}, false},
		"symbolic link": {func(t *testing.T, dir, tmp string) {
			left(t, filepath.Join(dir, "dear"))
			os.Symlink("dear", tmp)
		}, false},
		"directory": {func(t *testing.T, _, tmp string) { os.Mkdir(tmp, 0o777) }, false},
	} {
		for _, base := range []string{"m.onnx", strings.Repeat("long", 60) + ".onnx", strings.Repeat("ö", 110) + ".onnx"} {
			dir := t.TempDir()
			path := filepath.Join(dir, base)
			tmp := filepath.Join(dir, temporaryName(base))
			c.prepare(t, dir, tmp)
			had := len(listing(t, dir))
			var was []byte
			if !c.taken {
				was, _ = os.ReadFile(tmp)
			}
			m := small()
			if err := Save(m, path, SaveOptions{}); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got, _ := os.ReadFile(path); !bytes.Equal(got, mustMarshal(t, m)) {
				t.Errorf("%s: %d bytes were written", name, len(got))
			}
			now, err := os.ReadFile(tmp)
			if c.taken == exists(tmp) || !c.taken && err == nil && !bytes.Equal(now, was) {
				t.Errorf("%s: taken %v, there are %v", name, !c.taken, listing(t, dir))
			}
			want := had + 1
			if c.taken {
				want = 1
			}
			if got := listing(t, dir); len(got) != want {
				t.Errorf("%s: there are %v", name, got)
			}
			if st, err := os.Stat(path); err != nil || st.Mode().Perm() != everybody&^umask() {
				t.Errorf("%s: %v, %v", name, st.Mode(), err)
			}
		}
	}
}

// Two targets never have one temporary name but by their hash, and none is longer than names may be.
func TestTemporaryNames(t *testing.T) {
	seen := map[string]string{}
	for _, base := range []string{"a", "a.onnx", strings.Repeat("a", 80), strings.Repeat("a", 81), strings.Repeat("a", 250), strings.Repeat("a", 249) + "b", strings.Repeat("ß", 127)} {
		n := temporaryName(base)
		if other, ok := seen[n]; ok || len(n) > 140 || !isTemporaryName(n) || !reflect.DeepEqual([]byte(strings.ToValidUTF8(n, "")), []byte(n)) {
			t.Errorf("%q of %q (and %q)", n, base, other)
		}
		seen[n] = base
	}
}

// Many that save to one target at a time get in nobody's way, with a file of a dead run there too.
func TestSaveAtATime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	one, two := weighty(3), weighty(4)
	for range 5 {
		tmp := write(t, filepath.Join(dir, temporaryName("m.onnx")), []byte("left"))
		hour := time.Now().Add(-time.Hour)
		if err := os.Chtimes(tmp, hour, hour); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if err := Save([]*ModelProto{one, two}[i%2], path, SaveOptions{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got, _ := os.ReadFile(path)
		if !bytes.Equal(got, mustMarshal(t, one)) && !bytes.Equal(got, mustMarshal(t, two)) {
			t.Error("it is neither of the two")
		}
		if got := listing(t, dir); !reflect.DeepEqual(got, []string{"m.onnx"}) {
			t.Errorf("there is %v", got)
		}
	}
}
