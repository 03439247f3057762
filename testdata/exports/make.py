#!/usr/bin/env python3
"""Exports small PyTorch networks with seeded random weights, by both exporters, with a batch of 1 baked in and with a free one.

    python3 make.py OUT

For each network NAME there are in OUT
    NAME.script.1.onnx    torch.onnx.export(dynamo=False), batch 1
    NAME.script.N.onnx    the same with dynamic_axes
    NAME.dynamo.1.onnx    torch.onnx.export(dynamo=True), batch 1
    NAME.dynamo.N.onnx    the same with dynamic_shapes
    NAME.npz              inputs of a batch of 3, and what PyTorch computes of them: in0, in1, ..., out0, out1, ...
and exports.json, which tells the versions, the batch axis of every input and output, and what an exporter refused.
"""
import json
import math
import os
import sys
import traceback
import warnings

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

warnings.filterwarnings("ignore")
BATCH = 3


class MHAFirst(nn.Module):
    """Attention with the sequence first: the batch is axis 1."""

    def __init__(self):
        super().__init__()
        self.att = nn.MultiheadAttention(8, 2)

    def forward(self, x):
        return self.att(x, x, x, need_weights=False)[0]


class MHABatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.att = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        y, w = self.att(x, x, x)
        return y, w


class Encoder(nn.Module):
    """BERT-like: embeddings, positions, two layers, a mask."""

    def __init__(self, batch_first):
        super().__init__()
        self.batch_first = batch_first
        self.emb = nn.Embedding(20, 8)
        self.pos = nn.Parameter(torch.randn(5, 8))
        self.enc = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=batch_first), 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 3)

    def forward(self, ids):
        x = self.emb(ids) + self.pos
        if not self.batch_first:
            x = x.transpose(0, 1)
        x = self.enc(x)
        if not self.batch_first:
            x = x.transpose(0, 1)
        return self.head(x)


class ViT(nn.Module):
    """Patches, a class token that is expanded to the batch, positions."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.cls = nn.Parameter(torch.randn(1, 1, 8))
        self.pos = nn.Parameter(torch.randn(1, 17, 8))
        self.n1, self.n2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.qkv, self.proj = nn.Linear(8, 24), nn.Linear(8, 8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        b, n, c = x.shape
        x = torch.cat([self.cls.expand(b, -1, -1), x], 1) + self.pos
        y = self.n1(x)
        qkv = self.qkv(y).reshape(b, n + 1, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        att = (q @ k.transpose(-2, -1) * (c // 2) ** -0.5).softmax(-1)
        x = x + self.proj((att @ v).transpose(1, 2).reshape(b, n + 1, c))
        x = x + self.mlp(self.n2(x))
        return self.head(x[:, 0])


class Swin(nn.Module):
    """Windows: the batch is merged with them and split again; a shift with a mask."""

    def __init__(self, shift):
        super().__init__()
        self.shift = shift
        self.embed = nn.Conv2d(3, 8, 2, 2)
        self.norm = nn.LayerNorm(8)
        self.qkv, self.proj = nn.Linear(8, 24), nn.Linear(8, 8)
        self.merge = nn.Linear(32, 16)
        self.head = nn.Linear(16, 4)
        mask = torch.zeros(4, 16, 16)
        mask[1:, :8, 8:] = -100.0
        self.register_buffer("mask", mask)
        self.bias = nn.Parameter(torch.randn(2, 16, 16))

    def forward(self, x):
        x = self.embed(x).permute(0, 2, 3, 1)
        b, h, w, c = x.shape
        y = self.norm(x)
        if self.shift:
            y = torch.roll(y, (-2, -2), (1, 2))
        win = y.view(b, h // 4, 4, w // 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c)
        qkv = self.qkv(win).reshape(win.shape[0], 16, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        att = q @ k.transpose(-2, -1) * 0.5 + self.bias
        if self.shift:
            att = (att.view(b, 4, 2, 16, 16) + self.mask.unsqueeze(1).unsqueeze(0)).view(-1, 2, 16, 16)
        win = self.proj((att.softmax(-1) @ v).transpose(1, 2).reshape(-1, 16, c))
        y = win.view(b, h // 4, w // 4, 4, 4, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        if self.shift:
            y = torch.roll(y, (2, 2), (1, 2))
        x = x + y
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        return self.head(self.merge(x).mean((1, 2)))


class LSTMTagger(nn.Module):
    def __init__(self, batch_first, bidirectional=True):
        super().__init__()
        self.emb = nn.Embedding(20, 6)
        self.rnn = nn.LSTM(6, 5, 2, batch_first=batch_first, bidirectional=bidirectional)
        self.head = nn.Linear(10 if bidirectional else 5, 3)

    def forward(self, ids):
        y, _ = self.rnn(self.emb(ids))
        return self.head(y)


class GRUState(nn.Module):
    """A state that the network makes of zeros, and returns."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(6, 5, 1, batch_first=True)

    def forward(self, x):
        h0 = torch.zeros(1, x.shape[0], 5)
        y, h = self.rnn(x, h0)
        return y, h


