package verify_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// handmade puts a gate written here, node by node, behind the two poses of a fused stand-in, in place of the gate that fuse writes. compare and where say how:
// see the cases.
func handmade(t *testing.T, nodes ...*onnxpb.NodeProto) (fused, front, rear *onnxpb.ModelProto) {
	t.Helper()
	front, rear = standins()
	m := dmhead(t, front, rear, fuse.DMHeadOptions{Expose: []string{"front", "rear"}})
	meta := m.MetadataProps
	if _, err := surgery.Extract(m, nil, []string{"front_pose", "rear_pose"}); err != nil {
		t.Fatal(err)
	}
	m.MetadataProps = meta
	g := m.Graph
	g.Node = append(g.Node, nodes...)
	limit := float32(75)
	g.Initializer = append(g.Initializer, onnxpb.TensorOf("h_limit", nil, []float32{limit}), onnxpb.TensorOf("h_wider", nil, []float32{75.00001}),
		onnxpb.TensorOf("h_zero", nil, []float32{0}), onnxpb.TensorOf("h_first", []int64{1}, []int64{0}), onnxpb.TensorOf("h_swap", []int64{3}, []int64{0, 2, 1}))
	g.ValueInfo = append(g.ValueInfo, g.Output...)
	g.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("yaw_roll_pitch", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(3)})}
	return m, front, rear
}

// TestHeadHandmadeGates: gates that hold, and gates with a fault that few or no images show.
func TestHeadHandmadeGates(t *testing.T) {
	n := func(op, out string, in ...string) *onnxpb.NodeProto {
		node := onnxpb.Node(op, "h_"+out, in, []string{out})
		switch op {
		case "Gather":
			node.Attribute = append(node.Attribute, onnxpb.Int("axis", 1))
		case "Cast":
			node.Attribute = append(node.Attribute, onnxpb.Int("to", int64(onnxpb.TensorProto_FLOAT)))
		}
		return node
	}
	judge := []*onnxpb.NodeProto{n("Gather", "judge", "rear_pose", "h_first"), n("Abs", "abs", "judge")}
	masks := []*onnxpb.NodeProto{n("Not", "is_rear", "is_front"), n("Where", "f", "is_front", "front_pose", "h_zero"), n("Where", "r", "is_rear", "rear_pose", "h_zero"), n("Add", "yaw_roll_pitch", "f", "r")}
	join := func(lists ...[]*onnxpb.NodeProto) (all []*onnxpb.NodeProto) {
		for _, l := range lists {
			for _, node := range l {
				all = append(all, proto.Clone(node).(*onnxpb.NodeProto))
			}
		}
		return all
	}
	one := func(node *onnxpb.NodeProto) []*onnxpb.NodeProto { return []*onnxpb.NodeProto{node} }
	atMost := one(n("LessOrEqual", "is_front", "abs", "h_limit"))
	for _, c := range []struct {
		name  string
		nodes []*onnxpb.NodeProto
		near  bool
		says  string // "" where the gate holds
	}{
		{"masks and a sum", join(judge, atMost, masks), true, ""},
		{"one Where", join(judge, atMost, one(n("Where", "yaw_roll_pitch", "is_front", "front_pose", "rear_pose"))), true, ""},
		{"the limit itself left to the rear", join(judge, one(n("Less", "is_front", "abs", "h_limit")), masks), true, "the gate by itself"},
		{"a limit one float too high", join(judge, one(n("LessOrEqual", "is_front", "abs", "h_wider")), masks), true, "the gate by itself"},
		{"NaN taken for the front", join(judge, one(n("Greater", "past", "abs", "h_limit")), one(n("Not", "is_front", "past")), masks), true, "the gate by itself"},
		{"masks by products", join(judge, atMost, one(n("Not", "is_rear", "is_front")), one(n("Cast", "mf", "is_front")), one(n("Cast", "mr", "is_rear")), one(n("Mul", "f", "front_pose", "mf")),
			one(n("Mul", "r", "rear_pose", "mr")), one(n("Add", "yaw_roll_pitch", "f", "r"))), true, "the gate by itself"},
		{"no abs", join(judge[:1], one(n("LessOrEqual", "is_front", "judge", "h_limit")), masks), false, "own judge chooses"},
		{"roll and pitch swapped", join(judge, atMost, one(n("Where", "chosen", "is_front", "front_pose", "rear_pose")), one(n("Gather", "yaw_roll_pitch", "chosen", "h_swap"))), false, "own judge chooses"},
		{"judged by the front", join(one(n("Gather", "judge", "front_pose", "h_first")), judge[1:], atMost, masks), false, "own judge chooses"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fused, front, rear := handmade(t, c.nodes...)
			r := verifyHead(t, fused, front, rear, verify.HeadOptions{Batches: []int64{3}})
			if c.says == "" {
				mustHold(t, r)
				return
			}
			found := strings.Contains(r.ExactWhy, c.says)
			if c.says == "the gate by itself" {
				found = r.Sweep.Unequal > 0
			}
			if r.Holds || r.Near != c.near || r.Exact != verify.ExactFailed || !found {
				t.Errorf("near %v, exact %s (%s), want the fault %q to be found", r.Near, r.Exact, r.ExactWhy, c.says)
			}
		})
	}
}

