package ort

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

// alone takes from the environment all that could name a library, and makes an empty directory the working one.
func alone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, v := range []string{EnvLibrary, EnvCache, "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX"} {
		t.Setenv(v, "")
	}
	for _, v := range []string{"HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"} {
		t.Setenv(v, filepath.Join(dir, "home"))
	}
	t.Chdir(dir)
	real, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return real
}

// fake writes a file of the library's name; it is only looked for here, never loaded.
func fake(t *testing.T, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, libraryNames()[0])
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func wantFound(t *testing.T, explicit, path, how string) *Library {
	t.Helper()
	lib, err := Find(explicit)
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(lib.Tried, "\n"))
	}
	if lib.Path != path || lib.How != how {
		t.Errorf("found %s (%s), want %s (%s)", lib.Path, lib.How, path, how)
	}
	if n := len(lib.Tried); n == 0 || !strings.Contains(lib.Tried[n-1], "found") {
		t.Errorf("tried %q", lib.Tried)
	}
	return lib
}

// TestFindOrder adds libraries from the last place to the first and wants each to go before those that were there.
func TestFindOrder(t *testing.T) {
	dir := alone(t)
	python := fake(t, dir, "venv", "lib", "python3.12", "site-packages", "onnxruntime", "capi")
	if runtime.GOOS == "linux" {
		if lib, err := Find(""); err == nil && lib.How == "the system's loader path" {
			t.Logf("this machine has a library on its loader path: %s", lib.Path)
		} else {
			wantFound(t, "", python, "Python's onnxruntime package")
		}
		loader := fake(t, dir, "loader")
		t.Setenv("LD_LIBRARY_PATH", filepath.Dir(loader))
		wantFound(t, "", loader, "the system's loader path")
		user := fake(t, dir, "home", "onnxtool", "onnxruntime", "1.28.1", Platform())
		wantFound(t, "", user, "the user's cache")
	}
	above := fake(t, dir, ".cache", "onnxruntime", "1.26.0", Platform())
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(dir, "a", "b"))
	if lib := wantFound(t, "", above, "the project's cache"); lib.Version != "1.26.0" {
		t.Errorf("version %q", lib.Version)
	}
	nearer := fake(t, dir, "a", ".cache", "onnxruntime", "1.25.0", Platform())
	wantFound(t, "", nearer, "the project's cache")
	cache := fake(t, dir, "cache", "onnxruntime", PinnedVersion, Platform())
	t.Setenv(EnvCache, filepath.Join(dir, "cache"))
	wantFound(t, "", cache, "the cache named by "+EnvCache)
	env := fake(t, dir, "env")
	t.Setenv(EnvLibrary, env)
	wantFound(t, "", env, EnvLibrary)
	t.Setenv(EnvLibrary, filepath.Dir(env)) // the directory does as well
	wantFound(t, "", env, EnvLibrary)
	flag := fake(t, dir, "flag")
	wantFound(t, flag, flag, "--ort-lib")
	wantFound(t, filepath.Dir(flag), flag, "--ort-lib")
}

// TestFindVersions holds the choice among versions in a cache: the pinned one, else the newest, never one that is too old.
func TestFindVersions(t *testing.T) {
	dir := alone(t)
	t.Setenv(EnvCache, dir)
	old := fake(t, dir, "onnxruntime", "1.9.0", Platform())
	how := "the cache named by " + EnvCache
	if lib, err := Find(""); err == nil && lib.Path == old {
		t.Error("version 1.9.0 was taken")
	} else if !slices.Contains(lib.Tried, old+": passed by: version 1.9.0 is too old ("+how+")") {
		t.Errorf("tried %q", lib.Tried)
	}
	fake(t, dir, "onnxruntime", "1.24.3", Platform())
	wantFound(t, "", fake(t, dir, "onnxruntime", "1.31.0", Platform()), how)
	fake(t, dir, "onnxruntime", "1.4.0", Platform())
	wantFound(t, "", fake(t, dir, "onnxruntime", PinnedVersion, Platform()), how)
	fake(t, dir, "onnxruntime", "1.32.0", "other-system")
	lib := wantFound(t, "", filepath.Join(dir, "onnxruntime", PinnedVersion, Platform(), libraryNames()[0]), how)
	if lib.Version != PinnedVersion {
		t.Errorf("version %q", lib.Version)
	}
}

