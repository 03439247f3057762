package onnxpb

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// lowPayload makes every payload a large one, so that small messages take the way of large ones.
func lowPayload(t testing.TB, size int) {
	old := largePayload
	largePayload = size
	t.Cleanup(func() { largePayload = old })
}

// sameAsOfficial decodes data in place and with the official code: both fail, or both give the same model. It tells whether it is one.
func sameAsOfficial(t testing.TB, data []byte) bool {
	t.Helper()
	want := &ModelProto{}
	wantErr := proto.UnmarshalOptions{RecursionLimit: maxDepth}.Unmarshal(data, want)
	before := bytes.Clone(data)
	got, err := decodeInPlace(data)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%x: in place %v, official %v", data, err, wantErr)
	}
	if err != nil {
		return false
	}
	if !bytes.Equal(mustMarshal(t, got), mustMarshal(t, want)) { // tells what is absent from what is empty, and a NaN equals itself
		t.Fatalf("%x: in place\n%v\nofficial\n%v", data, got, want)
	}
	// Every program reads the same from what is written, by this package or by the official code.
	ours, err := Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := proto.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{ours, theirs} {
		again := &ModelProto{}
		if err := proto.Unmarshal(b, again); err != nil || !bytes.Equal(mustMarshal(t, again), mustMarshal(t, want)) {
			t.Fatalf("%x: written as\n%x (%v)", data, b, err)
		}
	}
	if !bytes.Equal(data, before) {
		t.Fatal("the bytes were written into")
	}
	return true
}

func tag(num protowire.Number, body ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), bytes.Join(body, nil))
}

func TestDecodeInPlaceIsOfficial(t *testing.T) {
	large, other := bytes.Repeat([]byte{1, 2, 3, 4}, 500), bytes.Repeat([]byte{5}, 3000)
	raw := func(v []byte) []byte { return tag(9, v) }
	name := func(s string) []byte { return tag(8, []byte(s)) }
	graph := func(b ...[]byte) []byte { return tag(7, b...) }
	node := func(attr ...[]byte) []byte { return tag(1, tag(5, attr...)) }
	long := func(num protowire.Number, body []byte) []byte { // a length in more bytes than it needs
		b := protowire.AppendTag(nil, num, protowire.BytesType)
		n := len(body)
		return append(append(b, byte(n)|0x80, byte(n>>7)|0x80, byte(n>>14)|0x80, 0x80, 0), body...)
	}
	group := append(append(protowire.AppendTag(nil, 5, protowire.StartGroupType), raw(large)...), protowire.AppendTag(nil, 5, protowire.EndGroupType)...)
	ok := map[string][]byte{
		"one payload":                graph(tag(5, name("w"), raw(large))),
		"fields in another order":    graph(tag(5, raw(large), name("w")), tag(2, []byte("g")), node(tag(1, large)), tag(5, raw(other))),
		"raw_data twice":             graph(tag(5, raw(large), raw(other))),
		"large, then small":          graph(tag(5, raw(large), raw([]byte{7}))),
		"large, then empty":          graph(tag(5, raw(large), raw(nil))),
		"small, then large":          graph(tag(5, raw([]byte{7}), raw(large))),
		"the graph twice":            append(graph(tag(5, raw(large)), tag(2, []byte("a"))), graph(tag(5, raw(other)), tag(2, []byte("b")))...),
		"the graph empty, then full": append(graph(), graph(tag(5, raw(large)))...),
		"the graph full, then empty": append(graph(tag(5, raw(large))), graph()...),
		"t twice":                    graph(node(tag(5, raw(large), name("a")), tag(5, raw(other), tag(13, tag(1, []byte("k")))))),
		"t large, then without data": graph(node(tag(5, raw(large)), tag(5, name("a")))),
		"g twice":                    graph(node(tag(6, tag(5, raw(large))), tag(6, tag(5, raw(other))))),
		"tensors, graphs":            graph(node(tag(10, raw(large)), tag(10, raw(other)), tag(11, tag(5, raw(large))), tag(11))),
		"sparse":                     graph(tag(15, tag(1, raw(large)), tag(2, raw(other)), tag(1, raw(other))), node(tag(22, tag(1, raw(large))), tag(23, tag(2, raw(large))))),
		"functions":                  append(tag(25, tag(7, tag(5, tag(5, raw(large)))), tag(11, tag(5, raw(other)))), tag(25)...),
		"training":                   append(tag(20, tag(1, tag(5, raw(large))), tag(2, tag(5, raw(other))), tag(1, tag(5, raw(large)))), tag(20)...),
		"strings":                    graph(tag(5, tag(6, large), tag(6, []byte("s")), tag(6), tag(6, other))),
		"typed fields":               graph(tag(5, tag(4, large), raw(large), tag(4, large), tag(7, other), tag(10, large), tag(11, large), tag(5, large))),
		"long lengths":               long(7, long(5, append(long(9, large), long(8, []byte("w"))...))),
		"unknown between":            graph(tag(3000, large), tag(5, tag(3000, large), raw(large), tag(3001, other)), tag(3000, other)),
		"another wire type":          graph(protowire.AppendVarint(protowire.AppendTag(nil, 5, protowire.VarintType), 3), tag(5, raw(large)), group),
		"a group":                    append(graph(tag(5, raw(large))), group...),
		"no field":                   {},
	}
	for n, data := range ok {
		t.Run(n, func(t *testing.T) {
			if !sameAsOfficial(t, data) {
				t.Error("is refused")
			}
		})
	}
	for n, data := range map[string][]byte{
		"cut payload":          graph(tag(5, raw(large)))[:1500],
		"length past the end":  graph(tag(5, raw(large)), []byte{0x2a, 0xff, 0xff, 0xff, 0xff, 0x7f}),
		"length past 64 bits":  graph(tag(5, raw(large)), []byte{0x2a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}),
		"field 0":              graph(tag(5, raw(large)), []byte{2, 0}),
		"end without a start":  append(graph(tag(5, raw(large))), 0x2c),
		"a group without end":  append(graph(tag(5, raw(large))), 0x2b),
		"bad name in a tensor": graph(tag(5, raw(large), []byte{0x42, 9, 1})),
	} {
		t.Run(n, func(t *testing.T) {
			if sameAsOfficial(t, data) {
				t.Error("is taken")
			}
		})
	}
}

