package verify

import (
	"image"
	"image/color"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"onnxtool/onnxpb"
)

// portsOf pairs inputs written as "x:float32:[N,3]" of two models, position by position.
func portsOf(t *testing.T, ref, got []string) []portPair {
	t.Helper()
	a, b := inputsOf(declare(t, "a", ref, nil).Model), inputsOf(declare(t, "b", got, nil).Model)
	pairs := make([]portPair, len(a))
	for i := range a {
		pairs[i] = portPair{a[i], b[i]}
	}
	return pairs
}

func put(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParseInputFile(t *testing.T) {
	dir := t.TempDir()
	for s, want := range map[string]InputFile{
		"a.npy": {Path: "a.npy"}, "x=a.NPZ": {"x", "a.NPZ"}, "x=b/c.pb": {"x", "b/c.pb"}, "x=a.png": {"x", "a.png"}, "a.jpg": {Path: "a.jpg"}, "a.JPEG": {Path: "a.JPEG"},
		"a.bin": {Path: "a.bin"}, "x=a.raw": {"x", "a.raw"}, dir: {Path: dir},
	} {
		if f, err := ParseInputFile(s); err != nil || f != want {
			t.Errorf("%q: %+v, %v", s, f, err)
		}
	}
	for s, msg := range map[string]string{
		"=a.npy": "the name is missing", "x=": "the file is missing", "": "the file is missing", "x=" + dir: "a folder gives the inputs by position",
		"x=a.gif":     "neither .npy nor .npz nor .pb nor .png nor .jpg nor .jpeg nor .bin nor .raw nor a folder",
		dir + "/none": "neither .npy",
	} {
		_, err := ParseInputFile(s)
		mustFail(t, err, onnxpb.Usage, msg)
	}
}

func TestReadInputPictures(t *testing.T) {
	dir := t.TempDir()
	a, b := put(t, dir, "a.png", pngOf(t, grey(2, 0, 100))), put(t, dir, "b.png", pngOf(t, grey(4, 0, 51, 51, 255)))
	read := func(ref, got string, dims map[string]int64, ranges map[string]Range, paths ...string) (*onnxpb.Array, error) {
		var files []InputFile
		for _, p := range paths {
			files = append(files, InputFile{"x", p})
		}
		values, err := readInputsWith(files, portsOf(t, []string{ref}, []string{got}), dims, ranges)
		if err != nil {
			return nil, err
		}
		return values["x"].Array, nil
	}
	full := map[string]Range{"": {0, 255}}
	for _, c := range []struct {
		ref, got string
		dims     map[string]int64
		ranges   map[string]Range
		paths    []string
		shape    string
		want     any
	}{
		{"x:float32:[1,1,1,4]", "x:float32:[1,1,1,4]", nil, full, []string{a}, "[1,1,1,4]", []float32{0, 25, 75, 100}},
		// The size is that of whichever model tells it, or what the caller says.
		{"x:float32:[N,1,H,W]", "x:float32:[N,1,1,4]", nil, full, []string{a}, "[1,1,1,4]", []float32{0, 25, 75, 100}},
		{"x:float32:[N,1,H,W]", "x:float32:[N,1,H,W]", map[string]int64{"H": 1, "x[3]": 4}, full, []string{a}, "[1,1,1,4]", []float32{0, 25, 75, 100}},
		{"x:float32:[N,1,H,W]", "x:float32:[N,1,H,W]", nil, full, []string{a}, "[1,1,1,2]", []float32{0, 100}},
		{"x:uint8:[N,1,1,2]", "x:uint8:[N,1,1,2]", nil, map[string]Range{"x": {0, 51}, "": {0, 255}}, []string{a}, "[1,1,1,2]", []uint8{0, 20}},
		// Several pictures are a batch.
		{"x:uint8:[N,1,1,2]", "x:uint8:[N,1,1,2]", nil, nil, []string{a, b, a}, "[3,1,1,2]", []uint8{0, 100, 26, 153, 0, 100}},
	} {
		got, err := read(c.ref, c.got, c.dims, c.ranges, c.paths...)
		if err != nil {
			t.Errorf("%s: %v", c.ref, err)
		} else if shapeText(got.Dims) != c.shape || !reflect.DeepEqual(got.Data, c.want) {
			t.Errorf("%s: %v %v, want %s %v", c.ref, got.Dims, got.Data, c.shape, c.want)
		}
	}
	_, err := read("x:float32:[N,1,H,W]", "x:float32:[N,1,H,W]", nil, nil, a, b)
	mustFail(t, err, onnxpb.Unfit, "b.png", "not of one size", "--dims x[AXIS]")
	_, err = read("x:float32:[H,W]", "x:float32:[H,W]", nil, nil, a, a)
	mustFail(t, err, onnxpb.Usage, "two files give this input")
	_, err = read("x:float32:[N,5,8,8]", "x:float32:[N,5,8,8]", nil, nil, a)
	mustFail(t, err, onnxpb.Unfit, "a.png", `tensor "x"`, "not one of a picture")
	_, err = read("x:float32:", "x:float32:", nil, nil, a)
	mustFail(t, err, onnxpb.Unfit, "neither model declares the shape")
	_, err = read("x:float32:[1,1,1,2]", "x:float32:[1,1,1,2]", nil, nil, put(t, dir, "bad.jpg", []byte("no picture")))
	mustFail(t, err, onnxpb.Unfit, "bad.jpg", "neither a PNG nor a JPEG")
	_, err = read("x:float32:[1,1,1,2]", "x:float32:[1,1,1,2]", nil, nil, filepath.Join(dir, "no.png"))
	mustFail(t, err, onnxpb.Unfit, "no.png", "no such file")
	_, err = read("x:float32:[1,1,1,2]", "x:float32:[1,1,1,2]", nil, nil, put(t, dir, "a.gif", nil))
	mustFail(t, err, onnxpb.Usage, "a.gif", "neither .npy")
}

// TestModelsOnPictures: a whole comparison, of a batch of two pictures.
func TestModelsOnPictures(t *testing.T) {
	dir := t.TempDir()
	red := image.NewRGBA(image.Rect(0, 0, 3, 3))
	for i := range 9 {
		red.Set(i%3, i/3, color.RGBA{255, 0, 0, 255})
	}
	var fed []float32
	e := fakeEngine{"a": func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		fed = in["x"].Data.([]float32)
		return map[string]*onnxpb.Array{"y": in["x"]}
	}}
	a := declare(t, "a", []string{"x:float32:[N,3,1,1]"}, []string{"y:float32:[N,3,1,1]"})
	files := []InputFile{{Path: put(t, dir, "r.png", pngOf(t, red))}, {Path: put(t, dir, "g.png", pngOf(t, grey(1, 51)))}}
	r := compareAll(t, e, a, a, Options{Files: files})
	if r.Outputs[0].Shape != "[2,3,1,1]" || !reflect.DeepEqual(fed, []float32{1, 0, 0, 0.2, 0.2, 0.2}) || r.Inputs[0].Values != "file" {
		t.Errorf("fed %v: %+v", fed, r.Outputs[0])
	}
}

