"""Makes the models of the benchmark `scoring`, then times onnxruntime on one thread.

    scoring.py FOLDER

Each line on standard input is `NAME ROWS CALLS`; the answer is the seconds that so many calls take.
Input and output are bound once, so that a call is little more than the C API's `Run`.
"""

import sys
import time
import warnings
from pathlib import Path

import networks
import numpy as np
import onnxruntime
from lightgbm import LGBMClassifier
from onnxmltools.convert import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

warnings.filterwarnings("ignore")
WIDTH = 20
TOKENS = 32
OPSETS = {"": 15, "ai.onnx.ml": 3}
FOLDER = Path(sys.argv[1])


def make():
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(4000, WIDTH)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + x[:, 2] - x[:, 3] ** 2 + 0.5 * numbers.normal(size=4000) > -1)
    y = y.astype(np.int64)
    models = {
        "logistic": LogisticRegression(),
        "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
        "ridge": make_pipeline(StandardScaler(), Ridge()),
        "mlp": MLPClassifier((128, 128), max_iter=3),
        "forest": RandomForestClassifier(100, max_depth=12, random_state=0),
        "boosting": GradientBoostingClassifier(n_estimators=100, max_depth=6, random_state=0),
        "xgboost": XGBClassifier(n_estimators=100, max_depth=6),
        "lightgbm": LGBMClassifier(n_estimators=100, max_depth=8, verbose=-1),
    }
    for name, model in models.items():
        model.fit(x, y)
        types = [("X", ToolsFloat([None, WIDTH]))]
        if name == "xgboost":
            graph = convert_xgboost(model, initial_types=types, target_opset=15)
        elif name == "lightgbm":
            graph = convert_lightgbm(model, initial_types=types, target_opset=15, zipmap=False)
        else:
            options = None if name == "ridge" else {id(model): {"zipmap": False}}
            graph = to_onnx(model, x[:1], target_opset=OPSETS, options=options)
        for output in graph.graph.output:
            # onnxmltools declares one label, whatever the rows, which a bound output takes at its word.
            output.type.tensor_type.ClearField("shape")
        save(name, graph)
    save("minilm", networks.minilm())
    save("resnet50", networks.resnet50())


def save(name, graph):
    place = FOLDER / name
    place.mkdir()
    (place / "model.onnx").write_bytes(graph.SerializeToString())
    (place / "MLmodel").write_text("flavors:\n  onnx:\n    data: model.onnx\n")


def floats(*shape):
    at = np.arange(np.prod(shape))
    return ((at * 37 % 1001) / 250 - 2).astype(np.float32).reshape(shape)


def inputs(name, rows):
    at = np.arange(rows * TOKENS).reshape(rows, TOKENS)
    if name == "minilm":
        return {"input_ids": at * 7 % 30000, "attention_mask": at * 0 + 1, "token_type_ids": at * 0}
    if name == "resnet50":
        return {"images": floats(rows, 3, 224, 224)}
    return {None: floats(rows, WIDTH)}


def bound(name, rows):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        FOLDER / name / "model.onnx", options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for input, values in inputs(name, rows).items():
        binding.bind_cpu_input(input or session.get_inputs()[0].name, values)
    for output in session.get_outputs():
        binding.bind_output(output.name, "cpu")
    return session, binding


def main():
    make()
    print("ready", flush=True)
    sessions = {}
    for line in sys.stdin:
        name, rows, calls = line.split()
        if (name, rows) not in sessions:
            sessions[name, rows] = bound(name, int(rows))
        session, binding = sessions[name, rows]
        run = session.run_with_iobinding
        run(binding)
        start = time.perf_counter()
        for _ in range(int(calls)):
            run(binding)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
