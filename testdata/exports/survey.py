#!/usr/bin/env python3
"""Frees the batch of published architectures and holds the results to PyTorch: a survey for maintainers, which no test depends on.

    python3 survey.py ONNXTOOL OUT [--limit SECONDS] [--jobs K] [--check]

Each network of timm, torchvision, torchaudio and transformers that survey.txt names, and each of the small ones below, is made with seeded random weights and exported by both exporters with a batch of 1
baked in. `onnxtool setbatch N` frees it, ONNX Runtime runs the result on 3 rows, and every row must be what PyTorch computes of the 3, and what the export itself computes of that row. OUT/survey.jsonl has a line
for each:

    ok        freed, and all rows agree
    refused   setbatch refused it: why says the node
    WRONG     a row is not what the export computes of it
    EXPORT    a row is what the export computes, and not what PyTorch does
    SHAPE     an output has another shape than PyTorch's
    failed    it could not be exported or run; nomodel: this version of the library does not have it

It needs torch, onnx, onnxscript, onnxruntime and what of timm, torchvision, torchaudio and transformers is to be surveyed. A dependency that is missing leaves its networks out.
"""
import argparse
import collections
import importlib
import json
import multiprocessing
import os
import subprocess
import tempfile
import time
import warnings

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

warnings.filterwarnings("ignore")
ROWS = 3


class Cells(nn.Module):
    """Cells unrolled over time, from states of zeros."""

    def __init__(self):
        super().__init__()
        self.lstm, self.gru = nn.LSTMCell(8, 16), nn.GRUCell(16, 16)

    def forward(self, x):
        h = torch.zeros(x.shape[0], 16)
        c = torch.zeros(x.shape[0], 16)
        g = torch.zeros(x.shape[0], 16)
        for t in range(4):
            h, c = self.lstm(x[:, t], (h, c))
            g = self.gru(h, g)
        return g


class Recurrent(nn.Module):
    def __init__(self, kind, both):
        super().__init__()
        self.net = kind(8, 16, 2, batch_first=True, bidirectional=both)
        self.out = nn.Linear(32 if both else 16, 5)

    def forward(self, x):
        return self.out(self.net(x)[0])


class Encoder(nn.Module):
    """A transformer's encoder; with the sequence first inside, where first says so."""

    def __init__(self, first):
        super().__init__()
        self.first = first
        self.net = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=not first), 2)

    def forward(self, x):
        return self.net(x.transpose(0, 1)).transpose(0, 1) if self.first else self.net(x)


class Unpool(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)

    def forward(self, x):
        return self.unpool(*self.pool(self.conv(x)))


class LastWord(nn.Module):
    """The last word that is no padding, by the numbers of the rows."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 8)

    def forward(self, ids):
        return self.words(ids)[torch.arange(ids.shape[0]), (ids != 0).sum(1) - 1]


class FlatPick(nn.Module):
    """Picks from one list of what all rows hold."""

    def forward(self, x, i):
        b, t, c = x.shape
        return x.reshape(b * t, c)[(i + torch.arange(b)[:, None] * t).reshape(-1)].reshape(b, -1, c)


class Guided(nn.Module):
    """Two passes in one, as guided diffusion has them."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, y):
        a, b = self.conv(torch.cat([x, y])).chunk(2)
        return a + 7.5 * (b - a)


class Warp(nn.Module):
    """Samples an image where a flow says."""

    def forward(self, x, flow):
        b, _, h, w = x.shape
        y, z = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        grid = torch.stack([z, y], -1).float()[None].repeat(b, 1, 1, 1) + flow.permute(0, 2, 3, 1)
        return F.grid_sample(x, grid / torch.tensor([w - 1, h - 1]) * 2 - 1, align_corners=True)


class Modulated(nn.Module):
    """A convolution with weights of each row, which no node can do for a free number of rows: it has to be refused."""

    def __init__(self):
        super().__init__()
        self.weight, self.style = nn.Parameter(torch.randn(6, 4, 3, 3)), nn.Linear(5, 4)

    def forward(self, x, z):
        b, c, h, w = x.shape
        k = self.weight[None] * (self.style(z) + 1)[:, None, :, None, None]
        y = F.conv2d(x.reshape(1, b * c, h, w), k.reshape(b * 6, 4, 3, 3), padding=1, groups=b)
        return y.reshape(b, 6, h, w)