func TestReadInputRaw(t *testing.T) {
	dir := t.TempDir()
	six := put(t, dir, "six.bin", []byte{1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0})
	read := func(ref, got string, dims map[string]int64) (*onnxpb.Array, error) {
		values, err := readInputsWith([]InputFile{{"", six}}, portsOf(t, []string{ref}, []string{got}), dims, nil)
		if err != nil {
			return nil, err
		}
		return values["x"].Array, nil
	}
	for _, c := range []struct {
		ref, got string
		dims     map[string]int64
		want     string
	}{
		{"x:int16:[2,3]", "x:int16:[2,3]", nil, "[2,3]"},
		{"x:int16:[N,3]", "x:int16:[N,3]", nil, "[2,3]"},
		{"x:int16:[N,L]", "x:int16:[M,K]", map[string]int64{"K": 6}, "[1,6]"},
		{"x:int16:[N,L]", "x:int16:[N,L]", map[string]int64{"x[1]": 2}, "[3,2]"},
		{"x:int16:[N,L]", "x:int16:[N,2]", nil, "[3,2]"},
		{"x:int16:[1,2]", "x:int16:[3,2]", nil, "[3,2]"}, // the batch: the models fix it to different numbers
		{"x:int16:", "x:int16:[N]", nil, "[6]"},
	} {
		a, err := read(c.ref, c.got, c.dims)
		if err != nil {
			t.Errorf("%s, %s: %v", c.ref, c.got, err)
		} else if shapeText(a.Dims) != c.want || !reflect.DeepEqual(a.Data, []int16{1, 2, 3, 4, 5, 6}) {
			t.Errorf("%s, %s: %v %v, want %s", c.ref, c.got, a.Dims, a.Data, c.want)
		}
	}
	_, err := read("x:int16:[N,5]", "x:int16:[N,5]", nil)
	mustFail(t, err, onnxpb.Unfit, "six.bin", `tensor "x"`, "12 bytes, which do not fit: int16[N,5] takes 10 for each step")
	_, err = read("x:int16:[N,L]", "x:int16:[N,L]", nil)
	mustFail(t, err, onnxpb.Unfit, "more than one free dimension", "--dims")
	_, err = read("x:int16:", "x:int16:", nil)
	mustFail(t, err, onnxpb.Unfit, "neither model declares the shape")
	_, err = readInputs([]InputFile{{"x", filepath.Join(dir, "no.raw")}}, portsOf(t, []string{"x:int16:[2]"}, []string{"x:int16:[2]"}))
	mustFail(t, err, onnxpb.Unfit, "no.raw", "no such file")
}

