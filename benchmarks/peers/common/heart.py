"""The study as a user of PyTorch writes it: data, model, local training, accuracy. Flower and NVFlare share it.

Reads what fed-heart-disease.ts wrote, so that every system trains and tests on the same rows. Paths and sizes come in through the
environment (PEERS_*), which the daemons of both systems hand down to the processes that they start.
"""

import csv
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

SITES = ("budapest", "cleveland", "longbeach", "zurich")
SEED = 1


@dataclass(frozen=True)
class Part:
    """`features` [rows, 13], z-scored by the site's training records; `target` [rows], 0 or 1."""

    features: Tensor
    target: Tensor


@dataclass(frozen=True)
class Settings:
    """The study in numbers, and where things are."""

    data: Path
    result: Path
    rounds: int
    epochs: int = 5
    batch: int = 32
    rate: float = 0.05
    momentum: float = 0.9


def settings() -> Settings:
    return Settings(
        data=Path(os.environ["PEERS_DATA"]),
        result=Path(os.environ["PEERS_RESULT"]),
        rounds=int(os.environ["PEERS_ROUNDS"]),
    )


def load_site(site: str) -> tuple[Part, Part]:
    """Training and test records. Deviation as Wardround computes it: of the population, 1 where a column is constant."""
    with (settings().data / f"{site}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in ("patient_id", "part", "num")]
    values = torch.tensor([[float(row[name]) for name in names] for row in rows], dtype=torch.float64)
    target = torch.tensor([float(float(row["num"]) > 0) for row in rows])
    training = torch.tensor([row["part"] == "training" for row in rows])
    deviation = values[training].std(dim=0, correction=0)
    scaled = (values - values[training].mean(dim=0)) / torch.where(deviation > 0, deviation, 1.0)
    features = scaled.float()
    return Part(features[training], target[training]), Part(features[~training], target[~training])


class HeartNet(nn.Module):
    """A perceptron 13-64-32-1; its output is a logit."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features).squeeze(1)


def initial_model() -> HeartNet:
    torch.manual_seed(SEED)
    return HeartNet()


def train(model: nn.Module, part: Part, *, seed: int) -> None:
    """Five epochs of momentum SGD with shuffled batches."""
    study = settings()
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=study.rate, momentum=study.momentum)
    loss_of = nn.BCEWithLogitsLoss()
    model.train()
    for _ in range(study.epochs):
        for rows in torch.randperm(len(part.target), generator=generator).split(study.batch):
            optimizer.zero_grad()
            loss_of(model(part.features[rows]), part.target[rows]).backward()
            optimizer.step()


def accuracy(model: nn.Module, part: Part) -> float:
    model.eval()
    with torch.no_grad():
        return float(((model(part.features) > 0).float() == part.target).float().mean())


def write_result(system: str, by_site: dict[str, float], round_ends: list[float]) -> None:
    """What the bench reads: accuracy as the mean over centres; `roundEnds` in seconds since the epoch."""
    document = {
        "system": system,
        "accuracy": sum(by_site.values()) / len(by_site),
        "accuracyBySite": by_site,
        "roundEnds": round_ends,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "writtenAt": time.time(),
    }
    path = settings().result
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(document))
    partial.rename(path)