func TestLargePayloadsStayInPlace(t *testing.T) {
	w := bytes.Repeat([]byte{1, 2, 3, 4}, 1000)
	m := small()
	m.Graph.Initializer = append(m.Graph.Initializer, &TensorProto{RawData: w}, &TensorProto{StringData: [][]byte{w, {1}}})
	m.Graph.Node[0].Attribute = []*AttributeProto{{T: &TensorProto{RawData: w}, Tensors: []*TensorProto{{RawData: w}},
		SparseTensor: &SparseTensorProto{Values: &TensorProto{RawData: w}, Indices: &TensorProto{RawData: w}},
		G:            &GraphProto{Initializer: []*TensorProto{{RawData: w}}, SparseInitializer: []*SparseTensorProto{{Values: &TensorProto{RawData: w}}}}}}
	m.Functions = []*FunctionProto{{Node: []*NodeProto{{Attribute: []*AttributeProto{{T: &TensorProto{RawData: w}}}}}}}
	m.TrainingInfo = []*TrainingInfoProto{{Algorithm: &GraphProto{Initializer: []*TensorProto{{RawData: w}}}}}
	data := mustMarshal(t, m)
	got, err := decodeInPlace(data)
	if err != nil {
		t.Fatal(err)
	}
	start, end := uintptr(unsafe.Pointer(&data[0])), uintptr(unsafe.Pointer(&data[len(data)-1]))
	n := 0
	got.AllTensors(func(p *TensorProto) {
		for _, b := range append([][]byte{p.RawData}, p.StringData...) {
			if len(b) < largePayload {
				continue
			}
			n++
			if at := uintptr(unsafe.Pointer(&b[0])); at < start || at > end {
				t.Error("a payload was copied")
			}
			if cap(b) != len(b) {
				t.Error("a payload can grow over what stands behind it")
			}
		}
	})
	if want := bytes.Count(data, w); n != want || n < 9 {
		t.Errorf("%d of %d payloads", n, want)
	}
}

