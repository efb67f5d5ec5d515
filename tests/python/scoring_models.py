"""Saves models that tell what reaches them, and rows as Parquet: `scoring_models.py FOLDER`."""

import sys
from pathlib import Path

import mlflow.pyfunc
import numpy
import pandas
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec


class Told(mlflow.pyfunc.PythonModel):
    """Answers with the types and values that it is given."""

    def predict(self, context, model_input, params=None):
        def told(values):
            values = numpy.asarray(values)
            kind = "str" if values.dtype.kind in "OUT" else str(values.dtype)
            return {"type": kind, "shape": list(values.shape), "values": str(values.tolist())}

        if isinstance(model_input, pandas.DataFrame):
            inputs = {str(name): told(model_input[name]) for name in model_input.columns}
        elif isinstance(model_input, dict):
            inputs = {name: told(values) for name, values in model_input.items()}
        else:
            inputs = told(model_input)
        return {"inputs": inputs, "params": {k: repr(v) for k, v in (params or {}).items()}}


def save(name, inputs, params=None):
    signature = ModelSignature(inputs=inputs, params=params) if inputs else None
    mlflow.pyfunc.save_model(
        folder / name,
        python_model=Told(),
        signature=signature,
        pip_requirements=["mlflow"],
    )


folder = Path(sys.argv[1])
kinds = ["boolean", "integer", "long", "float", "double", "string"]
for kind in kinds:
    save(kind, Schema([ColSpec(kind, "c")]))
save(
    "columns",
    Schema([ColSpec("long", "n"), ColSpec("double", "x"), ColSpec("string", "s", required=False)]),
    ParamSchema([ParamSpec("top", "long", 3), ParamSpec("share", "double", 0.5)]),
)
save("tensor", Schema([TensorSpec(numpy.dtype("float32"), (-1, 2))]))
save(
    "tensors",
    Schema([
        TensorSpec(numpy.dtype("int64"), (-1, 2), "a"),
        TensorSpec(numpy.dtype("float64"), (-1,), "b"),
    ]),
)
frame = pandas.DataFrame({"s": ["a", "b"], "x": [0.5, 1.5], "n": [1, 2], "more": [7, 7]})
frame.to_parquet(folder / "rows.parquet", index=False)
