"""Loads the ONNX models in the folders of FOLDER with MLflow: `load.py FOLDER`.

Prints for each what `mlflow.pyfunc` answers to its input example, as the body of an answer, and what
onnxruntime makes of the graph that `mlflow.onnx.load_model` gives. Runs with MLflow 2.22 and 3.
"""

import io
import json
import sys
from pathlib import Path

import mlflow.onnx
import mlflow.pyfunc
import numpy as np
import onnxruntime
from mlflow.models import Model, validate_serving_input
from mlflow.pyfunc.scoring_server import predictions_to_json


def by_pyfunc(folder):
    body = (folder / "serving_input_example.json").read_text()
    try:
        predictions = validate_serving_input(str(folder), body)
    except Exception as error:
        return {"error": str(error)}
    text = io.StringIO()
    predictions_to_json(predictions, text)
    return json.loads(text.getvalue())


def by_graph(folder):
    graph = mlflow.onnx.load_model(str(folder))
    example = Model.load(str(folder)).load_input_example(str(folder))
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    types = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}
    inputs = session.get_inputs()
    if len(inputs) == 1:
        feed = {inputs[0].name: np.asarray(example).astype(types[inputs[0].type])}
    else:
        feed = {one.name: np.asarray(example[one.name]).astype(types[one.type]) for one in inputs}
        feed = {one.name: feed[one.name].reshape(-1, *one.shape[1:]) for one in inputs}
    answers = zip(session.get_outputs(), session.run(None, feed))
    return {output.name: np.asarray(answer).tolist() for output, answer in answers}


told = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    told[folder.name] = {"pyfunc": by_pyfunc(folder), "graph": by_graph(folder)}
print(json.dumps(told))