// Large lists and strings stay in the file, too, whatever takes less space there than in memory most of all.
func TestLargeListsStayInPlace(t *testing.T) {
	ints, floats := make([]int64, 5000), make([]float32, 5001)
	for i := range ints {
		ints[i], floats[i] = int64(i-100)<<(i%60), float32(i)/3
	}
	int32s := make([]int32, 5000)
	uints := make([]uint64, 5000)
	doubles := make([]float64, 5000)
	for i, v := range ints {
		int32s[i], uints[i], doubles[i] = int32(v), uint64(v), float64(v)
	}
	text := bytes.Repeat([]byte("text"), 1000)
	m := small()
	m.Graph.Initializer = append(m.Graph.Initializer,
		&TensorProto{Name: proto.String("a"), DataType: proto.Int32(7), Dims: []int64{5000}, Int64Data: ints},
		&TensorProto{Name: proto.String("b"), DataType: proto.Int32(6), Dims: []int64{5000}, Int32Data: int32s, DocString: proto.String("behind it")},
		&TensorProto{Name: proto.String("c"), DataType: proto.Int32(13), Dims: []int64{5000}, Uint64Data: uints},
		&TensorProto{Name: proto.String("d"), DataType: proto.Int32(1), Dims: []int64{5001}, FloatData: floats},
		&TensorProto{Name: proto.String("e"), DataType: proto.Int32(11), Dims: []int64{5000}, DoubleData: doubles})
	m.Graph.Node[0].Attribute = []*AttributeProto{{S: text, Strings: [][]byte{text, {1}, text}}}
	data := mustMarshal(t, m)
	got, err := decodeInPlace(data)
	if err != nil {
		t.Fatal(err)
	}
	start, end := uintptr(unsafe.Pointer(&data[0])), uintptr(unsafe.Pointer(&data[len(data)-1]))
	within := func(what string, p unsafe.Pointer) {
		t.Helper()
		if at := uintptr(p); at < start || at > end {
			t.Errorf("%s was copied", what)
		}
	}
	w := got.Graph.Initializer[1:]
	within("int64_data", unsafe.Pointer(unsafe.SliceData(w[0].left(7))))
	within("int32_data", unsafe.Pointer(unsafe.SliceData(w[1].left(5))))
	within("uint64_data", unsafe.Pointer(unsafe.SliceData(w[2].left(11))))
	within("float_data", unsafe.Pointer(unsafe.SliceData(w[3].FloatData)))
	within("double_data", unsafe.Pointer(unsafe.SliceData(w[4].DoubleData)))
	a := got.Graph.Node[0].Attribute[0]
	within("s", unsafe.Pointer(unsafe.SliceData(a.S)))
	within("strings", unsafe.Pointer(unsafe.SliceData(a.Strings[2])))
	for _, model := range []*ModelProto{got, Clone(got)} {
		for i, p := range model.Graph.Initializer {
			if err := CheckData(p, ""); err != nil {
				t.Error(err)
			}
			have, err := Decode(p, "")
			if err != nil {
				t.Fatal(err)
			}
			want, err := Decode(m.Graph.Initializer[i], "")
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(have, want) {
				t.Errorf("%s: other elements", p.GetName())
			}
			if !proto.Equal(Unpacked(p), m.Graph.Initializer[i]) {
				t.Errorf("%s: unpacked it is another tensor", p.GetName())
			}
		}
		if b, err := Marshal(model); err != nil || !bytes.Equal(b, data) {
			t.Errorf("written to other bytes (%v)", err)
		}
	}
	// One element less than the dimensions tell, and one more.
	for _, d := range []int64{4999, 5001} {
		for _, p := range got.Graph.Initializer[1:4] {
			p.Dims[0] = d
			if CheckData(p, "") == nil {
				t.Errorf("%s: 5000 elements pass as %d", p.GetName(), d)
			}
			if _, err := Decode(p, ""); err == nil {
				t.Errorf("%s: 5000 elements are read as %d", p.GetName(), d)
			}
		}
	}
	// What takes the elements out takes those out that stand in the file.
	for _, p := range got.Graph.Initializer {
		p.dropElements()
		if field, err := payloadField(p); field != "" || err != nil || proto.Size(p) > 100 {
			t.Errorf("%s still has %s (%v)", p.GetName(), field, err)
		}
	}
}