// TestFindNamed holds a place that the user named to be final.
func TestFindNamed(t *testing.T) {
	dir := alone(t)
	t.Setenv(EnvCache, dir)
	fake(t, dir, "onnxruntime", PinnedVersion, Platform())
	oldDir := filepath.Join(dir, "old", "1.23.2", Platform())
	old := fake(t, oldDir)
	empty := t.TempDir()
	for _, c := range []struct{ path, part string }{
		{filepath.Join(dir, "missing"), "there is no such file"},
		{empty, "no library in this directory"},
		{old, "version 1.23.2 is too old"},
	} {
		for _, byFlag := range []bool{true, false} {
			explicit := ""
			t.Setenv(EnvLibrary, "")
			if byFlag {
				explicit = c.path
			} else {
				t.Setenv(EnvLibrary, c.path)
			}
			lib, err := Find(explicit)
			if onnxpb.KindOf(err) != onnxpb.Engine || !strings.Contains(err.Error(), c.part) || !strings.Contains(err.Error(), c.path) {
				t.Errorf("%s: %v", c.path, err)
			}
			if lib == nil || lib.Path != "" || len(lib.Tried) != 1 {
				t.Errorf("%s: %+v", c.path, lib)
			}
		}
	}
}

func TestFindNothing(t *testing.T) {
	dir := alone(t)
	f := &finder{}
	lib, err := f.search([]place{{"a place", false, func() []string { return []string{dir, dir, filepath.Join(dir, "missing")} }}})
	if onnxpb.KindOf(err) != onnxpb.Engine || !strings.Contains(err.Error(), "not found") || !strings.Contains(err.Error(), "make setup") {
		t.Errorf("%v", err)
	}
	if want := []string{dir + ": none (a place)", filepath.Join(dir, "missing") + ": none (a place)"}; !slices.Equal(lib.Tried, want) {
		t.Errorf("tried %q, want %q", lib.Tried, want)
	}
}

// TestFindDistrusts passes by what anybody could have put where the working directory's parents are searched.
func TestFindDistrusts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the permissions are those of Unix")
	}
	dir := alone(t)
	path := fake(t, dir, ".cache", "onnxruntime", PinnedVersion, Platform())
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	lib, _ := Find("")
	if lib.Path == path {
		t.Error("a file that everybody may write to was taken")
	}
	if !slices.ContainsFunc(lib.Tried, func(s string) bool { return strings.HasPrefix(s, path+": passed by: it belongs") }) {
		t.Errorf("tried %q", lib.Tried)
	}
}

func TestWarnings(t *testing.T) {
	for v, want := range map[string]int{"1.24.3": 0, "1.27.0": 0, "1.28.0": 0, "1.29.0": 1, "1.30.0": 1, "1.31.0": 0, "": 0} {
		if got := (&Library{Version: v}).Warnings(); len(got) != want {
			t.Errorf("%s: %q", v, got)
		}
	}
	args := os.Args
	defer func() { os.Args = args }()
	for _, length := range []int{1000, 47 << 10} {
		os.Args = []string{"onnxtool", strings.Repeat("a", length)}
		for v, crashes := range map[string]bool{"1.27.0": false, "1.30.0": length > 26<<10} {
			if got := (&Library{Version: v}).crashesHere(); got != crashes {
				t.Errorf("%s with %d bytes of arguments: crashes %v, want %v", v, length, got, crashes)
			}
		}
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		v   string
		old bool
	}{{"", false}, {"1.23.2", true}, {"1.24.0", false}, {"1.9.9", true}, {"1.100.0", false}, {"2.0.0", false}, {"0.5", true}} {
		if tooOld(c.v) != c.old {
			t.Errorf("%q: too old %v, want %v", c.v, !c.old, c.old)
		}
	}
}

// TestLoaderConfig reads a configuration of the loader that includes another and itself.
func TestLoaderConfig(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("more.conf", "/more # a comment\n/still/more\n")
	path := write("ld.so.conf", "# nothing\n/first\ninclude "+dir+"/more*.conf missing.conf\n/last\n")
	if got, want := loaderConfig(path, 0), []string{"/first", "/more", "/still/more", "/last"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	self := write("self.conf", "/a\ninclude self.conf\n")
	if got := loaderConfig(self, 0); len(got) == 0 || len(got) > 10 {
		t.Errorf("got %q", got)
	}
}
