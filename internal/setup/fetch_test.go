// Package setup holds what fetches the tools and libraries that the project is built and tested with.
package setup

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// fetch runs the script with a cache of its own and a path that holds only the named programs, npm being a script of the given text.
func fetch(t *testing.T, cache, npm string, programs ...string) (stderr string, ok bool) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the script needs a POSIX shell")
	}
	bin := t.TempDir()
	for _, p := range append([]string{"sh", "dirname", "uname", "mkdir", "mktemp", "rm", "mv", "cat", "printf"}, programs...) {
		path, err := exec.LookPath(p)
		if err != nil {
			t.Skipf("%s is not on this machine", p)
		}
		// A wrapper, as some programs look for their own files beside the path that they are called by.
		if err := os.WriteFile(filepath.Join(bin, p), []byte("#!/bin/sh\nexec '"+path+"' \"$@\"\n"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if npm != "" {
		if err := os.WriteFile(filepath.Join(bin, "npm"), []byte("#!/bin/sh\n"+npm+"\n"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(bin, "sh"), "fetch-ort.sh")
	cmd.Env = []string{"PATH=" + bin, "ONNXTOOL_CACHE=" + cache, "HOME=" + t.TempDir()}
	var out bytes.Buffer
	cmd.Stderr = &out
	err := cmd.Run()
	return out.String(), err == nil
}

// files lists the files below a directory.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestFetchWithoutNpm(t *testing.T) {
	stderr, ok := fetch(t, t.TempDir(), "", "node", "tar")
	if ok || !strings.Contains(stderr, "npm is missing") || !strings.Contains(stderr, "ONNXRUNTIME_LIB") {
		t.Errorf("ok %v: %s", ok, stderr)
	}
}

func TestFetchRefusesAnotherPackage(t *testing.T) {
	cache := t.TempDir()
	stderr, ok := fetch(t, cache, `printf evil > onnxruntime-node-1.27.0.tgz`, "node", "tar")
	if ok || !strings.Contains(stderr, "not the one that was pinned") {
		t.Errorf("ok %v: %s", ok, stderr)
	}
	if left := files(t, cache); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFetchFails(t *testing.T) {
	cache := t.TempDir()
	stderr, ok := fetch(t, cache, "exit 1", "node", "tar")
	if ok || !strings.Contains(stderr, "npm could not fetch onnxruntime-node@1.27.0") {
		t.Errorf("ok %v: %s", ok, stderr)
	}
	if left := files(t, cache); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFetchOnce(t *testing.T) {
	cache := t.TempDir()
	// What npm is asked for the first time tells where the file has to be; the second time it must not be asked.
	if _, ok := fetch(t, cache, "exit 1", "node", "tar"); ok {
		t.Fatal("fetched without npm")
	}
	dirs, err := filepath.Glob(filepath.Join(cache, "onnxruntime", "1.27.0", "*"))
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	name := map[string]string{"linux": "libonnxruntime.so.1", "darwin": "libonnxruntime.1.dylib"}[runtime.GOOS]
	if err := os.WriteFile(filepath.Join(dirs[0], name), []byte("library"), 0o666); err != nil {
		t.Fatal(err)
	}
	if stderr, ok := fetch(t, cache, "exit 1"); !ok || stderr != "" {
		t.Errorf("the library was fetched again: %s", stderr)
	}
}