// What is not written in the shortest way is decoded, so that it is written in it.
func TestListsThatDoNotStayInPlace(t *testing.T) {
	lowPayload(t, 1)
	list := func(num protowire.Number, b ...byte) []byte {
		return append([]byte{8, 8}, tag(7, tag(5, tag(num, b)))...)
	}
	minus := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
	for name, c := range map[string]struct {
		data        []byte
		stays, read bool
	}{
		"short":                    {list(7, 1, 0x80, 1, 3), true, true},
		"a zero in two bytes":      {list(7, 1, 0x80, 0), false, true},
		"cut":                      {list(7, 1, 0x80), false, false},
		"past 64 bits":             {list(7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02), false, false},
		"eleven bytes":             {list(11, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1), false, false},
		"-1 as int32":              {list(5, minus...), true, true},
		"-1 as int32 in 5 bytes":   {list(5, 0xff, 0xff, 0xff, 0xff, 0x0f), false, true},
		"2^31 as int32":            {list(5, 0x80, 0x80, 0x80, 0x80, 0x08), false, true},
		"2^31-1 as int32":          {list(5, 0xff, 0xff, 0xff, 0xff, 0x07), true, true},
		"nothing":                  {list(7), false, true},
		"floats, a byte too many":  {list(4, 1, 2, 3, 4, 5), false, false},
		"doubles, a byte too many": {list(10, 1, 2, 3, 4, 5, 6, 7, 8, 9), false, false},
	} {
		if got := sameAsOfficial(t, c.data); got != c.read {
			t.Errorf("%s: read: %v", name, got)
			continue
		}
		if m, err := decodeInPlace(c.data); err == nil && hasLeft(m.Graph.Initializer[0]) != c.stays {
			t.Errorf("%s: stays: %v", name, !c.stays)
		}
	}
	// In pieces, and in a tensor that comes twice.
	for name, data := range map[string][]byte{
		"twice":                      append([]byte{8, 8}, tag(7, tag(5, tag(7, []byte{1, 2}), tag(7, []byte{3})))...),
		"first empty":                append([]byte{8, 8}, tag(7, tag(5, tag(7), tag(7, []byte{3})))...),
		"packed, then not":           append([]byte{8, 8}, tag(7, tag(5, tag(7, []byte{1, 2}), []byte{7 << 3, 3}))...),
		"not packed, then packed":    append([]byte{8, 8}, tag(7, tag(5, []byte{7 << 3, 3}, tag(7, []byte{1, 2})))...),
		"two fields":                 append([]byte{8, 8}, tag(7, tag(5, tag(7, []byte{1, 2}), tag(5, []byte{3})))...),
		"unknown before":             append([]byte{8, 8}, tag(7, tag(5, unknown, tag(7, []byte{1, 2})))...),
		"unknown behind":             append([]byte{8, 8}, tag(7, tag(5, tag(7, []byte{1, 2}), unknown))...),
		"attribute t twice":          append([]byte{8, 8}, tag(7, tag(1, tag(5, tag(5, tag(7, []byte{1, 2})), tag(5, tag(7, []byte{3})))))...),
		"attribute t, then unpacked": append([]byte{8, 8}, tag(7, tag(1, tag(5, tag(5, tag(7, []byte{1, 2})), tag(5, []byte{7 << 3, 3}))))...),
		"indices twice":              append([]byte{8, 8}, tag(7, tag(15, tag(2, tag(7, []byte{1, 2})), tag(2, tag(7, []byte{3}))))...),
		"indices twice, in pieces":   append([]byte{8, 8}, tag(7, tag(1, tag(5, tag(22, tag(2, tag(7, []byte{1, 2}))), tag(22, tag(2, tag(7, []byte{3}))))))...),
	} {
		for _, size := range []int{0, 1, 2, 3, 4, 6, 8, 10} { // of some pieces are large, and of others not
			lowPayload(t, size)
			if !sameAsOfficial(t, data) {
				t.Errorf("%s: refused", name)
			}
		}
	}
}

func TestCountVarints(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for n := range 300 {
		var b []byte
		for range n {
			b = protowire.AppendVarint(b, rng.Uint64()>>rng.IntN(64))
		}
		if got := countVarints(b); got != n {
			t.Fatalf("%d for %d", got, n)
		}
	}
}

func TestDepthIsLimited(t *testing.T) {
	nested := func(depth int) []byte { // so many messages within each other, the model among them
		b := tag(3000, bytes.Repeat([]byte{1}, 2000))
		for level := depth - 2; level > 0; level-- {
			b = tag([]protowire.Number{6, 1, 5}[level%3], b) // a graph in an attribute, a node in a graph, an attribute in a node
		}
		return append([]byte{8, 8}, tag(7, b)...)
	}
	for _, size := range []int{0, 1 << 10, 1 << 30} {
		lowPayload(t, size)
		for _, depth := range []int{3, 50, 98, 99, 100, 101, 102, 103, 104, 200, 5000} {
			data := nested(depth)
			if got := sameAsOfficial(t, data); got != (depth <= 100) {
				t.Errorf("payloads from %d bytes, %d messages deep: taken: %v", size, depth, got)
			}
		}
	}
	path := write(t, filepath.Join(t.TempDir(), "deep.onnx"), nested(20_000))
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "100 deep") || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

// A small file takes little memory, whatever it claims to hold.
func TestMemoryFollowsTheFile(t *testing.T) {
	claims := bytes.Repeat([]byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0x3f}, 100) // a graph of 17 GB
	many := append([]byte{8, 8}, tag(7, bytes.Repeat([]byte{0x0a, 0}, 500))...)
	dims := append([]byte{8, 8}, tag(7, tag(5, tag(1, bytes.Repeat([]byte{0x7f}, 1000))))...)
	for name, data := range map[string][]byte{"claims": claims, "many nodes": many, "dims": dims} {
		path := write(t, filepath.Join(t.TempDir(), "m.onnx"), data)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f, err := Open(path)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%s: %d bytes of file took %d bytes of memory (%v)", name, len(data), used, err)
		}
		if err == nil {
			f.Close()
		}
	}
}

