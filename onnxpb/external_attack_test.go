//go:build unix

package onnxpb

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

// attack is a model that tries to have a file read or written that is none of its business.
type attack struct {
	name    string
	tensor  *TensorProto
	prepare func(t *testing.T, dir, outside string) // makes what an archive with the model would bring along
	want    string                                  // of the error
}

// attacks are known ones on loaders of ONNX's external data, and their relatives. The directory of the model is "model"; beside it lie "model_evil" and a file "secret",
// of 16 bytes.
func attacks() []attack {
	at := func(location string) *TensorProto { return externalTensor("w", []int64{4}, location, "", "") }
	with := func(location, offset, length string, dims ...int64) *TensorProto {
		return externalTensor("w", dims, location, offset, length)
	}
	keyed := func(t *TensorProto, kv ...string) *TensorProto {
		for i := 0; i < len(kv); i += 2 {
			t.ExternalData = append(t.ExternalData, &StringStringEntryProto{Key: proto.String(kv[i]), Value: proto.String(kv[i+1])})
		}
		return t
	}
	link := func(to, at string) func(*testing.T, string, string) {
		return func(t *testing.T, dir, outside string) {
			t.Helper()
			if err := os.Symlink(strings.ReplaceAll(to, "OUT", outside), filepath.Join(dir, at)); err != nil {
				t.Fatal(err)
			}
		}
	}
	inline := at("w.bin")
	inline.RawData = make([]byte, 16)
	padded := with("new.bin", "1099511627776", "", 4)
	padded.RawData = make([]byte, 16)
	return []attack{
		// CVE-2022-25882: upwards, and absolute.
		{"upwards", at("../secret"), nil, "goes upwards"},
		{"far upwards", at("../../../../../../../../etc/passwd"), nil, "goes upwards"},
		{"absolute", at("/etc/passwd"), nil, "is absolute"},
		// CVE-2024-27318, which the check for a leading "../" let through, CVE-2025-51480, which had save_external_data write there.
		{"upwards within", at("sub/../../secret"), nil, "goes upwards"},
		{"upwards from nowhere", at("none/../../secret"), nil, "goes upwards"},
		{"upwards at the end", at("sub/.."), nil, "goes upwards"},
		{"dot slash", at("./../secret"), nil, "goes upwards"},
		{"doubled slashes", at(".//..//secret"), nil, "goes upwards"},
		// CVE-2024-5187: the neighbour whose name begins as the directory's does.
		{"neighbour", at("../model_evil/w.bin"), nil, "goes upwards"},
		{"neighbour by a link", at("n/w.bin"), link("../model_evil", "n"), "escapes"},
		// CVE-2026-27489 and CVE-2026-34447: symbolic links, at the end and on the way, relative and absolute, through another.
		{"link", at("l"), link("../secret", "l"), "escapes"},
		{"absolute link", at("l"), link("OUT/secret", "l"), "escapes"},
		{"link to the root", at("l/etc/passwd"), link("/", "l"), "escapes"},
		{"link on the way", at("l/secret"), link("..", "l"), "escapes"},
		{"two links", at("k"), func(t *testing.T, dir, outside string) {
			link("l", "k")(t, dir, outside)
			link("../secret", "l")(t, dir, outside)
		}, "escapes"},
		{"link into /proc", at("l"), link("/proc/self/environ", "l"), "escapes"},
		{"circle", at("l"), link("l", "l"), "symbolic links"},
		// CVE-2026-34446: a hard link looks like a file.
		{"hard link", at("h"), func(t *testing.T, dir, outside string) {
			if err := os.Link(filepath.Join(outside, "secret"), filepath.Join(dir, "h")); err != nil {
				t.Fatal(err)
			}
		}, "2 hard links"},
		// The Windows ways.
		{"backslashes", at(`..\secret`), nil, "goes upwards"},
		{"mixed slashes", at(`sub/..\../secret`), nil, "goes upwards"},
		{"drive", at(`C:\Windows\win.ini`), nil, "is absolute"},
		{"drive alone", at("c:secret"), nil, "is absolute"},
		{"server", at(`\\server\share\w.bin`), nil, "is absolute"},
		// Names that are none.
		{"zero byte", at("w.bin\x00/../../secret"), nil, "zero byte"},
		{"not UTF-8", at("w\xff.bin"), nil, "not UTF-8"},
		{"long", at(strings.Repeat("a/", 1<<19) + "w.bin"), nil, "bytes"},
		{"long name", at(strings.Repeat("a", 4000)), nil, "too long"},
		{"no location", with("", "0", "16", 4), nil, "without a location"},
		{"two locations", keyed(at("w.bin"), "location", "../secret"), nil, "location twice"},
		{"memory", with("*/_ORT_MEM_ADDR_/*", "4198400", "16", 4), nil, "place in memory"},
		// What is no file.
		{"directory", at("."), nil, "not a regular file"},
		{"subdirectory", at("sub"), nil, "not a regular file"},
		{"FIFO", at("fifo"), func(t *testing.T, dir, _ string) {
			if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o666); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file"},
		{"/dev/zero", at("z"), link("/dev/zero", "z"), "escapes"},
		{"socket", at("s"), func(t *testing.T, dir, _ string) {
			fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { syscall.Close(fd) })
			wd, _ := os.Getwd()
			defer os.Chdir(wd) // the address of a socket is short
			if err := os.Chdir(dir); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: "s"}); err != nil {
				t.Fatal(err)
			}
		}, "cannot be read"},
		// Spans.
		{"past the end", with("w.bin", "8", "16", 4), nil, "has 16 bytes"},
		{"far offset", with("w.bin", "1073741824", "16", 4), nil, "has 16 bytes"},
		{"overflowing offset", with("w.bin", "9223372036854775807", "16", 4), nil, "has 16 bytes"},
		{"offset past 63 bits", with("w.bin", "18446744073709551615", "16", 4), nil, "no number of bytes"},
		{"endless offset", with("w.bin", strings.Repeat("9", 1<<20), "16", 4), nil, "no number of bytes"},
		{"negative offset", with("w.bin", "-16", "16", 4), nil, "no number of bytes"},
		{"offset in words", with("w.bin", "zero", "16", 4), nil, "no number of bytes"},
		{"negative length", with("w.bin", "0", "-1", 4), nil, "no number of bytes"},
		{"lying length", with("w.bin", "0", "1099511627776", 4), nil, "a length of 1099511627776"},
		{"huge dims", with("w.bin", "", "", 1<<40), nil, "has 16 bytes"},
		{"huge dims with a length", with("w.bin", "0", "1099511627776", 1<<38), nil, "has 16 bytes"},
		{"overflowing dims", with("w.bin", "", "", 1<<40, 1<<40), nil, ""},
		{"dims that overflow to 4", with("w.bin", "", "", 1<<32+1, 1<<32, 4), nil, ""},
		{"negative dims", with("w.bin", "", "", -2, -2), nil, "negative"},
		{"two offsets", keyed(with("w.bin", "0", "", 4), "offset", "4"), nil, "offset twice"},
		{"two lengths", keyed(with("w.bin", "", "16", 4), "length", "4"), nil, "length twice"},
		// A payload besides: onnx.save_model pads the file up to the offset (a terabyte here) and writes it there.
		{"payload besides", inline, nil, "external data and raw_data"},
		{"payload far out", padded, nil, "external data and raw_data"},
	}
}

