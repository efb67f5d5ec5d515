"""Trains small models, converts them to ONNX, and records what onnxruntime answers.

    python models/tests/zoo/make.py FOLDER

For each case FOLDER gets `NAME/MLmodel`, `NAME/model.onnx` and `NAME/case.json`: inputs, outputs
and the operators of the graph. The same case with ZipMap at its end is `NAME.zipmap`.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
from cases import cases

warnings.filterwarnings("ignore")
KINDS = {"float32": "float", "float64": "double", "int64": "long", "int32": "integer",
         "uint32": "long", "bool": "boolean"}


def spell(array):
    """Writes a tensor; NaN and the infinities as words."""
    array = np.asarray(array)
    if array.dtype.kind in "OU":
        return {"kind": "string", "shape": array.shape, "values": array.reshape(-1).tolist()}
    values = array.reshape(-1).tolist()
    if array.dtype.kind == "f":
        values = [v if np.isfinite(v) else str(v) for v in values]
    return {"kind": KINDS[array.dtype.name], "shape": array.shape, "values": values}


def answer(output):
    if not isinstance(output, list):
        return spell(output)
    # A list of maps: ZipMap's.
    names = list(output[0]) if output else []
    matrix = np.array([[row[name] for name in names] for row in output], np.float32)
    return {**spell(matrix.reshape(len(output), len(names))), "classes": list(map(str, names))}


def operators(graph):
    found = set()
    for node in graph.node:
        found.add(f"{node.domain}:{node.op_type}" if node.domain else node.op_type)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                found |= operators(attribute.g)
    return found


def record(folder, name, model, inputs, tolerance=None):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    known = {given.name: given for given in session.get_inputs()}
    feed = {name: value for name, value in inputs.items() if name in known}
    # Each row by itself must be answered alike: a batch has no say in it.
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "model.onnx").write_bytes(model.SerializeToString())
    (place / "MLmodel").write_text("flavors:\n  onnx:\n    data: model.onnx\n")
    case = {
        "operators": sorted(operators(model.graph)),
        "inputs": {name: spell(value) for name, value in feed.items()},
        "outputs": [{"name": name, "tolerance": tolerance, **answer(output)}
                    for name, output in zip(names, session.run(names, feed))],
    }
    (place / "case.json").write_text(json.dumps(case))


def main():
    folder = Path(sys.argv[1])
    wanted = sys.argv[2:]
    count = 0
    for name, make in cases():
        if wanted and not any(part in name for part in wanted):
            continue
        try:
            for suffix, model, inputs in make():
                record(folder, name + suffix, model, inputs)
                count += 1
        except Exception as error:
            # A case that cannot be made would be a case that nobody misses.
            raise SystemExit(f"{name}: {type(error).__name__}: {error}") from error
    print(count)


if __name__ == "__main__":
    main()
