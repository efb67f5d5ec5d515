"""Writes ONNX's own cases of single operators, and says which of them onnxruntime passes.

    python models/tests/nodes/make.py FOLDER

The cases are those for released operator sets whose inputs and outputs are tensors of types that
mlctl takes: bool, whole numbers of 8 to 64 bits, floats of 16 to 64 bits, and text. FOLDER gets
`NAME/model.onnx` for each with an `MLmodel`, and `cases.json`: inputs, outputs and tolerances of all.
"""

import json
import os
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
# The newest set is out, but not yet in onnxruntime's own list of those that are.
os.environ["ALLOW_RELEASED_ONNX_OPSET_ONLY"] = "0"

import numpy as np
import onnx
import onnxruntime
from onnx.backend.test.case.node import collect_testcases

KINDS = {"bool": "boolean", "int8": "integer", "int16": "integer", "int32": "integer",
         "uint8": "integer", "uint16": "integer", "int64": "long", "uint32": "long",
         "uint64": "long", "float16": "float", "float32": "float", "float64": "double"}
TYPES = {getattr(onnx.TensorProto, name.upper()) for name in KINDS
         if name not in ("float32", "float64")}
TYPES |= {onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.STRING}
ELEMENTS_MAX = 1 << 17


def spell(name, array):
    """Writes a tensor; NaN and the infinities as words."""
    array = np.asarray(array)
    if array.dtype.kind in "OUS":
        texts = [v.decode() if isinstance(v, bytes) else str(v) for v in array.reshape(-1)]
        return {"name": name, "kind": "string", "shape": array.shape, "values": texts}
    values = array.reshape(-1).tolist()
    if array.dtype.kind == "f":
        values = [spell_float(v) for v in array.reshape(-1)]
    return {"name": name, "kind": KINDS[array.dtype.name], "shape": array.shape, "values": values}


def spell_float(value):
    """Returns a number with no more digits than it needs, or a word."""
    if not np.isfinite(value):
        return str(value)
    return float(str(value)) if value.dtype == np.float32 else float(value)


def arrays(case):
    """Returns the inputs and outputs; a few cases hold them as messages."""
    def plain(value):
        is_message = isinstance(value, onnx.TensorProto)
        return onnx.numpy_helper.to_array(value) if is_message else value
    return [[plain(value) for value in values] for values in case.data_sets[0]]


def is_wanted(case):
    released = {"": 0, "ai.onnx.ml": 0}
    for row in onnx.helper.VERSION_TABLE:
        released[""] = max(released[""], row[2])
        released["ai.onnx.ml"] = max(released["ai.onnx.ml"], row[3])
    graph = case.model.graph
    ports = [port.type for port in [*graph.input, *graph.output]]
    sets = [("" if one.domain == "ai.onnx" else one.domain, one.version)
            for one in case.model.opset_import]
    inputs, outputs = arrays(case)
    return (all(version <= released.get(domain, 0) for domain, version in sets)
            and all(kind.HasField("tensor_type") for kind in ports)
            and all(kind.tensor_type.elem_type in TYPES for kind in ports)
            and all(np.size(value) <= ELEMENTS_MAX for value in [*inputs, *outputs]))


def agrees(got, want, case):
    want = np.asarray(want)
    if got is None or got.shape != want.shape:
        return False
    if want.dtype.kind in "OUS":
        return spell("", got)["values"] == spell("", want)["values"]
    return got.dtype == want.dtype and np.allclose(
        got, want, rtol=case.rtol, atol=case.atol, equal_nan=True)


def onnxruntime_passes(case):
    inputs, outputs = arrays(case)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(
            case.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        feed = {one.name: np.asarray(value) for one, value in zip(session.get_inputs(), inputs)}
        answers = session.run(None, feed)
    except Exception:
        return False
    return all(agrees(got, want, case) for got, want in zip(answers, outputs))


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for case in filter(is_wanted, collect_testcases(None)):
        inputs, outputs = arrays(case)
        graph = case.model.graph
        place = folder / case.name
        place.mkdir()
        (place / "model.onnx").write_bytes(case.model.SerializeToString())
        (place / "MLmodel").write_text("flavors:\n  onnx:\n    data: model.onnx\n")
        found.append({
            "name": case.name,
            "operators": sorted({node.op_type for node in graph.node}),
            "onnxruntime": onnxruntime_passes(case),
            "rtol": case.rtol,
            "atol": case.atol,
            "inputs": [spell(port.name, value) for port, value in zip(graph.input, inputs)],
            "outputs": [spell(port.name, value) for port, value in zip(graph.output, outputs)],
        })
    (folder / "cases.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
