"""Exports each model, and says what PyTorch makes of one step of training.

    python make_exports.py FOLDER NAME…

FOLDER/NAME.plain.onnx, .optimised.onnx, .legacy.onnx: the model by three of PyTorch's ways. FOLDER/NAME.batch.safetensors: features and target.
FOLDER/NAME.after.safetensors: every parameter and buffer after the step, each parameter's `NAME@velocity`, which is its gradient in a first step, and
`predictions`, then, of the same features. FOLDER/NAME.exact.safetensors: the same step in double precision. FOLDER/NAME.json: the rest.
"""
import copy
import json
import sys
import time
import warnings

import numpy as np
import torch
from torch.nn import functional as F

from models import BCE, MODELS, without_chance
from tensors import save

RATE, MOMENTUM, TIMED = 0.01, 0.9, 3
torch.set_num_threads(1)
warnings.filterwarnings("ignore")


def export(model, x, path, way):
    """`plain` keeps every parameter and buffer as it is, by its name; `optimised` merges and folds; `legacy` is the exporter by tracing."""
    if way == "legacy":
        names = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": {"x": {0: "batch"}}}
        kept = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
        torch.onnx.export(model, (x,), path, dynamo=False, **names, **kept)
    else:
        sizes = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "external_data": False, "verbose": False}
        torch.onnx.export(model, (x,), path, dynamo=True, optimize=way == "optimised", **sizes)


def batch_of(extents, batch, loss, made):
    features = torch.randn(batch, *extents)
    if loss == BCE:
        return features, torch.randint(0, 2, made(features).shape).float()
    return features, torch.randint(0, made(features).shape[1], (batch, 1)).float()


def loss_of(output, target, loss):
    if loss == BCE:
        return F.binary_cross_entropy_with_logits(output, target)
    return F.cross_entropy(output, target[:, 0].long())


def step(model, optimizer, features, target, loss):
    optimizer.zero_grad()
    value = loss_of(model(features), target, loss)
    value.backward()
    optimizer.step()
    return value.item()


def learnt(model, features, target, loss, path):
    """One step, with everything that it makes in a file."""
    optimizer = torch.optim.SGD(model.train().parameters(), lr=RATE, momentum=MOMENTUM)
    value = step(model, optimizer, features, target, loss)
    with torch.no_grad():
        made = {"predictions": model.eval()(features)}
    made |= {key: tensor for key, tensor in model.state_dict().items() if tensor.is_floating_point()}
    made |= {f"{key}@velocity": optimizer.state[tensor]["momentum_buffer"] for key, tensor in model.named_parameters()}
    save(path, {key: tensor.detach().numpy() for key, tensor in made.items()})
    return value, optimizer


def timed(model, optimizer, *given):
    """The median of some further steps, in milliseconds."""
    times = []
    for _ in range(TIMED):
        start = time.perf_counter()
        step(model, optimizer, *given)
        times.append((time.perf_counter() - start) * 1e3)
    return float(np.median(times))


def run(folder, name):
    torch.manual_seed(20261126)
    make, extents, batch, loss = MODELS[name]
    model = without_chance(make()).eval()
    with torch.no_grad():
        features, target = batch_of(extents, batch, loss, model)
    problems = {}
    for way in ("plain", "optimised", "legacy"):
        try:
            export(model, features[:2], f"{folder}/{name}.{way}.onnx", way)
        except Exception as error:
            problems[way] = f"{type(error).__name__}: {error}"[:300]
    save(f"{folder}/{name}.batch.safetensors", {"features": features.numpy(), "target": target.numpy()})
    exact = copy.deepcopy(model).double()
    value, optimizer = learnt(model, features, target, loss, f"{folder}/{name}.after.safetensors")
    learnt(exact, features.double(), target.double(), loss, f"{folder}/{name}.exact.safetensors")
    ms = timed(model.train(), optimizer, features, target, loss)
    versions = {"torch": torch.__version__.split("+")[0]}
    size = sum(tensor.numel() for tensor in model.parameters())
    described = {"loss": loss, "rate": RATE, "momentum": MOMENTUM, "value": value, "ms": ms, "size": size}
    parameters = [key for key, _ in model.named_parameters()]
    with open(f"{folder}/{name}.json", "w") as file:
        json.dump({**described, "parameters": parameters, "problems": problems, "versions": versions}, file)


if __name__ == "__main__":
    for name in sys.argv[2:]:
        run(sys.argv[1], name)
