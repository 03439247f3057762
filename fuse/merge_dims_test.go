package fuse_test

import (
	"strings"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// interfaceOf is the first line that show writes, with value_info behind it.
func interfaceOf(m *onnxpb.ModelProto) string {
	s, _, _ := strings.Cut(show(m), "\n")
	for _, v := range m.Graph.ValueInfo {
		s += " | " + v.GetName() + strings.TrimPrefix(onnxpb.FormatTypeProto(v.GetType()), "float32 ")
	}
	return s
}

func TestMergeDimensions(t *testing.T) {
	withInfo := func(shape string) *onnxpb.ModelProto {
		m := relu(t, shape)
		m.Graph.ValueInfo = []*onnxpb.ValueInfoProto{value(t, "h"+shape)}
		return m
	}
	other := func(shape string) *onnxpb.ModelProto {
		m := mini(t, "in"+shape+" -> out"+shape, "g = Relu(in)", "out = Neg(g)")
		m.Graph.ValueInfo = []*onnxpb.ValueInfoProto{value(t, "g"+shape)}
		return m
	}
	for _, tt := range []struct {
		name    string
		models  []*onnxpb.ModelProto // called a, b, c
		connect string
		same    []string
		want    string
		told    []string
	}{
		{
			name: "equal names stay apart", models: []*onnxpb.ModelProto{withInfo("[N,3]"), other("[N,3]")},
			want: "x[N,3] in[N_1,3] -> y[N,3] out[N_1,3] | h[N,3] | g[N_1,3]", told: []string{`renamed dimension "b:N": N -> N_1`},
		},
		{
			name: "an invented name avoids others", models: []*onnxpb.ModelProto{withInfo("[N,N_1]"), other("[N,3]"), relu(t, "[N,N_2]")},
			want: "x[N,N_1] in[N_3,3] c_x[N_4,N_2] -> y[N,N_1] out[N_3,3] c_y[N_4,N_2] | h[N,N_1] | g[N_3,3]",
		},
		{
			name: "a connection makes them one", models: []*onnxpb.ModelProto{withInfo("[N,3]"), other("[N,3]")}, connect: "a:y=b:in",
			want: "x[N,3] -> out[N,3] | h[N,3] | g[N,3] | y[N,3]",
		},
		{
			name: "under the name of the source", models: []*onnxpb.ModelProto{withInfo("[N,3]"), other("[batch,3]")}, connect: "a:y=b:in",
			want: "x[N,3] -> out[N,3] | h[N,3] | g[N,3] | y[N,3]", told: []string{`renamed dimension "b:batch": batch -> N`},
		},
		{
			name: "also where the source is the later model", models: []*onnxpb.ModelProto{withInfo("[N,3]"), other("[batch,3]")}, connect: "b:out=a:x",
			want: "in[batch,3] -> y[batch,3] | h[batch,3] | g[batch,3] | out[batch,3]",
		},
		{
			name: "a number feeds a parameter", models: []*onnxpb.ModelProto{withInfo("[1,3]"), other("[N,3]")}, connect: "a:y=b:in",
			want: "x[1,3] -> out[1,3] | h[1,3] | g[1,3] | y[1,3]", told: []string{`changed dimension "b:N": N -> 1`},
		},
		{
			name: "a parameter feeds a number", models: []*onnxpb.ModelProto{withInfo("[N,3]"), other("[1,3]")}, connect: "a:y=b:in",
			want: "x[1,3] -> out[1,3] | h[1,3] | g[1,3] | y[1,3]", told: []string{`changed dimension "a:N": N -> 1`},
		},
		{
			name: "a number reaches through a parameter", models: []*onnxpb.ModelProto{withInfo("[N,3]"), other("[M,3]"), relu(t, "[4,3]")}, connect: "a:y=b:in b:out=c:x",
			want: "x[4,3] -> c_y[4,3] | h[4,3] | g[4,3] | y[4,3] | out[4,3]",
		},
		{
			name: "inputs that become one", models: []*onnxpb.ModelProto{withInfo("[N,3]"), other("[M,3]")}, connect: "a:x=b:in",
			want: "x[N,3] -> y[N,3] out[N,3] | h[N,3] | g[N,3]",
		},
		{
			name: "the earlier holder of a name keeps it", models: []*onnxpb.ModelProto{mini(t, "k[K] n[N] -> u[K] v[N]", "u = Exp(k)", "v = Exp(n)"), mini(t, "in[N] -> out[N]", "out = Neg(in)")},
			connect: "b:out=a:k", want: "n[N] in[N_1] -> u[N_1] v[N] | out[N_1]",
		},
		{
			name: "unknown dimensions unify nothing", models: []*onnxpb.ModelProto{withInfo("[?,3]"), other("[N,3]")}, connect: "a:y=b:in",
			want: "x[?,3] -> out[N,3] | h[?,3] | g[N,3] | y[?,3]", told: []string{`a:y could be checked against b:in only in part: float32 \[\?,3\] and float32 \[N,3\]`},
		},
		{
			name: "an unknown dimension of an input that becomes one", models: []*onnxpb.ModelProto{withInfo("[?,3]"), other("[N,?]")}, connect: "a:x=b:in",
			want: "x[N,3] -> y[?,3] out[N,?] | h[?,3] | g[N,?]",
		},
		{
			name: "two parameters of a model become one", models: []*onnxpb.ModelProto{mini(t, "x[N] -> y[N] z[N]", "y = Exp(x)", "z = Abs(x)"), mini(t, "a[K] b[M] -> c[K] d[M]", "c = Exp(a)", "d = Abs(b)")},
			connect: "a:y=b:a a:z=b:b", want: "x[N] -> c[N] d[N] | y[N] | z[N]",
		},
		{
			name: "all the same", models: []*onnxpb.ModelProto{withInfo("[N,K]"), other("[N,K]")}, same: []string{"*"},
			want: "x[N,K] in[N,K] -> y[N,K] out[N,K] | h[N,K] | g[N,K]",
		},
		{
			name: "one the same", models: []*onnxpb.ModelProto{withInfo("[N,K]"), other("[N,K]")}, same: []string{"N"},
			want: "x[N,K] in[N,K_1] -> y[N,K] out[N,K_1] | h[N,K] | g[N,K_1]",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var models []fuse.Input
			for i, m := range tt.models {
				models = append(models, fuse.Input{Name: string(rune('a' + i)), Model: m})
			}
			m, r := merge(t, models, fuse.MergeOptions{Connect: connections(t, tt.connect), SameDims: tt.same})
			if got := interfaceOf(m); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			told(t, r, tt.told...)
		})
	}
}

