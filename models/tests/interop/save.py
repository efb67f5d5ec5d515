"""Saves models with MLflow, and what MLflow says that they answer: `save.py FOLDER`.

For each model there is a folder, and in `models.json` a line with its name, a body of `/invocations`
and the answer to it. Runs with MLflow 2.22 and 3.
"""

import io
import json
import sys
from pathlib import Path

import lightgbm
import mlflow.lightgbm
import mlflow.onnx
import mlflow.pyfunc
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import pandas as pd
import xgboost
from mlflow.models import infer_signature
from mlflow.pyfunc.scoring_server import predictions_to_json
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

FOLDER = Path(sys.argv[1])
NAMES = ["age", "income", "visits", "score"]
HAS_SKOPS = "skops" in mlflow.sklearn.SUPPORTED_SERIALIZATION_FORMATS

told = []


def made(rows=200):
    random = np.random.default_rng(7)
    x = pd.DataFrame(random.normal(size=(rows, len(NAMES))), columns=NAMES).round(4)
    noise = random.normal(scale=0.2, size=rows)
    number = (2 * x.age - x.income * x.visits + noise).to_numpy()
    kinds = np.digitize(number, [-1.0, 1.0])
    return x, number, kinds


X, NUMBER, KIND = made()
YES = NUMBER > 0
# Values of 32 bits, which graphs of 32-bit floats take as they are.
NARROW = X.astype("float32")


def tell(name, rows, params):
    """Notes what MLflow answers to rows; without them only that the folder is there."""
    if rows is None:
        told.append({"name": name})
        return
    model = mlflow.pyfunc.load_model(str(FOLDER / name))
    text = io.StringIO()
    predictions_to_json(model.predict(rows, params=params), text)
    if isinstance(rows, pd.DataFrame):
        data = rows.astype(object).where(rows.notna(), None).to_numpy().tolist()
        body = {"dataframe_split": {"columns": list(rows.columns), "data": data}}
    else:
        body = {"inputs": rows.tolist()}
    if params is not None:
        body["params"] = params
    told.append({"name": name, "body": json.dumps(body), "answer": json.loads(text.getvalue())})


def save(name, flavor, model, rows, params=None, **options):
    example = None if rows is None else rows[:3]
    if params is not None:
        example = (example, params)
    if rows is not None and "signature" not in options:
        options["signature"] = infer_signature(rows)
    # Given requirements are not searched for, which would take a quarter of a minute.
    options["pip_requirements"] = ["mlflow"]
    flavor.save_model(model, str(FOLDER / name), input_example=example, **options)
    tell(name, rows, params)


def onnx():
    def graph(model, **options):
        inputs = [("features", FloatTensorType([None, len(NAMES)]))]
        return to_onnx(model, initial_types=inputs, target_opset=17, **options)

    rows, matrix = X.head(20), NARROW.head(20).to_numpy()
    ridge = make_pipeline(StandardScaler(), Ridge()).fit(X, NUMBER)
    save("onnx-columns", mlflow.onnx, graph(ridge), rows)
    save("onnx-matrix", mlflow.onnx, graph(ridge), matrix)
    forest = RandomForestRegressor(10, max_depth=4, random_state=0).fit(NARROW, NUMBER)
    save("onnx-forest", mlflow.onnx, graph(forest), NARROW.head(20))
    logistic = LogisticRegression().fit(X, KIND)
    save("onnx-classes", mlflow.onnx, graph(logistic, options={"zipmap": False}), matrix)
    save("onnx-zipmap", mlflow.onnx, graph(logistic), matrix)


def sklearn():
    rows = X.head(20).assign(city=["Rome", "Oslo", None, "Bern"] * 5)
    train = X.assign(city=["Rome", "Oslo", "Bern", "Oslo"] * 50)
    scaled = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city"]), (StandardScaler(), NAMES)
    )
    words = np.array(["low", "middle", "high"])[KIND]
    model = make_pipeline(scaled, LogisticRegression(max_iter=500)).fit(train, words)
    known = rows.fillna({"city": "Paris"})
    forest = RandomForestClassifier(10, max_depth=4, random_state=0).fit(X, YES)
    if HAS_SKOPS:
        kept = {"serialization_format": "skops"}
        save("sklearn-pipeline", mlflow.sklearn, model, known, **kept)
        odds = {"pyfunc_predict_fn": "predict_proba", **kept}
        odds["skops_trusted_types"] = ["sklearn.tree._tree.Tree"]
        save("sklearn-odds", mlflow.sklearn, forest, X.head(20), **odds)
        # What it does when nobody asks for a format.
        save("sklearn-default", mlflow.sklearn, Ridge().fit(X, NUMBER), X.head(20))
    save("sklearn-pickle", mlflow.sklearn, forest, None, serialization_format="cloudpickle")