// mangle changes wire bytes at random: bits flip, pieces vanish, double or move, so that fields come twice, lengths lie and types are wrong.
func mangle(rng *rand.Rand, data []byte) []byte {
	b := bytes.Clone(data)
	for range 1 + rng.IntN(4) {
		if len(b) == 0 {
			return b
		}
		i := rng.IntN(len(b))
		j := min(i+1+rng.IntN(60), len(b))
		switch rng.IntN(6) {
		case 0:
			b[i] ^= 1 << rng.IntN(8)
		case 1:
			b[i] = byte(rng.IntN(256))
		case 2:
			b = append(b[:i:i], b[j:]...)
		case 3:
			b = append(b[:j:j], b[i:]...)
		case 4:
			piece := bytes.Clone(b[i:j])
			k := rng.IntN(len(b))
			b = append(append(b[:k:k], piece...), b[k:]...)
		case 5:
			b = b[:i]
		}
	}
	return b
}

func TestDecodeInPlaceOfMangledFiles(t *testing.T) {
	lowPayload(t, 1)
	rng := rand.New(rand.NewPCG(1, 2))
	taken, refused := 0, 0
	for _, m := range []*ModelProto{small(), full(2), full(4)} {
		data := mustMarshal(t, m)
		n := 20_000
		if len(data) > 20_000 {
			n = 1000
		}
		for range n {
			if sameAsOfficial(t, mangle(rng, data)) {
				taken++
			} else {
				refused++
			}
		}
	}
	if taken < 500 || refused < 500 {
		t.Errorf("%d taken, %d refused", taken, refused)
	}
}

// Fields that come several times, in any order: what protobuf merges is merged.
func TestDecodeInPlaceMerges(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	whole := full(5)
	for _, size := range []int{0, 8, 1 << 10} {
		lowPayload(t, size)
		for range 25 {
			var b []byte
			for range 2 + rng.IntN(3) {
				b = append(b, shuffled(rng, mustMarshal(t, whole), whole.ProtoReflect().Descriptor())...)
			}
			if !sameAsOfficial(t, b) {
				t.Fatal("refused")
			}
		}
	}
}

func TestDecodeInPlaceOfEveryCutAndFlip(t *testing.T) {
	lowPayload(t, 4)
	for _, m := range []*ModelProto{small(), full(2)} {
		data := mustMarshal(t, m)
		for i := range data {
			sameAsOfficial(t, data[:i])
			for bit := range 8 {
				b := bytes.Clone(data)
				b[i] ^= 1 << bit
				sameAsOfficial(t, b)
			}
		}
	}
}

func TestMappedFiles(t *testing.T) {
	dir := t.TempDir()
	m := small()
	m.Graph.Initializer = append(m.Graph.Initializer, TensorOf("big", []int64{1 << 19}, make([]float32, 1<<19)))
	m.Graph.Initializer[1].RawData[12345] = 42
	path := write(t, filepath.Join(dir, "m.onnx"), mustMarshal(t, m))
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	raw := f.Model.Graph.Initializer[1].RawData
	if f.mapped == nil {
		t.Skip("files are not mapped on this system")
	}
	x, at := mappedAt(raw)
	if x != f.mapped || !bytes.Equal(x.data[at:at+int64(len(raw))], raw) || at == 0 {
		t.Errorf("the payload lies at %d of %v", at, x)
	}
	if x, _ := mappedAt(m.Graph.Initializer[1].RawData); x != nil {
		t.Error("memory counts as a file")
	}
	if x, _ := mappedAt(nil); x != nil {
		t.Error("nothing lies in a file")
	}
	// Another file takes its place: what is open stays.
	if err := WriteFile(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(f.Model, m) {
		t.Error("the open model changed")
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	mappings.Lock()
	if len(mappings.list) != 0 {
		t.Errorf("%d mappings are left", len(mappings.list))
	}
	mappings.Unlock()
	// A file that is refused does not stay mapped.
	bad := write(t, filepath.Join(dir, "bad.onnx"), append(mustMarshal(t, m), 0xff))
	if _, err := Open(bad); err == nil || len(mappings.list) != 0 {
		t.Errorf("%v, %d mappings", err, len(mappings.list))
	}
	if _, err := os.Stat(bad); err != nil {
		t.Fatal(err)
	}
}