class First(nn.Module):
    """The first tensor of what a network gives."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        out = self.net(x)
        if torch.is_tensor(out):
            return out
        if isinstance(out, (tuple, list)):
            return out[0]
        return next(v for v in out.values() if torch.is_tensor(v))


def own():
    """The small networks: a function that makes each, and one that makes its inputs."""
    sequence = lambda: [torch.randn(1, 12, 8)]
    nets = {
        "cells": (Cells, lambda: [torch.randn(1, 4, 8)]),
        "encoder": (lambda: Encoder(False), lambda: [torch.randn(1, 10, 16)]),
        "encoder_first": (lambda: Encoder(True), lambda: [torch.randn(1, 10, 16)]),
        "unpool": (Unpool, lambda: [torch.randn(1, 3, 16, 16)]),
        "last_word": (LastWord, lambda: [torch.randint(1, 20, (1, 9))]),
        "flat_pick": (FlatPick, lambda: [torch.randn(1, 6, 4), torch.randint(0, 6, (1, 3))]),
        "guided": (Guided, lambda: [torch.randn(1, 3, 8, 8), torch.randn(1, 3, 8, 8)]),
        "warp": (Warp, lambda: [torch.randn(1, 3, 8, 8), torch.randn(1, 2, 8, 8)]),
        "modulated": (Modulated, lambda: [torch.randn(1, 4, 8, 8), torch.randn(1, 5)]),
    }
    for kind in (nn.LSTM, nn.GRU, nn.RNN):
        for both in (False, True):
            nets[f"{kind.__name__.lower()}_{'both' if both else 'one'}"] = (lambda kind=kind, both=both: Recurrent(kind, both), sequence)
    return nets


def transformer(name):
    import transformers

    config = getattr(transformers, name.replace("T5Encoder", "T5") + "Config")
    sizes = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, vocab_size=99)
    if name == "DistilBert":
        sizes = dict(dim=32, n_layers=2, n_heads=4, hidden_dim=64, vocab_size=99)
    elif name == "GPT2":
        sizes = dict(n_embd=32, n_layer=2, n_head=4, vocab_size=99)
    elif name == "T5Encoder":
        sizes = dict(d_model=32, num_layers=2, num_heads=4, d_kv=8, d_ff=64, vocab_size=99)
    elif name == "Gemma":
        sizes["head_dim"] = 8
    if name in ("Llama", "Qwen2", "Mistral", "Gemma"):
        sizes["num_key_value_heads"] = 2
    c = config(**sizes)
    c._attn_implementation = "eager"
    if hasattr(c, "use_cache"):
        c.use_cache = False
    return First(getattr(transformers, name + "Model")(c))


def make(library, name):
    """The network, and inputs of one row."""
    if library == "own":
        net, inputs = own()[name]
        return net(), inputs()
    if library == "timm":
        import timm

        if not timm.list_models(name):
            raise LookupError(name)
        net = timm.create_model(name, pretrained=False, num_classes=10)
        return net, [torch.randn(1, *net.default_cfg.get("input_size", (3, 224, 224)))]
    if library == "torchvision":
        path, _, size = name.partition(":")
        module, _, function = path.rpartition(".")
        models = importlib.import_module("torchvision.models" + ("." + module if module else ""))
        shape = [int(v) for v in (size or "3,224,224").split(",")]
        more = {"weights_backbone": None} if module == "segmentation" else {}
        return First(getattr(models, function)(weights=None, **more)), [torch.randn(1, *shape)]
    return transformer(name), [torch.randint(1, 90, (1, 12))]


def rows(x, generator):
    """ROWS rows like the one of x."""
    shape = (ROWS,) + tuple(x.shape[1:])
    if x.dtype == torch.int64:
        return torch.randint(1, int(x.max()) + 1, shape, generator=generator)
    return torch.randn(shape, generator=generator)


def far(got, want):
    """How far numbers lie apart, in units of what is allowed: networks with random weights are no better conditioned."""
    return float(np.max(np.abs(got - want) / (1e-3 + 1e-2 * np.abs(want) + 1e-3 * np.abs(want).max()), initial=0))


def survey(job):
    library, name, dynamo, tool, check = job
    r = dict(library=library, name=name, exporter="dynamo" if dynamo else "script")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        made, freed = os.path.join(folder, "made.onnx"), os.path.join(folder, "freed.onnx")
        try:
            net, one = make(library, name)
            net.eval()
            names = [f"in{i}" for i in range(len(one))]
            if dynamo:
                torch.onnx.export(net, tuple(one), made, dynamo=True, opset_version=18, input_names=names, verbose=False, external_data=False)
            else:
                torch.onnx.export(net, tuple(one), made, dynamo=False, opset_version=17, input_names=names)
            generator = torch.Generator().manual_seed(5)
            inputs = [rows(x, generator) for x in one]
            want = net(*inputs)
            want = [w.numpy() for w in (want if isinstance(want, (tuple, list)) else [want])]
            start = time.time()
            p = subprocess.run([tool, "setbatch", "N", made, "-o", freed] + (["--check", "--batch", "1,2"] if check else []), capture_output=True, text=True, timeout=300)
            r.update(bytes=os.path.getsize(made), seconds=round(time.time() - start, 2), code=p.returncode)
            if p.returncode:
                r.update(state="refused", why=p.stderr.strip()[-500:])
                return r
            r.update(compare(made, freed, inputs, want))
        except LookupError:
            r.update(state="nomodel")
        except Exception as e:  # of an exporter, or of a library that is not there
            r.update(state="failed", why=f"{type(e).__name__}: {e}"[:300])
    return r


def compare(made, freed, inputs, want):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1

    def run(path, rows):
        s = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return [s.run(None, {i.name: x for i, x in zip(s.get_inputs(), xs)}) for xs in rows]

    got = run(freed, [[x.numpy() for x in inputs]])[0]
    alone = run(made, [[x[k : k + 1].numpy() for x in inputs] for k in range(ROWS)])
    for g, w in zip(got, want):
        if g.shape != w.shape:
            return dict(state="SHAPE", why=f"{g.shape}, PyTorch's is {w.shape}")
    torch_error = max(far(g, w) for g, w in zip(got, want))
    row_error = max((far(g[k : k + 1], o) for k in range(ROWS) for g, o in zip(got, alone[k]) if o.shape[0] == 1), default=0.0)
    state = "WRONG" if row_error >= 1 else "EXPORT" if torch_error >= 1 else "ok"
    return dict(state=state, torch_error=round(torch_error, 4), row_error=round(row_error, 4))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("tool")
    p.add_argument("out")
    p.add_argument("--limit", type=float, default=3600, help="stop after so many seconds")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--check", action="store_true", help="have setbatch prove its result too")
    a = p.parse_args()
    nets = [("own", name) for name in own()]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "survey.txt")) as f:
        for line in f:
            library, _, names = line.partition(" ")
            nets += [(library, name) for name in names.split()]
    jobs = [(library, name, dynamo, os.path.abspath(a.tool), a.check) for dynamo in (False, True) for library, name in nets]
    os.makedirs(a.out, exist_ok=True)
    start, results = time.time(), []
    with multiprocessing.Pool(a.jobs, maxtasksperchild=4) as pool, open(os.path.join(a.out, "survey.jsonl"), "w") as f:
        it = pool.imap_unordered(survey, jobs)
        for _ in jobs:
            try:
                r = it.next(timeout=max(1, a.limit - (time.time() - start)))
            except multiprocessing.TimeoutError:
                print("time is up")
                break
            results.append(r)
            f.write(json.dumps(r) + "\n")
            f.flush()
        pool.terminate()
    for r in sorted(results, key=lambda r: (r["state"], r["name"])):
        if r["state"] not in ("ok", "nomodel"):
            print(r["state"], r["exporter"], r["library"], r["name"], r.get("why", "").replace("\n", " ")[:250], r.get("row_error", ""), r.get("torch_error", ""))
    print(f"{len(results)} of {len(jobs)} in {time.time() - start:.0f} s:", dict(collections.Counter(r["state"] for r in results)))


if __name__ == "__main__":
    main()
