package ort

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
)

const (
	// PinnedVersion is the version of ONNX Runtime that the set-up fetches and that the tests run with.
	PinnedVersion = "1.27.0"
	// MinVersion is the first version that offers the interface the Go binding asks for (API version 24).
	MinVersion = "1.24.0"
)

// Environment variables that Find reads.
const (
	EnvLibrary = "ONNXRUNTIME_LIB" // the library's file, or the directory that it lies in
	EnvCache   = "ONNXTOOL_CACHE"  // the cache's directory, in place of .cache; the library lies in onnxruntime/VERSION/PLATFORM below it
)

// Library is a shared library of ONNX Runtime on this machine.
type Library struct {
	// Path is the file.
	Path string
	// How says how it was found, such as "--ort-lib" or "the cache".
	How string
	// Version is the version that the file itself tells without being loaded; "" where it does not.
	Version string
	// Tried lists where it was looked for, in order, each place with what was there. The last entry is the library.
	Tried []string
}

// Platform names this machine's system and processor as the cache's directories do, such as linux-x64.
func Platform() string {
	system, arch := runtime.GOOS, runtime.GOARCH
	if system == "windows" {
		system = "win32"
	}
	if arch == "amd64" {
		arch = "x64"
	}
	return system + "-" + arch
}

// Advice says what to do where there is no library.
const Advice = "run make setup in onnxtool's source, or pip install 'onnxruntime>=" + MinVersion + "', or download ONNX Runtime " + PinnedVersion +
	" and name its library with --ort-lib FILE or " + EnvLibrary

// Find looks for ONNX Runtime's shared library: explicit (the value of --ort-lib) if it is not empty, then the file or directory that
// ONNXRUNTIME_LIB names, beside this program, in the cache (ONNXTOOL_CACHE, .cache in the working directory and in the program's, and in the
// directories above each, then the user's cache directory), on the system's loader path, and in Python's onnxruntime package. A place that was
// named by the user is final: nothing else is tried after it. Elsewhere libraries older than MinVersion are passed by.
//
// The error is of kind Engine; with it comes a Library that holds only Tried.
func Find(explicit string) (*Library, error) {
	f := &finder{}
	if explicit != "" {
		return f.named(explicit, "--ort-lib")
	}
	if v := os.Getenv(EnvLibrary); v != "" {
		return f.named(v, EnvLibrary)
	}
	return f.search(searchPlaces())
}

// search looks into places in order.
func (f *finder) search(places []place) (*Library, error) {
	for _, place := range places {
		for _, dir := range place.dirs() {
			if lib := f.directory(dir, place.how, place.ours); lib != nil {
				return lib, nil
			}
		}
	}
	return &Library{Tried: f.tried}, &onnxpb.Error{Kind: onnxpb.Engine, Msg: "ONNX Runtime's library was not found", Hint: Advice}
}

// place is one kind of directories to look into.
type place struct {
	how  string
	ours bool            // whether only files of this user or of the system's administrator are trusted
	dirs func() []string // computed only when it is reached, as it may cost time
}

// finder looks into directories and notes what was there.
type finder struct {
	tried []string
	seen  map[string]bool
}

func (f *finder) note(where, what string) { f.tried = append(f.tried, where+": "+what) }

