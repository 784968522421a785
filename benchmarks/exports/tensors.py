"""Named tensors as a safetensors file, which the other side reads: a header's size, a JSON header, the values."""
import json

import numpy as np


def save(path, tensors):
    header, data, end = {}, [], 0
    for name, tensor in tensors.items():
        values = np.ascontiguousarray(tensor, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(np.shape(tensor)), "data_offsets": [end, end + len(values)]}
        data.append(values)
        end += len(values)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(data))


def load(path):
    with open(path, "rb") as file:
        content = file.read()
    start = 8 + int.from_bytes(content[:8], "little")
    tensors = {}
    for name, entry in json.loads(content[8:start]).items():
        first, last = entry["data_offsets"]
        tensors[name] = np.frombuffer(content[start + first : start + last], dtype="<f4").reshape(entry["shape"])
    return tensors