// TestAttacks holds every way in which external data is opened, read, carried or packed to each attack: an error that names the tensor, and the location where the
// location is at fault; soon, with little memory; nothing written anywhere but what was there.
func TestAttacks(t *testing.T) {
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			outside := t.TempDir()
			dir := filepath.Join(outside, "model")
			for _, f := range []string{"secret", "model/w.bin", "model/sub/w.bin", "model_evil/w.bin"} {
				write(t, filepath.Join(outside, f), rawFloats(1, 2, 3, 4))
			}
			if err := os.Mkdir(filepath.Join(outside, "target"), 0o777); err != nil {
				t.Fatal(err)
			}
			if a.prepare != nil {
				a.prepare(t, dir, outside)
			}
			m := withExternal(a.tensor)
			before, tree := proto.Clone(m), snapshot(t, outside)
			target := filepath.Join(outside, "target", "out.onnx")
			save := func(o DataOptions) func() error {
				return func() error { return Save(m, target, SaveOptions{SourceDir: dir, Data: o}) }
			}
			for how, try := range map[string]func() error{
				"Decode":         func() error { _, err := Decode(a.tensor, dir); return err },
				"CheckData":      func() error { return inTensor(CheckData(a.tensor, dir), a.tensor.GetName()) },
				"InlineExternal": func() error { return InlineExternal(m, dir) },
				"Inlined":        func() error { _, _, err := Inlined(m, dir, nil); return err },
				"Save":           save(DataOptions{}),
				"Save keep":      save(DataOptions{Mode: DataKeep}),
				"Save inline":    save(DataOptions{Mode: DataInline}),
				"Save file":      save(DataOptions{Mode: DataFile, File: "all.bin"}),
				"MoveData":       func() error { _, err := MoveData(m, filepath.Join(dir, "m.onnx"), "", "neu.bin"); return err },
				"InspectData": func() error {
					r := InspectData(m, dir, true)
					if len(r.Faults) != 1 {
						t.Errorf("InspectData: faults %v", r.Faults)
						return nil
					}
					return &Error{Tensor: r.Faults[0].Tensor, Msg: r.Faults[0].Message}
				},
			} {
				if how == "MoveData" && a.want == "2 hard links" {
					continue // a second name is what a move that was cut short leaves; nothing is read
				}
				var m0, m1 runtime.MemStats
				runtime.ReadMemStats(&m0)
				start := time.Now()
				err := try()
				took := time.Since(start)
				runtime.ReadMemStats(&m1)
				switch {
				case err == nil:
					t.Errorf("%s: not refused", how)
					continue
				case how == "Save keep" && strings.Contains(err.Error(), "readers refuse data that is not"):
				case !strings.Contains(err.Error(), a.want):
					t.Errorf("%s: %v does not tell %q", how, err, a.want)
				}
				if !strings.Contains(err.Error(), `tensor "w"`) {
					t.Errorf("%s: %v does not name the tensor", how, err)
				}
				if len(err.Error()) > 700 {
					t.Errorf("%s: the error has %d bytes", how, len(err.Error()))
				}
				if took > 2*time.Second {
					t.Errorf("%s took %v", how, took)
				}
				if n := m1.TotalAlloc - m0.TotalAlloc; n > 16<<20 {
					t.Errorf("%s took %d bytes of memory", how, n)
				}
			}
			if !proto.Equal(m, before) {
				t.Error("the model changed")
			}
			if got := snapshot(t, outside); got != tree {
				t.Errorf("files before:\n%s\nafter:\n%s", tree, got)
			}
		})
	}
}