// TestHeadNormalisation: a fused model with one normalisation, held to another.
func TestHeadNormalisation(t *testing.T) {
	front, rear := standins()
	imagenet := fuse.ImageNet(1)
	norm := &verify.Norm{Mean: imagenet.Mean, Std: imagenet.Std, Scale: 1}
	fused := dmhead(t, front, rear, fuse.DMHeadOptions{FrontNorm: &imagenet, RearNorm: &imagenet})
	mustHold(t, verifyHead(t, fused, front, rear, verify.HeadOptions{FrontNorm: norm, RearNorm: norm}))
	rest := &verify.Norm{Mean: []float64{0.485, 0.456, 0.406}, Std: []float64{0.229, 0.225, 0.224}, Scale: 1}
	for _, o := range []verify.HeadOptions{{FrontNorm: norm}, {RearNorm: norm}, {FrontNorm: norm, RearNorm: rest}} {
		o.Batches = []int64{1}
		if r := verifyHead(t, fused, front, rear, o); r.Holds || r.Near {
			t.Errorf("%+v and %+v were taken for the normalisations", o.FrontNorm, o.RearNorm)
		}
	}
}

// TestHeadForms: every form in which a model gives a pose, as DMHead and the oracle read it.
func TestHeadForms(t *testing.T) {
	front, rear := standins()
	// Six numbers: what the front's Gram-Schmidt is made of.
	six := onnxpb.Clone(front)
	if _, err := surgery.Extract(six, nil, []string{"six"}); err != nil {
		t.Fatal(err)
	}
	six.Graph.Output[0] = onnxpb.TensorValue("six", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(1, 6))
	mustHold(t, verifyHead(t, dmhead(t, six, rear, fuse.DMHeadOptions{}), six, rear, verify.HeadOptions{Batches: []int64{2}}))
	// The mean of yaw bins along the circle, another order, an opset of old.
	o := fuse.DMHeadOptions{Circular: true, Order: "pitch,yaw,roll"}
	fused := dmhead(t, front, rear, o)
	mustHold(t, verifyHead(t, fused, front, rear, verify.HeadOptions{Circular: true, Batches: []int64{2}}))
	if r := verifyHead(t, fused, front, rear, verify.HeadOptions{Batches: []int64{2}}); r.Holds {
		t.Error("the mean along the circle was taken for that along the line")
	}
	// Two heads of logits.
	mustHold(t, verifyHead(t, dmhead(t, rear, standinRear(5), fuse.DMHeadOptions{}), rear, standinRear(5), verify.HeadOptions{Batches: []int64{2}}))
}
