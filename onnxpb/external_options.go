package onnxpb

import (
	"path/filepath"
	"strings"
)

// DataMode says what Save does with the external data of a model.
type DataMode string

const (
	// DataAuto: in the directory where the data lies the model refers to it; into another one the files are copied along. The zero value.
	DataAuto DataMode = ""
	// DataKeep: the model refers to the data where it lies, which must be in the directory of the target, or in one below.
	DataKeep DataMode = "keep"
	// DataCopy: as DataAuto.
	DataCopy DataMode = "copy"
	// DataLink: into another directory the files go as hard links. Whoever changes one of the two then changes both, and readers may refuse them.
	DataLink DataMode = "link"
	// DataInline: the data goes into the model.
	DataInline DataMode = "inline"
	// DataFile: all data goes into one file of external data, that of large initializers too.
	DataFile DataMode = "file"
)

// DataOptions say what becomes of the external data of a model that is saved. The zero value copies its files along where they have to.
type DataOptions struct {
	Mode DataMode
	// File is the name of the file that DataFile writes, relative to the target's directory; "" is the target's name and ".data".
	File string
	// Threshold is the number of bytes from which DataFile moves the elements of an initializer out of the model; 0 is DefaultThreshold.
	Threshold int64
	// Align is what elements begin at multiples of in the file that DataFile writes, a power of two; 0 is DefaultAlign. Those that are smaller than
	// that begin at multiples of 64.
	Align int64
	// Carry tells where external data lies that is not in SourceDir.
	Carry []CarryFile
	// Note, where it is not nil, is told what Save did with the data that was not asked for in so many words.
	Note func(string)

	// Result, where it is not nil, is filled in by Save with what DataInline or DataFile did.
	Result *DataResult

	limit int64 // the size past which a model is not written into one file; 0 is maxFile
}

// DataResult says what became of external data that was moved into or out of a model.
type DataResult struct {
	Tensors int   // that moved
	Bytes   int64 // that they take, in a file with the padding between them
}

// CarryFile says that the location To, as the tensors of a model have it, is the file From in the directory Dir: a merged model may have data from several
// directories. Save copies the file to To beside the target (or refers to From, where Dir is the target's directory), and to another name that is free where
// To is taken.
type CarryFile struct {
	Dir, From, To string
}

const (
	// DefaultThreshold is the size from which tensors go to external data, as onnx's own.
	DefaultThreshold = 1 << 10
	// DefaultAlign is what large tensors in external data begin at multiples of: a page, so that they can be mapped.
	DefaultAlign = 4 << 10
)

// ParseData reads what the command line says of external data: keep, copy, link, inline, or the name of a file.
func ParseData(s string) (DataOptions, error) {
	switch mode := DataMode(s); mode {
	case DataAuto, DataKeep, DataCopy, DataLink, DataInline:
		return DataOptions{Mode: mode}, nil
	}
	if strings.ContainsAny(s, `/\`) || checkLocation(s) != nil || filepath.Clean(s) != s || s == "." {
		return DataOptions{}, &Error{Kind: Usage, Msg: "external data cannot go to " + quoted(s),
			Hint: "it is keep, copy, link, inline, or the name of a file beside the model"}
	}
	return DataOptions{Mode: DataFile, File: s}, nil
}

func (o DataOptions) note(s string) {
	if o.Note != nil {
		o.Note(s)
	}
}

// threshold is the size from which initializers are moved out of the model.
func (o DataOptions) threshold() int64 {
	if o.Threshold == 0 {
		return DefaultThreshold
	}
	return o.Threshold
}