// snapshot lists all under a directory: names, kinds, links and contents.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		b.WriteString(path + " " + d.Type().String())
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(path)
			b.WriteString(" " + to)
		case d.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b.Write(data)
		}
		b.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestUnknownKeysAreInert tells keys that mean something to Python's objects (CVE-2026-34445) from ONNX's: they change nothing, and stay.
func TestUnknownKeysAreInert(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "w.bin"), rawFloats(1, 2, 3, 4))
	p := externalTensor("w", []int64{2}, "w.bin", "8", "8")
	for _, k := range []string{"__class__", "file_path", "__dict__", "basepath", "", "Location", "OFFSET"} {
		p.ExternalData = append(p.ExternalData, &StringStringEntryProto{Key: proto.String(k), Value: proto.String("/etc/passwd")})
	}
	a, err := Decode(p, dir)
	if err != nil || a.Data.([]float32)[0] != 3 {
		t.Fatalf("%v, %v", a, err)
	}
	r := InspectData(withExternal(p), dir, true)
	if len(r.Faults) != 0 || len(r.Warnings) != 7 {
		t.Errorf("faults %v, warnings %v", r.Faults, r.Warnings)
	}
	if err := Save(withExternal(p), filepath.Join(to, "m.onnx"), SaveOptions{SourceDir: dir, Data: DataOptions{Mode: DataFile, File: "all"}}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(filepath.Join(to, "m.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := f.Model.Graph.Initializer[1].ExternalData; len(got) != 3+7 {
		t.Errorf("entries %v", got)
	}
}

// TestTargetsThatLeadAway has traps in the directory that a harmless model is written to: what would be written through them must not be.
func TestTargetsThatLeadAway(t *testing.T) {
	from := t.TempDir()
	write(t, filepath.Join(from, "sub", "w.bin"), rawFloats(1, 2, 3, 4))
	write(t, filepath.Join(from, "v.bin"), rawFloats(5))
	m := withExternal(externalTensor("v", nil, "v.bin", "", ""), externalTensor("w", []int64{4}, "sub/w.bin", "", ""))
	for name, trap := range map[string]func(dir, victim string) error{
		"directory that is a link":  func(dir, victim string) error { return os.Symlink(filepath.Dir(victim), filepath.Join(dir, "sub")) },
		"file that is a link":       func(dir, victim string) error { return os.Symlink(victim, filepath.Join(dir, "v.bin")) },
		"dangling link":             func(dir, victim string) error { return os.Symlink(victim+".new", filepath.Join(dir, "v.bin")) },
		"link to a dangling name":   func(dir, victim string) error { return os.Symlink(victim+".new", filepath.Join(dir, "sub")) },
		"hard link":                 func(dir, victim string) error { return os.Link(victim, filepath.Join(dir, "v.bin")) },
		"FIFO":                      func(dir, victim string) error { return syscall.Mkfifo(filepath.Join(dir, "v.bin"), 0o666) },
		"directory in a file's way": func(dir, victim string) error { return os.Mkdir(filepath.Join(dir, "v.bin"), 0o777) },
		"file in a directory's way": func(dir, victim string) error { return os.WriteFile(filepath.Join(dir, "sub"), nil, 0o666) },
	} {
		for _, o := range []DataOptions{{}, {Mode: DataLink}} {
			outer := t.TempDir()
			victim := write(t, filepath.Join(outer, "victim", "w.bin"), []byte("dear to somebody"))
			dir := filepath.Join(outer, "target")
			if err := os.Mkdir(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := trap(dir, victim); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, outer)
			if err := Save(m, filepath.Join(dir, "m.onnx"), SaveOptions{SourceDir: from, Data: o}); err == nil {
				t.Errorf("%s: saved with %q", name, o.Mode)
			}
			if got := snapshot(t, outer); got != before {
				t.Errorf("%s: files before:\n%s\nafter:\n%s", name, before, got)
			}
		}
	}
}

// TestCarryIsChecked has locations of a list of files, which may come from a model too, held to the same rules.
func TestCarryIsChecked(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "model")
	write(t, filepath.Join(outer, "secret"), rawFloats(1, 2, 3, 4))
	write(t, filepath.Join(dir, "w.bin"), rawFloats(1, 2, 3, 4))
	to := filepath.Join(outer, "target")
	if err := os.Mkdir(to, 0o777); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, outer)
	for _, c := range []struct {
		location string
		carry    CarryFile
	}{
		{"w", CarryFile{Dir: dir, From: "../secret", To: "w"}},
		{"w", CarryFile{Dir: dir, From: "/etc/passwd", To: "w"}},
		{"../w", CarryFile{Dir: dir, From: "w.bin", To: "../w"}},
	} {
		m := withExternal(externalTensor("w", []int64{4}, c.location, "", ""))
		if err := Save(m, filepath.Join(to, "m.onnx"), SaveOptions{Data: DataOptions{Carry: []CarryFile{c.carry}}}); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%v: %v", c.carry, err)
		}
	}
	if got := snapshot(t, outer); got != before {
		t.Errorf("files before:\n%s\nafter:\n%s", before, got)
	}
}
