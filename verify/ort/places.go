package ort

import (
	"bufio"
	"context"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// searchPlaces lists where a library is looked for when the user names none.
func searchPlaces() []place {
	return []place{
		{"beside the program", false, besideProgram},
		{"the cache named by " + EnvCache, false, func() []string {
			if c := os.Getenv(EnvCache); c != "" {
				return cached(c)
			}
			return nil
		}},
		{"the project's cache", true, projectCaches},
		{"the user's cache", true, func() []string {
			if d, err := os.UserCacheDir(); err == nil {
				return cached(filepath.Join(d, "onnxtool"))
			}
			return nil
		}},
		{"the system's loader path", false, loaderPath},
		{"Python's onnxruntime package", true, pythonPackages},
		{"Python's onnxruntime package, told by python3", false, askPython},
	}
}

// programDir is the directory of this program's file.
func programDir() string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	return filepath.Dir(exe)
}

func besideProgram() []string {
	d := programDir()
	if d == "" {
		return nil
	}
	return []string{d, filepath.Join(d, "lib"), filepath.Join(d, "..", "lib")}
}

// projectCaches lists the caches named .cache in the working directory, in the program's, and in those above each. Only directories that exist are
// listed, the working directory's aside, so that the list of what was tried stays readable.
func projectCaches() []string {
	var dirs []string
	wd, err := os.Getwd()
	if err != nil {
		wd = ""
	}
	for _, from := range []string{wd, programDir()} {
		if from == "" {
			continue
		}
		for d := from; ; d = filepath.Dir(d) {
			cache := filepath.Join(d, ".cache")
			if _, err := os.Stat(filepath.Join(cache, "onnxruntime")); err == nil || d == wd {
				for _, c := range cached(cache) {
					if !slices.Contains(dirs, c) {
						dirs = append(dirs, c)
					}
				}
			}
			if d == filepath.Dir(d) {
				break
			}
		}
	}
	return dirs
}

// loaderPath lists the directories that the system's loader looks into.
func loaderPath() []string {
	var dirs []string
	add := func(list ...string) {
		for _, d := range list {
			if d != "" && filepath.IsAbs(d) && !slices.Contains(dirs, d) {
				dirs = append(dirs, d)
			}
		}
	}
	switch runtime.GOOS {
	case "windows":
		add(filepath.SplitList(os.Getenv("PATH"))...)
	case "darwin":
		add(filepath.SplitList(os.Getenv("DYLD_LIBRARY_PATH"))...)
		add(filepath.SplitList(os.Getenv("DYLD_FALLBACK_LIBRARY_PATH"))...)
		add("/opt/homebrew/lib", "/usr/local/lib", "/usr/lib")
	default:
		add(filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))...)
		add("/usr/local/lib")
		add(loaderConfig("/etc/ld.so.conf", 0)...)
		add("/lib", "/usr/lib", "/lib64", "/usr/lib64")
	}
	return slices.DeleteFunc(dirs, func(d string) bool {
		st, err := os.Stat(d)
		return err != nil || !st.IsDir()
	})
}

// loaderConfig reads the directories in a file of the form of ld.so.conf, following its includes a few levels down.
func loaderConfig(path string, depth int) []string {
	f, err := os.Open(path)
	if err != nil || depth > 4 {
		return nil
	}
	defer f.Close()
	var dirs []string
	for s := bufio.NewScanner(f); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case fields[0] == "include":
			for _, pattern := range fields[1:] {
				if !filepath.IsAbs(pattern) {
					pattern = filepath.Join(filepath.Dir(path), pattern)
				}
				files, _ := filepath.Glob(pattern)
				for _, p := range files {
					dirs = append(dirs, loaderConfig(p, depth+1)...)
				}
			}
		default:
			dirs = append(dirs, fields[0])
		}
	}
	return dirs
}

// pythonPackages lists the directories of Python's onnxruntime package in the usual places; only those that exist.
func pythonPackages() []string {
	home, _ := os.UserHomeDir()
	var roots []string // directories that hold site-packages, as patterns
	for _, v := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if d := os.Getenv(v); d != "" {
			roots = append(roots, filepath.Join(d, "lib", "python3*"), filepath.Join(d, "Lib"))
		}
	}
	for _, d := range []string{".venv", "venv"} {
		roots = append(roots, filepath.Join(d, "lib", "python3*"), filepath.Join(d, "Lib"))
	}
	if home != "" {
		roots = append(roots, filepath.Join(home, ".local", "lib", "python3*"), filepath.Join(home, ".pyenv", "versions", "*", "lib", "python3*"),
			filepath.Join(home, "Library", "Python", "3*", "lib", "python"), filepath.Join(home, "AppData", "Local", "Programs", "Python", "*", "Lib"))
	}
	roots = append(roots, "/usr/local/lib/python3*", "/usr/lib/python3*", "/opt/homebrew/lib/python3*",
		"/Library/Frameworks/Python.framework/Versions/3*/lib/python3*")
	var dirs []string
	for _, r := range roots {
		for _, packages := range []string{"site-packages", "dist-packages"} {
			found, _ := filepath.Glob(filepath.Join(r, packages, "onnxruntime", "capi"))
			dirs = append(dirs, found...)
		}
	}
	return dirs
}

// askPython asks the Python on the path where its onnxruntime package is. The package is not imported.
func askPython() []string {
	const ask = "import importlib.util as u\ns=u.find_spec('onnxruntime')\nfor p in (s.submodule_search_locations if s else []): print(p)"
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, python := range []string{"python3", "python"} {
		path, err := exec.LookPath(python)
		if err != nil {
			continue
		}
		// -I keeps the working directory out of where Python looks.
		out, err := exec.CommandContext(ctx, path, "-I", "-c", ask).Output()
		if err != nil {
			continue
		}
		var dirs []string
		for _, line := range strings.Split(string(out), "\n") {
			if line = strings.TrimSpace(line); line != "" {
				dirs = append(dirs, filepath.Join(line, "capi"))
			}
		}
		return dirs
	}
	return nil
}

var versionInName = regexp.MustCompile(`\d+\.\d+\.\d+`)

// fileVersion reads the version of a library's file without loading it: from the version symbol of an ELF file, else from the name of the file or
// the directory that a cache gives a version to. It is "" where neither tells.
func fileVersion(path string) string {
	if f, err := elf.Open(path); err == nil {
		defer f.Close()
		if list, err := f.DynamicVersions(); err == nil {
			for _, v := range list {
				if n, ok := strings.CutPrefix(v.Name, "VERS_"); ok {
					return n
				}
			}
		}
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	for _, name := range []string{filepath.Base(real), filepath.Base(filepath.Dir(filepath.Dir(real)))} {
		if v := versionInName.FindString(name); v != "" {
			return v
		}
	}
	return ""
}
