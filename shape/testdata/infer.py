# Infers the models whose paths standard input lists with onnx.shape_inference, and prints for each a line of JSON: what it tells of the values of the main
# graph that nodes make. What the models declare of outputs and of values within is taken away first.
import json
import sys

import onnx
from onnx import shape_inference


def dim(d):
    which = d.WhichOneof("value")
    return getattr(d, which) if which else None


def type_of(t):
    which = t.WhichOneof("value")
    if which in ("tensor_type", "sparse_tensor_type"):
        x = getattr(t, which)
        v = {"kind": "tensor" if which == "tensor_type" else "sparse_tensor", "elem": x.elem_type}
        if x.HasField("shape"):
            v["dims"] = [dim(d) for d in x.shape.dim]
        return v
    if which == "sequence_type":
        return {"kind": "seq", "of": type_of(t.sequence_type.elem_type)}
    if which == "optional_type":
        return {"kind": "optional", "of": type_of(t.optional_type.elem_type)}
    if which == "map_type":
        return {"kind": "map", "key": t.map_type.key_type, "of": type_of(t.map_type.value_type)}
    return None


for path in sys.stdin.read().splitlines():
    try:
        m = onnx.load(path, load_external_data=False)
        for o in m.graph.output:
            o.ClearField("type")
        del m.graph.value_info[:]
        m = shape_inference.infer_shapes(m, check_type=False, strict_mode=False, data_prop=True)
        answer = {"values": {v.name: type_of(v.type) for g in (m.graph.value_info, m.graph.output) for v in g}}
    except Exception as e:
        answer = {"error": " ".join(str(e).split()) or type(e).__name__}
    print(json.dumps(answer), flush=True)
