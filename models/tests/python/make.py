"""Saves a model that MLflow runs in Python: `make.py FOLDER [REQUIREMENT...]`."""

import datetime
import os
import signal
import sys
import time

import mlflow.pyfunc
import pandas
from mlflow.models import infer_signature


class Model(mlflow.pyfunc.PythonModel):
    """Answers according to the column `kind`, so that one model shows every form of answer."""

    def predict(self, context, model_input, params=None):
        kind = model_input["kind"].iloc[0]
        x = model_input["x"]
        if kind == "params":
            # A point in time is text on its way, and one again in the model.
            told = {name: [type(value).__name__, str(value)] for name, value in params.items()}
            return [told for _ in x]
        if kind == "frame":
            return pandas.DataFrame({"twice": x * 2, "sign": ["+" if v >= 0 else "-" for v in x]})
        if kind == "array":
            return x.to_numpy() * 2
        if kind == "text":
            return [f"{v:g}" for v in x]
        if kind == "nested":
            return [{"x": v, "more": [1, {"y": None}]} for v in x]
        if kind == "arrays":
            return {"a": x.to_numpy(), "b": x.to_numpy().astype("float32").reshape(-1, 1)}
        if kind == "printed":
            print("this goes to nobody's answer", flush=True)
            return x.to_numpy() > 0
        if kind == "process":
            return [os.getpid() for _ in x]
        if kind == "hung":
            time.sleep(1000)
        if kind == "killed":
            print("about to die", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError(f"no kind {kind}")


example = pandas.DataFrame({"kind": ["array"], "x": [1.5]})
params = {"top": 3, "share": 0.5, "since": datetime.date(2026, 11, 21), "names": ["a"]}
signature = infer_signature(example, params=params)
mlflow.pyfunc.save_model(
    sys.argv[1],
    python_model=Model(),
    input_example=(example, {"top": 4}),
    signature=signature,
    pip_requirements=sys.argv[2:] or ["mlflow"],
)
