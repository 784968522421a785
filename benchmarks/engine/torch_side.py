"""PyTorch's side, eager: a line (ours.ts: Asked), then a line of JSON for each line that says how many steps (ours.ts: Told).

The layer list is made of torch.nn's own modules, with the same first weights, in their order.
"""

import json
import re
import sys
import time

import numpy as np
import torch
from torch import nn

asked = json.loads(sys.stdin.readline())
torch.set_num_threads(asked["threads"])
files, batch = asked["files"], asked["training"]["batch"]
flat = torch.from_numpy(np.fromfile(files["weights"], dtype=np.float32))
tensors, at = {}, 0
for spec in files["specs"]:
    size = int(np.prod(spec["shape"]))
    tensors[spec["name"]] = flat[at : at + size].reshape(spec["shape"])
    at += size
left = list(tensors.values())


def take(*parameters):
    """The next tensors of the model become these parameters."""
    for parameter in parameters:
        parameter.data = left.pop(0).reshape(parameter.shape).contiguous().clone()


def take_turned(linear):
    linear.weight.data = left.pop(0).T.contiguous().clone()
    if linear.bias is not None:
        take(linear.bias)


class Add(nn.Module):
    def __init__(self, branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        first, *others = [branch(x) for branch in self.branches]
        for other in others:
            first = first + other
        return first


class Concat(Add):
    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class Attention(nn.Module):
    def __init__(self, features, heads):
        super().__init__()
        self.attention = nn.MultiheadAttention(features, heads, batch_first=True)
        kernels, biases = [], []
        for _ in range(3):
            kernels.append(left.pop(0).T)
            biases.append(left.pop(0))
        self.attention.in_proj_weight.data = torch.cat(kernels).contiguous()
        self.attention.in_proj_bias.data = torch.cat(biases)
        take_turned(self.attention.out_proj)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


def gates(tensor):
    """ONNX has z r h, PyTorch r z n."""
    z, r, h = tensor.chunk(3)
    return torch.cat([r, z, h]).contiguous()


class LastState(nn.Module):
    def __init__(self, features, units):
        super().__init__()
        self.gru = nn.GRU(features, units, batch_first=True)
        kernel, recurrent, bias = left.pop(0), left.pop(0), left.pop(0)
        self.gru.weight_ih_l0.data = gates(kernel[0])
        self.gru.weight_hh_l0.data = gates(recurrent[0])
        self.gru.bias_ih_l0.data, self.gru.bias_hh_l0.data = map(gates, bias[0].chunk(2))
        self.gru.flatten_parameters()

    def forward(self, x):
        return self.gru(x)[1][0]


class Mean(nn.Module):
    def forward(self, x):
        return nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)


def layer(spec, extents):
    """A module, and the extents that it makes."""
    if "dense" in spec:
        made = nn.Linear(extents[-1], spec["dense"])
        take_turned(made)
        return made, [*extents[:-1], spec["dense"]]
    if "conv2d" in spec or "conv2dTranspose" in spec:
        kind, filters = (
            (nn.Conv2d, spec["conv2d"]) if "conv2d" in spec else (nn.ConvTranspose2d, spec["conv2dTranspose"])
        )
        padding = 0 if spec["padding"] == "valid" else spec["padding"]
        made = kind(extents[0], filters, spec["kernel"], spec["strides"], padding, bias=spec["bias"])
        take(made.weight, *([made.bias] if spec["bias"] else []))
        return made, [filters]
    if "maxPool2d" in spec:
        return nn.MaxPool2d(spec["maxPool2d"]), extents[:1]
    if "flatten" in spec:
        return nn.Flatten(), [left[0].shape[0]]
    if "globalAveragePool" in spec:
        return Mean(), extents[:1]
    if "groupNormalization" in spec:
        said = spec["groupNormalization"]
        made = nn.GroupNorm(said["groups"], extents[0], said["epsilon"])
        take(made.weight, made.bias)
        return made, extents
    if "layerNormalization" in spec:
        made = nn.LayerNorm(extents[-1], spec["layerNormalization"]["epsilon"])
        take(made.weight, made.bias)
        return made, extents
    if "gru" in spec:
        return LastState(extents[-1], spec["gru"]), [spec["gru"]]
    if "selfAttention" in spec:
        return Attention(extents[-1], spec["selfAttention"]), extents
    if "residual" in spec:
        made, inside = sequence(spec["residual"], extents)
        return Add([made, nn.Identity()]), inside
    if "add" in spec or "concat" in spec:
        branches = [sequence(branch, extents) for branch in spec.get("add", spec.get("concat"))]
        made = [module for module, _ in branches]
        if "add" in spec:
            return Add(made), branches[0][1]
        return Concat(made), [sum(inside[0] for _, inside in branches)]
    if "activation" in spec:
        return nn.Identity(), extents
    raise ValueError(spec)


def sequence(specs, extents):
    modules = []
    for spec in specs:
        made, extents = layer(spec, extents)
        modules.append(made)
        if spec.get("activation", "linear") == "relu":
            modules.append(nn.ReLU())
    return nn.Sequential(*modules), extents


model, _ = sequence(asked["model"]["layers"], asked["inputs"])
assert not left, "weights are left over"


def optimizer():
    said = asked["training"]["optimizer"]
    if "sgd" in said:
        return torch.optim.SGD(model.parameters(), said["sgd"]["rate"], said["sgd"]["momentum"])
    return torch.optim.Adam(model.parameters(), said["adam"]["rate"])


def values(file, kind, *shape):
    return torch.from_numpy(np.fromfile(files[file], dtype=kind)).reshape(shape)


def dice_cross_entropy(logits, target):
    """Soft Dice of each example with plain sums, as MONAI's DiceLoss has it, and as much again cross-entropy."""
    space, epsilon, p = (2, 3), 1e-5, torch.sigmoid(logits)
    common, both = (p * target).sum(space), p.sum(space) + target.sum(space)
    overlap = 1 - (2 * common + epsilon) / (both + epsilon)
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(space)
    return (overlap + entropy).mean()


batches = values("batches", np.int32, asked["steps"], batch)
features = values("features", np.uint8 if "scale" in files else np.float32, asked["rows"], *asked["inputs"])
if "scale" in files:
    criterion = dice_cross_entropy
    target = values("target", np.uint8, asked["rows"], 1, *asked["inputs"][1:])
elif asked["training"]["loss"] == "categoricalCrossEntropy":
    criterion, target = nn.CrossEntropyLoss(), values("target", np.float32, asked["rows"]).long()
else:
    criterion, target = nn.BCEWithLogitsLoss(), values("target", np.float32, asked["rows"], 1)
optimizer = optimizer()

for line in sys.stdin:
    start = time.perf_counter()
    losses = []
    for index in batches[: int(line)]:
        example, truth = features[index], target[index]
        if "scale" in files:
            # Images and masks are bytes until here, as on our side.
            example, truth = (example.float() - files["scale"]["mean"]) / files["scale"]["deviation"], truth.float()
        loss = criterion(model(example), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    losses = torch.stack(losses).tolist()
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1]) * 1024 / 1e6
    print(json.dumps({"ms": (time.perf_counter() - start) * 1000, "losses": losses, "peakMb": peak}), flush=True)
