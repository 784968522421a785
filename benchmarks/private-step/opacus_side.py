"""The same of Opacus: python benchmarks/private-step/opacus_side.py CASE WAY; WAY is plain, hooks (per-example gradients) or ghost. One line of JSON.

    pip install torch==2.15.0 opacus==1.6.0
"""
import json
import resource
import sys
import time
import warnings

import torch
from opacus import GradSampleModule
from opacus.grad_sample.grad_sample_module_fast_gradient_clipping import GradSampleModuleFastGradientClipping
from opacus.layers import DPGRU
from opacus.optimizers import DPOptimizer
from opacus.optimizers.optimizer_fast_gradient_clipping import DPOptimizerFastGradientClipping
from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping
from torch import nn

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
name, way = sys.argv[1:]


class LastState(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.dense = (nn.GRU if way == "plain" else DPGRU)(40, 64, batch_first=True), nn.Linear(64, 1)

    def forward(self, x):
        return self.dense(self.gru(x)[0][:, -1])


CASES = {
    "MLP 13-64-32-1": (lambda: nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1)), (13,), 32, 1, 200),
    "MLP 784-512-10": (lambda: nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10)), (784,), 128, 10, 20),
    "CNN": (lambda: nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(16384, 96), nn.ReLU(), nn.Linear(96, 4)), (1, 64, 64), 32, 4, 3),
    "GRU 48×40": (LastState, (48, 40), 32, 1, 5),
}
make, extents, batch, outputs, steps = CASES[name]
model = make()
x = torch.randn(batch, *extents)
y = torch.zeros(batch, dtype=torch.long) if outputs > 1 else torch.zeros(batch, 1)
loss = nn.CrossEntropyLoss() if outputs > 1 else nn.BCEWithLogitsLoss()
bounds = dict(noise_multiplier=1.0, max_grad_norm=1.0, expected_batch_size=batch)
if way == "hooks":
    model = GradSampleModule(model)
elif way == "ghost":
    model = GradSampleModuleFastGradientClipping(model, max_grad_norm=1.0, use_ghost_clipping=True)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
if way == "hooks":
    optimizer = DPOptimizer(optimizer, **bounds)
elif way == "ghost":
    optimizer = DPOptimizerFastGradientClipping(optimizer, **bounds)
    loss = DPLossFastGradientClipping(model, optimizer, loss, "mean")


def step():
    optimizer.zero_grad()
    loss(model(x), y).backward()
    optimizer.step()


times = []
for _ in range(9):
    start = time.process_time()
    for _ in range(steps):
        step()
    times.append((time.process_time() - start) / steps * 1e3)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
print(json.dumps({"name": name, "way": way, "ms": float(f"{min(times[1:]):.3g}"), "peakMb": round(peak)}, ensure_ascii=False))
