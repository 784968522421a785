"""onnx.shape_inference on models of one operator each. Reads JSON lines from stdin, writes one for each to stdout, and last one with the version.

in:  {"model": base64}
out: {"now": told, "later": told}, where told is {"outputs": [{"type": n, "shape": [extent or name or null] or null}]} or {"error": text}; later: as the next operator set has it

What the file says of its outputs is taken out first: it is ours, and would be taken over where nothing is inferred.
"""

import base64
import json
import sys

import onnx


def extent(dim):
    if dim.HasField("dim_value"):
        return dim.dim_value
    return dim.dim_param or None


def inferred(value):
    tensor = value.type.tensor_type
    shape = [extent(dim) for dim in tensor.shape.dim] if tensor.HasField("shape") else None
    return {"type": tensor.elem_type, "shape": shape}


def told(model):
    try:
        made = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception as error:
        return {"error": str(error)}
    return {"outputs": [inferred(value) for value in made.graph.output]}


for line in sys.stdin:
    model = onnx.load_from_string(base64.b64decode(json.loads(line)["model"]))
    for output in model.graph.output:
        output.ClearField("type")
    now = told(model)
    model.opset_import[0].version += 1
    print(json.dumps({"now": now, "later": told(model)}))
print(json.dumps({"version": onnx.__version__}))