func TestMergeSameDimsRefuses(t *testing.T) {
	models := []fuse.Input{{Name: "a", Model: relu(t, "[batch,3]")}, {Name: "b", Model: add(t)}}
	_, _, err := tryMerge(t, models, fuse.MergeOptions{SameDims: []string{"btach"}})
	if err == nil || !strings.Contains(err.Error(), `no model has a dimension parameter "btach" (did you mean batch?)`) {
		t.Errorf("error %v", err)
	}
	// The connections say that a's N is 2 and b's is 5.
	models = []fuse.Input{{Name: "a", Model: mini(t, "x[N] -> y[N]", "y = Exp(x)")}, {Name: "b", Model: mini(t, "u[N] -> v[N]", "v = Exp(u)")},
		{Name: "c", Model: mini(t, "-> k[2] l[5]", "k = 1 2", "l = 1 2 3 4 5")}}
	_, _, err = tryMerge(t, models, fuse.MergeOptions{Connect: connections(t, "c:k=a:x c:l=b:u"), SameDims: []string{"N"}})
	if err == nil || !strings.Contains(err.Error(), "the dimensions N cannot be the same in all models: N is 2, and N is 5") {
		t.Errorf("error %v", err)
	}
}

// TestMergeDimensionsEverywhere has a parameter in a subgraph, in an attribute that is a type, in a sequence and in a sharding.
func TestMergeDimensionsEverywhere(t *testing.T) {
	m := branching(t)
	sub := m.Graph.Node[1].Attr("then_branch").G
	sub.ValueInfo = []*onnxpb.ValueInfoProto{value(t, "a[N]")}
	optional := onnxpb.Node("Optional", "", nil, []string{"none"}, &onnxpb.AttributeProto{Name: ptr("type"), Type: onnxpb.AttributeProto_TYPE_PROTO.Enum(),
		Tp: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: onnxpb.TensorType(onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N")})}}}})
	optional.DeviceConfigurations = []*onnxpb.NodeDeviceConfigurationProto{{ShardingSpec: []*onnxpb.ShardingSpecProto{{TensorName: ptr("h"), ShardedDim: []*onnxpb.ShardedDimProto{{
		SimpleSharding: []*onnxpb.SimpleShardedDimProto{{Dim: &onnxpb.SimpleShardedDimProto_DimParam{DimParam: "N"}}}}}}}}}
	m.Graph.Node = append(m.Graph.Node, optional)
	for _, tt := range []struct{ connect, want string }{
		{connect: "", want: "N_1"},
		{connect: "p:y=q:x", want: "7"},
	} {
		m.Graph.Input[1] = value(t, "x[N]")
		p := mini(t, "in[N] -> y[7]", "k = 1 2 3 4 5 6 7", "y = Neg(k)", "unused = Neg(in)")
		got, _ := merge(t, []fuse.Input{{Name: "p", Model: p}, {Name: "q", Model: m}}, fuse.MergeOptions{Connect: connections(t, tt.connect), SameDims: nil})
		nodes := got.Graph.Node
		ifNode, opt := nodes[len(nodes)-2], nodes[len(nodes)-1]
		inSub, _ := ifNode.Attr("then_branch").G.ValueInfo[0].Shape()
		inType := onnxpb.FormatTypeProto(opt.Attr("type").Tp)
		sharded := opt.DeviceConfigurations[0].ShardingSpec[0].ShardedDim[0].SimpleSharding[0]
		if inSub[0].String() != tt.want || inType != "sequence(float32 ["+tt.want+"])" || sharded.GetDimParam() != tt.want && sharded.GetDimValue() != 7 {
			t.Errorf("%q: %v, %s, %v, want %s", tt.connect, inSub, inType, sharded, tt.want)
		}
	}
}