// named takes the file or directory that the user gave.
func (f *finder) named(path, how string) (*Library, error) {
	fail := func(what, hint string) (*Library, error) {
		f.note(path, what)
		return &Library{Tried: f.tried}, &onnxpb.Error{Kind: onnxpb.Engine, File: path, Msg: "ONNX Runtime's library (" + how + "): " + what, Hint: hint}
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return fail("there is no such file", "correct what "+how+" names, or leave it out to have the library looked for")
	case st.IsDir():
		files := librariesIn(path)
		if len(files) == 0 {
			return fail("no library in this directory", "the file is named "+libraryNames()[0])
		}
		path = files[0]
	case !st.Mode().IsRegular():
		return fail("not a regular file", "correct what "+how+" names, or leave it out to have the library looked for")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	v := fileVersion(abs)
	if tooOld(v) {
		return fail("version "+v+" is too old", "version "+MinVersion+" or newer is needed, such as "+PinnedVersion)
	}
	f.note(path, "found")
	return &Library{Path: abs, How: how, Version: v, Tried: f.tried}, nil
}

// directory returns the first library in a directory that can be used, or nil.
func (f *finder) directory(dir, how string, ours bool) *Library {
	abs, err := filepath.Abs(dir)
	if err != nil || f.seen[abs] {
		return nil
	}
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	f.seen[abs] = true
	files := librariesIn(abs)
	if len(files) == 0 {
		f.note(abs, "none ("+how+")")
		return nil
	}
	for _, p := range files {
		if ours && !trusted(p) {
			f.note(p, "passed by: it belongs to another user, or others may write to it ("+how+")")
			continue
		}
		v := fileVersion(p)
		if tooOld(v) {
			f.note(p, "passed by: version "+v+" is too old ("+how+")")
			continue
		}
		f.note(p, "found ("+how+")")
		return &Library{Path: p, How: how, Version: v, Tried: f.tried}
	}
	return nil
}

// libraryNames are the names of the library's file on this system, as patterns, the likeliest first.
func libraryNames() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{"onnxruntime.dll"}
	case "darwin":
		return []string{"libonnxruntime.1.dylib", "libonnxruntime.dylib", "libonnxruntime.*.dylib"}
	}
	return []string{"libonnxruntime.so.1", "libonnxruntime.so", "libonnxruntime.so.*"}
}

// librariesIn lists the library's files in a directory, each once.
func librariesIn(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var list []string
	for _, pattern := range libraryNames() {
		var some []string
		for _, e := range entries {
			if ok, _ := filepath.Match(pattern, e.Name()); ok {
				some = append(some, e.Name())
			}
		}
		slices.SortFunc(some, func(a, b string) int { return compareVersions(b, a) })
		for _, n := range some {
			p := filepath.Join(dir, n)
			if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}

// cached lists the directories of the versions in a cache that are for this platform: the pinned version first, then the newest.
func cached(cache string) []string {
	base := filepath.Join(cache, "onnxruntime")
	entries, _ := os.ReadDir(base)
	versions := []string{PinnedVersion}
	var others []string
	for _, e := range entries {
		if n := e.Name(); n != PinnedVersion && n != "" && n[0] >= '0' && n[0] <= '9' {
			others = append(others, n)
		}
	}
	slices.SortFunc(others, func(a, b string) int { return compareVersions(b, a) })
	var dirs []string
	for _, v := range append(versions, others...) {
		dirs = append(dirs, filepath.Join(base, v, Platform()))
	}
	return dirs
}

// versionNumbers reads the numbers of a version (or of a name that ends in one): "1.27.0" is 1, 27, 0.
func versionNumbers(s string) []int {
	var n []int
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' }) {
		if v, err := strconv.Atoi(part); err == nil {
			n = append(n, v)
		}
	}
	return n
}

func compareVersions(a, b string) int {
	return cmp.Or(slices.Compare(versionNumbers(a), versionNumbers(b)), cmp.Compare(a, b))
}

// tooOld tells whether a version that is known is below MinVersion.
func tooOld(v string) bool {
	return len(versionNumbers(v)) > 0 && slices.Compare(versionNumbers(v), versionNumbers(MinVersion)) < 0
}

// Warnings tells what is known to go wrong with this library, for people; empty where nothing is.
func (l *Library) Warnings() []string {
	v := versionNumbers(l.Version)
	if len(v) >= 2 && v[0] == 1 && (v[1] == 29 || v[1] == 30) {
		return []string{fmt.Sprintf("ONNX Runtime %s crashes when it is loaded into a process with long arguments (about %d bytes and up): use %s",
			l.Version, maxArguments, PinnedVersion)}
	}
	return nil
}

// maxArguments is the length of a process's arguments from which ONNX Runtime 1.29 and 1.30 are not safe to load: 26 KB were seen to work and 47
// KB to crash.
const maxArguments = 26 << 10

// crashesHere tells whether loading the library would end this process.
func (l *Library) crashesHere() bool {
	if len(l.Warnings()) == 0 {
		return false
	}
	n := 0
	for _, a := range os.Args {
		n += len(a) + 1
	}
	return n >= maxArguments
}