// Where the size does not fit, the file is not read: one of a terabyte (a hole) is refused as well.
func TestReadRawOfATerabyte(t *testing.T) {
	hole := put(t, t.TempDir(), "hole.raw", nil)
	if err := os.Truncate(hole, 1<<40); err != nil {
		t.Skipf("the file system of TMPDIR takes no file of a terabyte, not even of holes: %v", err)
	}
	_, err := readInputs([]InputFile{{"x", hole}}, portsOf(t, []string{"x:int16:[2]"}, []string{"x:int16:[2]"}))
	mustFail(t, err, onnxpb.Unfit, "1099511627776 bytes")
}

func TestReadInputFolder(t *testing.T) {
	dir := t.TempDir()
	set := filepath.Join(dir, "test_data_set_0")
	if err := os.Mkdir(set, 0o777); err != nil {
		t.Fatal(err)
	}
	one, two := onnxpb.ArrayOf([]int64{1}, []float32{1}), onnxpb.ArrayOf([]int64{1}, []float32{2})
	writeTensor(t, set, "input_0.pb", one)
	writeTensor(t, set, "output_0.pb", two) // not an input
	x, y := []string{"x:float32:[1]", "y:float32:[1]"}, []string{"x:float32:[1]", "y:float32:[1]"}
	// One of two: the other is generated.
	values, err := readInputs([]InputFile{{Path: set}}, portsOf(t, x, y))
	if err != nil || len(values) != 1 || values["x"].Array.Data.([]float32)[0] != 1 {
		t.Errorf("%v, %v", values, err)
	}
	writeTensor(t, set, "input_1.pb", two)
	values, err = readInputs([]InputFile{{Path: set}}, portsOf(t, x, y))
	if err != nil || len(values) != 2 || values["x"].Array.Data.([]float32)[0] != 1 || values["y"].Array.Data.([]float32)[0] != 2 {
		t.Errorf("%v, %v", values, err)
	}
	_, err = readInputs([]InputFile{{Path: set}, {"y", filepath.Join(set, "input_0.pb")}}, portsOf(t, x, y))
	mustFail(t, err, onnxpb.Usage, "two files give this input")
	_, err = readInputs([]InputFile{{Path: set}}, portsOf(t, x[:1], y[:1]))
	mustFail(t, err, onnxpb.Unfit, set, "holds 2 inputs, the models have 1")
	_, err = readInputs([]InputFile{{Path: dir}}, portsOf(t, x, y))
	mustFail(t, err, onnxpb.Unfit, "holds no input_0.pb", "test_data_set_0")
	put(t, set, "input_1.pb", []byte("damaged"))
	_, err = readInputs([]InputFile{{Path: set}}, portsOf(t, x, y))
	mustFail(t, err, onnxpb.Unfit, "input_1.pb", "TensorProto")
	if err := os.Rename(filepath.Join(set, "input_0.pb"), filepath.Join(set, "input_2.pb")); err != nil {
		t.Fatal(err)
	}
	_, err = readInputs([]InputFile{{Path: set}}, portsOf(t, x, y))
	mustFail(t, err, onnxpb.Unfit, "input_0.pb is missing")
}
