package fuse

import (
	"path/filepath"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// ExternalDir returns the directory that the external data of all models lies in, so that the locations are the same in what Merge makes of them; "" where
// they have none, or where it lies in several directories: the report of Merge tells then where each file is.
func ExternalDir(models []Input) string {
	dir, differ := externalDir(models)
	if differ {
		return ""
	}
	return dir
}

// externalDir tells which directory the external data of models is relative to, and whether their directories differ.
func externalDir(models []Input) (dir string, differ bool) {
	first := true
	for _, in := range models {
		switch {
		case in.Model == nil || !onnxpb.HasExternal(in.Model):
		case first:
			dir, first = in.Dir, false
		case absolute(dir) != absolute(in.Dir):
			return dir, true
		}
	}
	return dir, false
}

// absolute makes a directory comparable; "" is one that is not known.
func absolute(dir string) string {
	if dir == "" {
		return ""
	}
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// dataFile is a file of external data, by its directory and its location there.
type dataFile struct{ dir, location string }

// relocateExternal gives every file of external data a location that is its own in the merged model, and puts down where the file lies. No file is opened.
func (w *merger) relocateExternal() error {
	inputs := make([]Input, len(w.members))
	for i, mb := range w.members {
		inputs[i] = mb.Input
		inputs[i].Model = mb.m
	}
	_, differ := externalDir(inputs)
	count := map[string]int{} // the files that have a location
	given := map[string]bool{}
	byFile := map[dataFile]string{}
	w.eachExternal(func(mb *member, e *onnxpb.StringStringEntryProto) {
		f := dataFile{absolute(mb.Dir), filepath.Clean(e.GetValue())}
		if _, ok := byFile[f]; !ok {
			byFile[f] = ""
			count[strings.ToLower(f.location)]++
		}
	})
	for _, mb := range w.members {
		if mb.Dir == "" && differ && onnxpb.HasExternal(mb.m) {
			return &onnxpb.Error{File: mb.Name, Msg: "has external data, and where it lies is not known", Hint: "give a model that stands in a file, beside its data"}
		}
	}
	w.eachExternal(func(mb *member, e *onnxpb.StringStringEntryProto) {
		f := dataFile{absolute(mb.Dir), filepath.Clean(e.GetValue())}
		to := byFile[f]
		if to == "" {
			to = f.location
			if count[strings.ToLower(to)] > 1 {
				to = filepath.Join(filepath.Dir(to), fileName(mb.Name)+"_"+filepath.Base(to))
			}
			for i, base := 1, to; given[strings.ToLower(to)] || to != f.location && count[strings.ToLower(to)] > 0; i++ {
				ext := filepath.Ext(base)
				to = strings.TrimSuffix(base, ext) + "_" + strconv.Itoa(i) + ext
			}
			given[strings.ToLower(to)] = true
			byFile[f] = to
			if mb.Dir != "" {
				w.report.Carry = append(w.report.Carry, onnxpb.CarryFile{Dir: mb.Dir, From: f.location, To: to})
			}
			if differ {
				w.tellData(mb.Name, f.location, to)
			}
		}
		if to != f.location {
			e.Value = proto.String(filepath.ToSlash(to))
		}
	})
	if !differ {
		for _, mb := range w.members {
			if onnxpb.HasExternal(mb.m) {
				w.tellData(mb.Name, "", "")
			}
		}
	}
	return nil
}

// tellData notes what becomes of the external data of a model, where the merged one is saved as the options say: of the file from, which is called to in the merged
// model, or of all of it where that is "".
func (w *merger) tellData(model, from, to string) {
	what, stays := "external data "+from+" of "+model, "stays in a file of its own"
	if from == "" {
		what, stays = "the external data of "+model, "stays in its files"
	}
	switch w.o.Data.Mode {
	case onnxpb.DataInline:
		w.report.Note("%s goes into the merged model", what)
	case onnxpb.DataFile:
		w.report.Note("%s goes into the one file of the merged model", what)
	case onnxpb.DataKeep:
		w.report.Note("%s stays where it is", what)
	default:
		if from != to {
			stays += ", as " + to + " where it has to move"
		} else if from == "" {
			stays += ", which go along to another directory"
		}
		w.report.Note("%s %s", what, stays)
	}
}

// eachExternal calls fn with every location of external data, model by model.
func (w *merger) eachExternal(fn func(*member, *onnxpb.StringStringEntryProto)) {
	for _, mb := range w.members {
		mb.m.AllTensors(func(t *onnxpb.TensorProto) {
			if t.GetDataLocation() != onnxpb.TensorProto_EXTERNAL {
				return
			}
			for _, e := range t.ExternalData {
				if e.GetKey() == "location" && e.GetValue() != "" {
					fn(mb, e)
				}
			}
		})
	}
}

// fileName makes the name of a model one that a file can have anywhere.
func fileName(model string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, model)
}