def xgb():
    holed = X.head(20).mask(X.head(20) > 1.2)
    options = {"max_depth": 4, "eta": 0.3, "base_score": 0.5}
    matrix = xgboost.DMatrix(X, NUMBER)
    booster = xgboost.train({"objective": "reg:squarederror", **options}, matrix, 12)
    save("xgboost-booster", mlflow.xgboost, booster, holed)
    save("xgboost-json", mlflow.xgboost, booster, holed, model_format="json")
    binary = xgboost.train({"objective": "binary:logistic", **options}, xgboost.DMatrix(X, YES), 12)
    save("xgboost-binary", mlflow.xgboost, binary, holed)
    declared = infer_signature(holed, params={"output_margin": False, "other": 1})
    margin = {"output_margin": True, "unknown": "x"}
    save("xgboost-margin", mlflow.xgboost, binary, holed, margin, signature=declared)
    declared = infer_signature(holed, params={"output_margin": True, "strict_shape": False})
    save("xgboost-default", mlflow.xgboost, binary, holed, signature=declared)
    classes = xgboost.XGBClassifier(n_estimators=8, max_depth=3).fit(X, KIND)
    save("xgboost-classes", mlflow.xgboost, classes, holed)
    declared = infer_signature(holed, params={"output_margin": False, "pred_leaf": False})
    margin = {"output_margin": True, "pred_leaf": True}
    save("xgboost-margins", mlflow.xgboost, classes, holed, margin, signature=declared)
    numbers = xgboost.XGBRegressor(n_estimators=8, max_depth=3).fit(X, NUMBER)
    save("xgboost-numbers", mlflow.xgboost, numbers, holed)


def lgb():
    holed = X.head(20).mask(X.head(20) > 1.2)
    options = {"verbose": -1, "num_leaves": 15, "min_data_in_leaf": 5}
    numbers = lightgbm.train(options, lightgbm.Dataset(X, NUMBER), 12)
    save("lightgbm-numbers", mlflow.lightgbm, numbers, holed)
    declared = infer_signature(holed, params={"raw_score": False})
    raw = {"raw_score": True}
    save("lightgbm-ignores", mlflow.lightgbm, numbers, holed, raw, signature=declared)
    several = {"objective": "multiclass", "num_class": 3, **options}
    kinds = lightgbm.train(several, lightgbm.Dataset(X, KIND), 8)
    save("lightgbm-classes", mlflow.lightgbm, kinds, holed)
    wrapped = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1).fit(X, YES)
    if HAS_SKOPS:
        save("lightgbm-wrapped", mlflow.lightgbm, wrapped, holed)
        words = np.array(["low", "middle", "high"])[KIND]
        early = lightgbm.LGBMClassifier(n_estimators=200, learning_rate=0.5, verbose=-1)
        stop = lightgbm.early_stopping(2, verbose=False)
        early.fit(X[:150], words[:150], eval_set=[(X[150:], words[150:])], callbacks=[stop])
        assert 0 < early.best_iteration_ < 200
        save("lightgbm-early", mlflow.lightgbm, early, holed)
        forest = lightgbm.LGBMRegressor(
            n_estimators=5, boosting_type="rf", subsample=0.7, subsample_freq=1, verbose=-1
        )
        save("lightgbm-forest", mlflow.lightgbm, forest.fit(X, NUMBER), holed)
        piped = make_pipeline(StandardScaler(), wrapped).fit(X, YES)
        trusted = {
            "skops_trusted_types": ["lightgbm.basic.Booster", "lightgbm.sklearn.LGBMClassifier",
                                    "collections.OrderedDict"]
        }
        odds = {"pyfunc_predict_fn": "predict_proba", "serialization_format": "skops", **trusted}
        save("lightgbm-piped", mlflow.sklearn, piped, holed, **odds)
    options = {"serialization_format": "cloudpickle"} if HAS_SKOPS else {}
    save("lightgbm-pickle", mlflow.lightgbm, wrapped, None, **options)


for part in [onnx, sklearn, xgb, lgb]:
    part()
told = {"mlflow": mlflow.__version__, "models": told}
(FOLDER / "models.json").write_text(json.dumps(told))
