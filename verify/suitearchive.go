package verify

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"onnxtool/onnxpb"
)

// maxUnpacked bounds what one archive may unpack to, so that a small file cannot fill the disk.
const maxUnpacked = 32 << 30

// isArchive tells whether a root is an archive by its name.
func isArchive(root string) bool {
	return strings.HasSuffix(root, ".tar.gz") || strings.HasSuffix(root, ".tgz")
}

// findAll is FindCases for roots of which some are archives: they are unpacked into a temporary folder, which remove removes.
func findAll(roots []string) (cases []SuiteCase, remove func(), err error) {
	var folders []string
	remove = func() {
		for _, f := range folders {
			os.RemoveAll(f)
		}
	}
	for _, root := range roots {
		dir := root
		if isArchive(root) {
			if dir, err = os.MkdirTemp("", "onnxtool-test-"); err != nil {
				remove()
				return nil, nil, fileError(root, err)
			}
			folders = append(folders, dir)
			if err = unpackArchive(root, dir); err != nil {
				remove()
				return nil, nil, err
			}
		}
		found, err := findRoot(dir, filepath.Clean(root))
		if err != nil {
			remove()
			return nil, nil, err
		}
		for _, c := range found {
			if dir != root {
				c.root, c.shown = dir, filepath.Clean(root)
			}
			cases = append(cases, c)
		}
	}
	return sortCases(cases), remove, nil
}

// unpackArchive writes the files and folders of a .tar.gz below dir. Names that leave it are refused; links and devices are left out, as cases have none.
func unpackArchive(path, dir string) error {
	f, err := os.Open(path)
	if err != nil {
		return fileError(path, err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return &onnxpb.Error{File: path, Msg: "is no archive of the kind .tar.gz, or a damaged one", Err: err}
	}
	left := int64(maxUnpacked)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &onnxpb.Error{File: path, Msg: "the archive is damaged", Err: err}
		}
		if h.Typeflag != tar.TypeDir && h.Typeflag != tar.TypeReg {
			continue
		}
		if !filepath.IsLocal(h.Name) {
			return &onnxpb.Error{File: path, Msg: fmt.Sprintf("the archive holds %s, which would lie outside of it", onnxpb.Quoted(h.Name))}
		}
		if left -= h.Size; left < 0 {
			return &onnxpb.Error{File: path, Msg: fmt.Sprintf("the archive unpacks to more than %d GiB", int64(maxUnpacked)>>30), Hint: "unpack it yourself and give the folder"}
		}
		target := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(target, 0o700)
		} else {
			err = unpackMember(target, r)
		}
		if err != nil {
			return &onnxpb.Error{File: path, Msg: "cannot be unpacked", Err: err}
		}
	}
}

func unpackMember(target string, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
