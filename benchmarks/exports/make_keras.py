"""A Keras model exported as ONNX, and what Keras makes of one step of training, with PyTorch below it.

    python make_keras.py FOLDER NAME

The files are those of make_exports.py, with FOLDER/NAME.keras.onnx. Keras's exporter names no weights, and turns kernels to ONNX's form: they are compared by
what the model predicts after the step. It folds batch normalisation into one factor, and cannot export layer normalisation: the model has neither.
"""
import json
import os
import sys

os.environ["KERAS_BACKEND"] = "torch"
import keras  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

from make_exports import MOMENTUM, RATE, loss_of, timed  # noqa: E402
from models import CE  # noqa: E402
from tensors import save  # noqa: E402

BATCH, EXTENTS, CLASSES = 8, (32, 32, 1), 4


def cnn():
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(EXTENTS),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(16, 3, strides=2, activation="gelu"),
            layers.Flatten(),
            layers.Dense(16, activation="silu"),
            layers.Dense(CLASSES),
        ]
    )


class Learner(torch.nn.Module):
    """The model as PyTorch's own, which a step of PyTorch's optimizer changes."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def parameters(self):
        return [variable.value for variable in self.model.trainable_variables]

    def forward(self, x):
        return self.model(x, training=True)


def run(folder, name):
    keras.utils.set_random_seed(20261126)
    model = cnn()
    features = torch.randn(BATCH, *EXTENTS)
    target = torch.randint(0, CLASSES, (BATCH, 1)).float()
    model(features)
    problems = {}
    try:
        model.export(f"{folder}/{name}.keras.onnx", format="onnx", verbose=False)
    except Exception as error:
        problems["keras"] = f"{type(error).__name__}: {error}"[:300]
    save(f"{folder}/{name}.batch.safetensors", {"features": features.numpy(), "target": target.numpy()})
    learner = Learner(model)
    optimizer = torch.optim.SGD(learner.parameters(), lr=RATE, momentum=MOMENTUM)
    value = loss_of(learner(features), target, CE)
    value.backward()
    optimizer.step()
    with torch.no_grad():
        predictions = model(features, training=False)
    save(f"{folder}/{name}.after.safetensors", {"predictions": predictions.numpy()})
    size = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    ms = timed(learner, optimizer, features, target, CE)
    described = {"loss": CE, "rate": RATE, "momentum": MOMENTUM, "value": value.item(), "ms": ms, "size": size}
    versions = {"keras": keras.__version__}
    with open(f"{folder}/{name}.json", "w") as file:
        json.dump({**described, "parameters": [], "problems": problems, "versions": versions}, file)


if __name__ == "__main__":
    run(*sys.argv[1:])
