package verify

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// The forms in which Save writes values.
const (
	saveFolder = ""
	saveNPZ    = ".npz"
	saveNPY    = ".npy"
	savePB     = ".pb"
)

// CheckSave tells whether Save can write to a path, before a model is run: its extension is .npz, .npy or .pb, or it is a folder, which is there or whose name ends in / or has no
// extension. Errors are of kind Usage.
func CheckSave(path string) error {
	_, err := saveForm(path)
	return err
}

func saveForm(path string) (string, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case saveNPZ, saveNPY, savePB:
		return ext, nil
	}
	if path == "-" {
		return "", &onnxpb.Error{Kind: onnxpb.Usage, Msg: "values cannot be written to standard output", Hint: "--print shows them; -o takes FILE.npz, FILE.npy, FILE.pb or a folder"}
	}
	st, err := os.Stat(path)
	if err == nil && st.IsDir() || strings.HasSuffix(path, "/") || err != nil && filepath.Ext(path) == "" {
		return saveFolder, nil
	}
	return "", &onnxpb.Error{Kind: onnxpb.Usage, File: path, Msg: "values are not written to a file of this kind", Hint: "name it FILE.npz, FILE.npy or FILE.pb, or give a folder"}
}

// savedValue is a value with the name under which it is written.
type savedValue struct {
	folder string // sample_1, where there are several samples
	name   string
	value  *onnxpb.Value
	typ    *onnxpb.TypeProto
}

// Save writes the values of a report, which must hold them: all into FILE.npz (the tensors of sequences and maps under the names of their paths, out[2]), the only one into
// FILE.npy or FILE.pb (a TensorProto, SequenceProto, MapProto or OptionalProto, by its declared type), or each into a file of its own in a folder: NAME.npy for a tensor, NAME.pb for others, with _ for what a file's
// name should not have. Several samples go to sample_0/, sample_1/ and so on, in an archive too.
//
// A file appears whole or not at all. Where one of a folder fails, those that were not there before are taken away again. The names of the files go into Files. Errors are of
// kind Usage where there are several values for one file, Unfit where a value cannot be written in this form or the file cannot be written.
func (r *RunReport) Save(path string) error {
	form, err := saveForm(path)
	if err != nil {
		return err
	}
	var all []savedValue
	for sample, values := range r.Values {
		folder := ""
		if r.Samples > 1 {
			folder = fmt.Sprintf("sample_%d", sample)
		}
		for _, name := range r.Names {
			all = append(all, savedValue{folder, name, values[name], r.types[name]})
		}
	}
	switch form {
	case saveFolder:
		return r.saveFolder(path, all)
	case saveNPZ:
		err = saveArchive(path, all)
	default:
		if len(all) != 1 {
			return &onnxpb.Error{Kind: onnxpb.Usage, File: path, Msg: fmt.Sprintf("the file holds one value, there are %d", len(all)), Hint: "write FILE.npz or a folder, or name one output with --only"}
		}
		err = saveOne(path, form, all[0])
	}
	if err == nil {
		r.Files = append(r.Files, path)
	}
	return err
}

// inArchive is the name of a value in an archive.
func (s savedValue) inArchive() string {
	if s.folder == "" {
		return s.name
	}
	return s.folder + "/" + s.name
}

// saveArchive writes the tensors of all values into one archive.
func saveArchive(path string, all []savedValue) error {
	var names []string
	var arrays []*onnxpb.Array
	for _, s := range all {
		err := walkValue("", s.value, func(at string, v *onnxpb.Value) error {
			if v.Kind == onnxpb.KindTensor {
				names, arrays = append(names, s.inArchive()+at), append(arrays, v.Array)
			}
			return nil
		})
		if err != nil {
			return &onnxpb.Error{Tensor: s.name, Err: err}
		}
	}
	return onnxpb.InFile(WriteNPZ(path, names, arrays), path)
}

// saveOne writes one value.
func saveOne(path, form string, s savedValue) error {
	err := onnxpb.WriteTo(path, func(w io.Writer) error { return writeSaved(w, form, s) })
	return onnxpb.InFile(err, path)
}

func writeSaved(w io.Writer, form string, s savedValue) error {
	if form == savePB {
		m, err := valueMessage(s.name, s.value, s.typ)
		if err != nil {
			return err
		}
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	if s.value.Kind != onnxpb.KindTensor {
		return &onnxpb.Error{Tensor: s.name, Msg: fmt.Sprintf("is a %s, and a .npy file holds a tensor", s.value.Kind), Hint: "write a .pb file, or a folder"}
	}
	if err := WriteNPY(w, s.value.Array); err != nil {
		return &onnxpb.Error{Tensor: s.name, Err: err}
	}
	return nil
}

// saveFolder writes each value into a file of its own.
func (r *RunReport) saveFolder(dir string, all []savedValue) (err error) {
	var made []string // files and folders that were not there, in order
	defer func() {
		if err == nil {
			return
		}
		for i := len(made) - 1; i >= 0; i-- {
			os.Remove(made[i])
		}
	}()
	taken := map[string]bool{}
	var files []string
	for _, s := range all {
		form := saveNPY
		if s.value == nil || s.value.Kind != onnxpb.KindTensor {
			form = savePB
		}
		file := filepath.Join(dir, fileName(s, form, taken))
		if err := makeFolder(filepath.Dir(file), &made); err != nil {
			return err
		}
		if _, err := os.Lstat(file); err != nil {
			made = append(made, file)
		}
		if err := saveOne(file, form, s); err != nil {
			return err
		}
		files = append(files, file)
	}
	r.Files = append(r.Files, files...)
	return nil
}

// makeFolder makes a folder and those above it, and notes which it made.
func makeFolder(dir string, made *[]string) error {
	if st, err := os.Stat(dir); err == nil && st.IsDir() {
		return nil
	}
	if up := filepath.Dir(dir); up != dir {
		if err := makeFolder(up, made); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		if pe, ok := err.(*os.PathError); ok {
			err = pe.Err
		}
		return &onnxpb.Error{File: dir, Msg: "cannot be made", Err: err}
	}
	*made = append(*made, dir)
	return nil
}

// fileName makes a name for a file of the name of a value: letters, digits and -._ stay, all else is _. Each is given once.
func fileName(s savedValue, ext string, taken map[string]bool) string {
	base := strings.Map(func(r rune) rune {
		if strings.ContainsRune("-._", r) || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, s.name)
	if len(base) > 150 { // most file systems take 255 bytes
		base = base[:150]
	}
	base = strings.TrimLeft(base, ".")
	if base == "" {
		base = "_"
	}
	path := filepath.Join(s.folder, base+ext)
	// Some file systems take NAME and name for one.
	for i := 2; taken[strings.ToLower(path)]; i++ {
		path = filepath.Join(s.folder, fmt.Sprintf("%s_%d%s", base, i, ext))
	}
	taken[strings.ToLower(path)] = true
	return path
}