class GRUGiven(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(6, 5, 1)

    def forward(self, x, h):
        y, h = self.rnn(x, h)
        return y[-1], h


class Shuffle(nn.Module):
    """ShuffleNet's channel shuffle and split."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.branch = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 1, 1, groups=4))
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = self.stem(x)
        a, b = x.chunk(2, 1)
        x = torch.cat([a, self.branch(b)], 1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class UNet(nn.Module):
    def __init__(self, by_size):
        super().__init__()
        self.by_size = by_size
        self.a, self.b, self.c = nn.Conv2d(3, 4, 3, 1, 1), nn.Conv2d(4, 8, 3, 2, 1), nn.Conv2d(12, 2, 3, 1, 1)

    def forward(self, x):
        a = F.relu(self.a(x))
        b = F.relu(self.b(a))
        if self.by_size:
            up = F.interpolate(b, size=a.shape[2:], mode="bilinear", align_corners=False)
        else:
            up = F.interpolate(b, scale_factor=2, mode="nearest")
        return self.c(torch.cat([a, up], 1))


class Yolo(nn.Module):
    """A head with a grid and anchors as constants, the boxes of all cells in one row."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3, 4, 1)
        self.head = nn.Conv2d(8, 2 * 7, 1)
        gy, gx = torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij")
        self.register_buffer("grid", torch.stack([gx, gy], -1).view(1, 1, 4, 4, 2))
        self.register_buffer("anchors", torch.tensor([[1.0, 2.0], [3.0, 1.0]]).view(1, 2, 1, 1, 2))

    def forward(self, x):
        y = self.head(F.silu(self.body(x)))
        b = y.shape[0]
        y = y.view(b, 2, 7, 4, 4).permute(0, 1, 3, 4, 2).contiguous().sigmoid()
        xy = (y[..., 0:2] * 2 - 0.5 + self.grid) * 4
        wh = (y[..., 2:4] * 2) ** 2 * self.anchors
        return torch.cat([xy, wh, y[..., 4:]], -1).view(b, -1, 7)


class DETR(nn.Module):
    """Object queries that are repeated to the batch, attention with the sequence first."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 8, 4, 4)
        self.query = nn.Parameter(torch.randn(5, 8))
        self.pos = nn.Parameter(torch.randn(16, 1, 8))
        self.cross = nn.MultiheadAttention(8, 2)
        self.own = nn.MultiheadAttention(8, 2)
        self.box, self.cls = nn.Linear(8, 4), nn.Linear(8, 3)

    def forward(self, x):
        m = self.body(x).flatten(2).permute(2, 0, 1)
        q = self.query.unsqueeze(1).repeat(1, m.shape[1], 1)
        t = torch.zeros_like(q)
        t = t + self.own(t + q, t + q, t)[0]
        t = t + self.cross(t + q, m + self.pos, m)[0]
        t = t.transpose(0, 1)
        return self.box(t).sigmoid(), self.cls(t)


class Norms(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 8, 3, 1, 1)
        self.g, self.i = nn.GroupNorm(2, 8), nn.InstanceNorm2d(8, affine=True)

    def forward(self, x):
        y = self.i(self.g(self.c(x)))
        return F.pixel_shuffle(F.pad(y, (1, 1, 1, 1), mode="reflect"), 2).mean(1, keepdim=True)


class Pool(nn.Module):
    """Squeeze of everything that is one, a view by -1, and an einsum."""

    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 6, 3, 2, 1)
        self.w = nn.Parameter(torch.randn(6, 4))
        self.se = nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 6), nn.Sigmoid())

    def forward(self, x):
        x = self.c(x)
        s = self.se(x.mean((2, 3)))
        x = x * s[:, :, None, None]
        v = F.adaptive_avg_pool2d(x, 1).squeeze(3).squeeze(2)
        return torch.einsum("bc,cd->bd", v, self.w), x.amax((1, 2, 3))


class Rotary(nn.Module):
    """A decoder layer with a causal mask, rotary positions and grouped queries, as language models have it."""

    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(20, 16)
        self.q, self.k, self.v, self.o = nn.Linear(16, 16, False), nn.Linear(16, 8, False), nn.Linear(16, 8, False), nn.Linear(16, 16, False)
        self.up, self.down = nn.Linear(16, 32, False), nn.Linear(32, 16, False)
        self.norm = nn.Parameter(torch.ones(16))
        freq = torch.outer(torch.arange(6.0), 1.0 / 100 ** (torch.arange(0, 4, 2) / 4.0))
        self.register_buffer("cos", freq.cos().repeat(1, 2))
        self.register_buffer("sin", freq.sin().repeat(1, 2))

    def rms(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.norm

    def turn(self, x):
        a, b = x.chunk(2, -1)
        return x * self.cos + torch.cat([-b, a], -1) * self.sin

    def forward(self, ids):
        x = self.emb(ids)
        b, t, _ = x.shape
        y = self.rms(x)
        q = self.turn(self.q(y).view(b, t, 4, 4).transpose(1, 2))
        k = self.turn(self.k(y).view(b, t, 2, 4).transpose(1, 2))
        v = self.v(y).view(b, t, 2, 4).transpose(1, 2)
        k = k[:, :, None].expand(b, 2, 2, t, 4).reshape(b, 4, t, 4)
        v = v[:, :, None].expand(b, 2, 2, t, 4).reshape(b, 4, t, 4)
        mask = torch.full((t, t), float("-inf")).triu(1)
        att = (q @ k.transpose(-2, -1) / math.sqrt(4) + mask).softmax(-1)
        x = x + self.o((att @ v).transpose(1, 2).reshape(b, t, 16))
        return x + self.down(F.silu(self.up(self.rms(x))))


class Mixed(nn.Module):
    """Rows mix: the mean over the batch is taken off. To free it would change what it computes."""

    def forward(self, x):
        return x - x.mean(0, keepdim=True)


class Sorted(nn.Module):
    """Top 3 of each row, and the rows picked by a mask of constants."""

    def __init__(self):
        super().__init__()
        self.register_buffer("at", torch.tensor([2, 0, 5]))

    def forward(self, x):
        v, i = x.topk(3, 1)
        return v, i, x[:, self.at], x.argmax(1), x.cumsum(1)


def img(size=16):
    return lambda b: (torch.randn(b, 3, size, size),)


def ids(t, first=False):
    return lambda b: (torch.randint(0, 20, (t, b) if first else (b, t)),)


# name -> network, inputs of a batch, batch axes of the inputs, of the outputs (None: none)
NETS = {
    "mha_first": (MHAFirst, lambda b: (torch.randn(5, b, 8),), [1], [1]),
    "mha_batch": (MHABatch, lambda b: (torch.randn(b, 5, 8),), [0], [0, 0]),
    "bert": (lambda: Encoder(True), ids(5), [0], [0]),
    "bert_first": (lambda: Encoder(False), ids(5), [0], [0]),
    "vit": (ViT, img(), [0], [0]),
    "swin": (lambda: Swin(False), img(), [0], [0]),
    "swin_shifted": (lambda: Swin(True), img(), [0], [0]),
    "lstm": (lambda: LSTMTagger(True), ids(4), [0], [0]),
    "lstm_first": (lambda: LSTMTagger(False, False), ids(4, True), [1], [1]),
    "gru_zeros": (GRUState, lambda b: (torch.randn(b, 4, 6),), [0], [0, 1]),
    "gru_given": (GRUGiven, lambda b: (torch.randn(4, b, 6), torch.randn(1, b, 5)), [1, 1], [0, 1]),
    "shufflenet": (Shuffle, img(), [0], [0]),
    "unet_scale": (lambda: UNet(False), img(), [0], [0]),
    "unet_size": (lambda: UNet(True), img(), [0], [0]),
    "yolo": (Yolo, img(), [0], [0]),
    "detr": (DETR, img(), [0], [0, 0]),
    "norms": (Norms, img(8), [0], [0]),
    "pool": (Pool, img(8), [0], [0, 0]),
    "rotary": (Rotary, ids(6), [0], [0]),
    "sorted": (Sorted, lambda b: (torch.randn(b, 7),), [0], [0, 0, 0, 0, 0]),
    "mixed": (Mixed, lambda b: (torch.randn(b, 4),), [0], [0]),
}


def tensors(y):
    return list(y) if isinstance(y, (tuple, list)) else [y]


def export(job):
    """Exports one network; returns its entry in exports.json."""
    import onnx
    out, k, name = job
    torch.set_num_threads(1)
    build, data, in_axes, out_axes = NETS[name]
    torch.manual_seed(100 + k)
    net = build().eval()
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.normal_()
            m.running_var.uniform_(0.5, 2)
    one, many = data(1), data(BATCH)
    with torch.no_grad():
        ys = tensors(net(*many))
    arrays = {"in%d" % i: x.numpy() for i, x in enumerate(many)}
    arrays.update({"out%d" % i: y.numpy() for i, y in enumerate(ys)})
    np.savez(os.path.join(out, name + ".npz"), **arrays)
    entry = {"inputs": in_axes, "outputs": out_axes, "refused": {}}
    in_names = ["in%d" % i for i in range(len(one))]
    out_names = ["out%d" % i for i in range(len(ys))]
    for exporter in ("script", "dynamo"):
        for free in (False, True):
            path = os.path.join(out, "%s.%s.%s.onnx" % (name, exporter, "N" if free else "1"))
            kw = dict(input_names=in_names, output_names=out_names)
            if exporter == "script":
                kw.update(dynamo=False, opset_version=17)
                if free:
                    kw["dynamic_axes"] = {n: {a: "N"} for n, a in zip(in_names + out_names, in_axes + out_axes)}
            else:
                kw.update(dynamo=True, external_data=False, opset_version=18)
                if free:
                    kw["dynamic_shapes"] = tuple({a: torch.export.Dim("N", min=1, max=1024)} for a in in_axes)
            try:
                with torch.no_grad():
                    torch.onnx.export(net, many if free else one, path, **kw)
                m = onnx.load(path)
                strip(m)
                onnx.save(m, path)
            except Exception as e:
                entry["refused"]["%s.%s" % (exporter, "N" if free else "1")] = str(e).strip().split("\n")[0][:200]
                if os.environ.get("VERBOSE"):
                    traceback.print_exc()
                if os.path.exists(path):
                    os.remove(path)
    print(name, sorted(entry["refused"]), flush=True)
    return name, entry


def strip(m):
    """Takes out the stack traces, which name files of the machine that made the model."""
    del m.metadata_props[:]
    graphs = [m.graph]
    while graphs:
        g = graphs.pop()
        del g.metadata_props[:]
        for v in list(g.value_info) + list(g.input) + list(g.output):
            del v.metadata_props[:]
        for t in g.initializer:
            del t.metadata_props[:]
        for n in g.node:
            strip_node(n, graphs)
    for f in m.functions:
        del f.metadata_props[:]
        for n in f.node:
            strip_node(n, graphs)
        for v in f.value_info:
            del v.metadata_props[:]


def strip_node(n, graphs):
    n.doc_string = ""
    del n.metadata_props[:]
    for a in n.attribute:
        if a.HasField("g"):
            graphs.append(a.g)
        graphs.extend(a.graphs)


def main(out):
    import onnx
    from multiprocessing import get_context
    os.makedirs(out, exist_ok=True)
    with get_context("spawn").Pool(min(12, os.cpu_count() or 1)) as pool:
        entries = dict(pool.imap_unordered(export, [(out, k, name) for k, name in enumerate(NETS)]))
    report = {"torch": torch.__version__, "onnx": onnx.__version__, "batch": BATCH, "networks": entries}
    with open(os.path.join(out, "exports.json"), "w") as f:
        json.dump(report, f, indent=1, sort_keys=True)
        f.write("\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else ".")
