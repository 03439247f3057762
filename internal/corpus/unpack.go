package corpus

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ulikunitz/xz"
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// unpacked returns the directory that holds the archive's files, which the first caller unpacks into the project's cache; "" where there is no
// archive.
func unpacked(tb testing.TB) string {
	tb.Helper()
	root, err := projectRoot()
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(root, "..", "shared", archive)
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Logf("without the cases of ONNX 1.22: %s is absent", path)
		return ""
	}
	// Another archive of the same name gets another directory, which is there whole or not at all.
	sum := sha256.Sum256(data)
	dir := filepath.Join(root, ".cache", "testdata", fmt.Sprintf("%s-%x", strings.TrimSuffix(archive, ".tar.xz"), sum[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		tb.Fatal(err)
	}
	removeStale(filepath.Dir(dir))
	tmp, err := os.MkdirTemp(filepath.Dir(dir), unpacking+"*")
	if err != nil {
		tb.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := unpack(data, tmp); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	if err := makeLightInputs(filepath.Join(tmp, "light")); err != nil {
		tb.Fatal(err)
	}
	// Where another process has been faster the rename fails, and its directory is as good.
	if err := os.Rename(tmp, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// projectRoot finds the directory of go.mod above the working directory.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// unpacking is what the names of directories that are being filled begin with.
const unpacking = ".unpacking-"

// removeStale removes what test runs that were killed have left.
func removeStale(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, unpacking+"*"))
	for _, d := range left {
		if st, err := os.Stat(d); err == nil && time.Since(st.ModTime()) > time.Hour {
			os.RemoveAll(d)
		}
	}
}

// unpack writes the files and directories of an archive below dir.
func unpack(data []byte, dir string) error {
	x, err := xz.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	for r := tar.NewReader(x); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(h.Name) {
			return fmt.Errorf("%s leaves the directory", h.Name)
		}
		target := filepath.Join(dir, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(target, 0o777)
		case tar.TypeReg:
			err = unpackFile(target, r)
		}
		if err != nil {
			return err
		}
	}
}

func unpackFile(target string, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return err
	}
	f, err := os.Create(target)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// makeLightInputs writes the inputs that the recorded outputs of the light models belong to. ONNX's test runner does not store but computes them: the
// elements count up from 0 to 1, the i-th of n being i/n; dimensions that are not numbers are 1.
func makeLightInputs(dir string) error {
	models, err := filepath.Glob(filepath.Join(dir, "light_*.onnx"))
	if err != nil {
		return err
	}
	for _, path := range models {
		f, err := onnxpb.Open(path)
		if err != nil {
			return err
		}
		for i, v := range inputsOf(f.Model, 0) {
			shape, ok := v.Shape()
			if !ok || v.ElemType() != onnxpb.TensorProto_FLOAT {
				return fmt.Errorf("%s: input %s is no tensor of float32 of known rank", path, v.GetName())
			}
			dims := make([]int64, len(shape))
			for k, d := range shape {
				dims[k] = 1
				if d.Known {
					dims[k] = d.Value
				}
			}
			n, err := onnxpb.Count(dims)
			if err != nil {
				return err
			}
			data := make([]float32, n)
			for k := range data {
				data[k] = float32(float64(k) / float64(n))
			}
			b, err := proto.Marshal(onnxpb.TensorOf(v.GetName(), dims, data))
			if err != nil {
				return err
			}
			if err := os.WriteFile(fmt.Sprintf("%s_input_%d.pb", strings.TrimSuffix(path, ".onnx"), i), b, 0o666); err != nil {
				return err
			}
		}
	}
	return nil
}
