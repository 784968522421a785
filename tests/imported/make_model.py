"""Writes model.onnx and model.json beside this file: a small network as a data scientist would export it, and what it makes of some examples.

    python make_model.py        # PyTorch 2.15, onnx 1.23, onnxscript
"""
import json
from pathlib import Path

import torch
from torch import nn

here = Path(__file__).parent


class Small(nn.Module):
    """Three inputs, one logit; a parameter without a part of its own among the weights."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 2, padding="same")
        self.norm = nn.BatchNorm1d(4)
        self.dropout = nn.Dropout(0.1)
        self.out = nn.Linear(12, 1)
        self.scale = nn.Parameter(torch.ones(12))

    def forward(self, x):
        h = torch.relu(self.norm(self.conv(x.unsqueeze(1))))
        return self.out(self.dropout(h.flatten(1)) * self.scale)


torch.manual_seed(7)
model = Small()
x = torch.randn(8, 3)
model.train()
torch.onnx.export(
    model,
    (x,),
    str(here / "model.onnx"),
    dynamo=True,
    optimize=False,
    external_data=False,
    dynamic_shapes=({0: torch.export.Dim("batch")},),
)
