"""What a trained model predicts, by ONNX Runtime in Python.

    python predict.py FOLDER MODEL FILE

Reads FOLDER/MODEL.batch.safetensors and FOLDER/FILE.trained.onnx, writes FOLDER/FILE.predictions.safetensors.
"""
import sys

import onnxruntime

from tensors import load, save

folder, model, file = sys.argv[1:]
session = onnxruntime.InferenceSession(f"{folder}/{file}.trained.onnx", providers=["CPUExecutionProvider"])
[features] = session.get_inputs()
[predictions] = session.run(None, {features.name: load(f"{folder}/{model}.batch.safetensors")["features"]})
save(f"{folder}/{file}.predictions.safetensors", {"predictions": predictions})
