"""The same sums in numpy. Reads one JSON document from stdin, writes one to stdout.

in:  {"files": [path], "header_bytes": n, "weights": n, "examples": [n], "form": name, "runs": n, "trimmed": n, "faulty": n}
out: {"wholeSeconds": [s], "arithmeticSeconds": [s], "peakMb": n, "first": [w], "version": text}

`whole` is from the files to the result in memory; `arithmetic` is the form's expression alone, on arrays that are there already (null for a running form,
which never has them all). Memory for what is read is allocated in each run, as a server allocates it for what arrives.
"""

import json
import re
import sys
import time
from functools import reduce

import numpy as np

asked = json.load(sys.stdin)
weights, header = asked["weights"], asked["header_bytes"]
examples = np.array(asked["examples"], dtype=np.float64)


def read(path):
    return np.fromfile(path, dtype=np.float32, count=weights, offset=header)


def stacked():
    stack = np.empty((len(asked["files"]), weights), dtype=np.float32)
    for row, path in zip(stack, asked["files"]):
        with open(path, "rb", buffering=0) as file:
            file.seek(header)
            file.readinto(row)
    return stack


def listed():
    return [read(path) for path in asked["files"]]


def average(stack):
    """numpy's own weighted mean."""
    return np.average(stack, axis=0, weights=examples.astype(np.float32))


def matmul(stack):
    """The fastest that we know: one call of BLAS, in Float32, on as many threads as it likes."""
    return (examples / examples.sum()).astype(np.float32) @ stack


def flower(updates):
    """flwr.server.strategy.aggregate.aggregate, of one layer."""
    weighted = [update * int(n) for update, n in zip(updates, examples)]
    return reduce(np.add, weighted) / int(examples.sum())


def running():
    """flwr.server.strategy.aggregate.aggregate_inplace, of one layer: no more than one update at a time."""
    factors = (examples / examples.sum()).astype(np.float32)
    total = None
    for path, factor in zip(asked["files"], factors):
        update = read(path) * factor
        total = update if total is None else np.add(total, update, out=total)
    return total


def running64():
    """The same with sums in Float64, as ours are."""
    total = np.zeros(weights)
    for path, n in zip(asked["files"], examples):
        total += np.multiply(read(path), n, dtype=np.float64)
    return (total / examples.sum()).astype(np.float32)


def median(stack):
    return np.median(stack, axis=0)


def trimmed_mean(stack):
    k = asked["trimmed"]
    cut = np.partition(stack, (k, len(stack) - k - 1), axis=0)
    return cut[k : len(stack) - k].mean(axis=0)


def distances(stack):
    gram = (stack @ stack.T).astype(np.float64)
    norms = np.diag(gram)
    return np.maximum(norms[:, None] + norms[None, :] - 2 * gram, 0)


def krum(stack):
    near = len(stack) - asked["faulty"] - 2
    squares = distances(stack)
    np.fill_diagonal(squares, np.inf)
    return stack[np.sort(squares, axis=1)[:, :near].sum(axis=1).argmin()]


def geometric_median(stack):
    """Weiszfeld's algorithm, ten steps from the mean, which is what RFA's authors stop at."""
    middle = stack.mean(axis=0)
    for _ in range(10):
        shares = 1 / np.maximum(1e-6, np.linalg.norm(stack - middle, axis=1))
        middle = (shares / shares.sum()).astype(np.float32) @ stack
    return middle


held = {
    "average": (stacked, average),
    "matmul": (stacked, matmul),
    "flower": (listed, flower),
    "median": (stacked, median),
    "trimmedMean": (stacked, trimmed_mean),
    "krum": (stacked, krum),
    "geometricMedian": (stacked, geometric_median),
}
whole_seconds, arithmetic_seconds, first = [], [], []
for _ in range(asked["runs"]):
    start = time.perf_counter()
    if asked["form"] in held:
        load, combine = held[asked["form"]]
        data = load()
        loaded = time.perf_counter()
        result = combine(data)
        arithmetic_seconds.append(time.perf_counter() - loaded)
        del data
    else:
        result = {"running": running, "running64": running64}[asked["form"]]()
    whole_seconds.append(time.perf_counter() - start)
    first = result[:4].tolist()
    del result

json.dump(
    {
        "wholeSeconds": whole_seconds,
        "arithmeticSeconds": arithmetic_seconds or None,
        # As Linux tells it of this program; getrusage() would count what started it, too.
        "peakMb": int(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1]) * 1024 / 1e6,
        "first": first,
        "version": np.__version__,
    },
    sys.stdout,
)
