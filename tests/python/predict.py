"""Loads the scikit-learn model that a run logged and prints what it predicts.

Called as `predict.py RUN_ID` in the environment that the model was trained in.
"""

import json
import sys

import mlflow.sklearn
from sklearn.datasets import load_diabetes

rows = load_diabetes(as_frame=True).data.iloc[[0, 7, 99, 250, 441]]
model = mlflow.sklearn.load_model(f"runs:/{sys.argv[1]}/sklearn-model")
answer = {
    "columns": list(rows.columns),
    "rows": rows.to_numpy().tolist(),
    "predicted": model.predict(rows).tolist(),
}
print(json.dumps(answer))
