"""Makes models of many kinds with XGBoost and LightGBM, and records what the libraries say.

    python models/tests/trees/make.py FOLDER [NAME...]

Each folder below FOLDER is an MLflow model, with `expected.json`: columns of an input, and what
`mlflow.pyfunc` predicts for them; raw scores and probabilities where the library has them. Without
names, all kinds are made; `small` makes those that are committed beside the other fixtures.
"""

import json
import shutil
import sys
import warnings
from pathlib import Path

import lightgbm as lgb
import mlflow.lightgbm
import mlflow.pyfunc
import mlflow.xgboost
import numpy as np
import pandas as pd
import xgboost as xgb

warnings.filterwarnings("ignore")

ROWS = 500
SMALL = [
    "xgb_binary", "xgb_softprob_json", "xgb_dart", "xgb_partition", "xgb_classifier_early",
    "xgb_multi_tree", "xgb_linear", "lgb_binary", "lgb_pandas", "lgb_zero_missing", "lgb_forest",
    "lgb_multiclass",
]
KINDS = {}


def kind(make):
    KINDS[make.__name__] = make
    return make


def add(name, make, *args, **options):
    KINDS[name] = lambda: make(*args, **options)


def cell(value):
    if value is None or value is pd.NA or value != value:
        return None
    if isinstance(value, (float, np.floating)) and np.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value.item() if isinstance(value, np.generic) else value


def cells(array):
    array = np.asarray(array)
    return {"shape": list(array.shape), "type": array.dtype.name,
            "values": [cell(value) for value in array.ravel()]}


def expected(given, predictions, raw=None, probability=None):
    columns = given if isinstance(given, np.ndarray) else [
        {"name": str(name), "type": "str" if given[name].dtype.kind in "OU" or
         isinstance(given[name].dtype, pd.CategoricalDtype) or given[name].dtype == "str"
         else given[name].dtype.name, "values": [cell(value) for value in given[name]]}
        for name in given.columns
    ]
    result = {"input": cells(columns) if isinstance(columns, np.ndarray) else columns,
              "predictions": cells(predictions)}
    if raw is not None:
        result["raw"] = cells(raw)
    if probability is not None:
        result["probability"] = cells(probability)
    return result


class Data:
    """Features with missing and awkward values, and targets that depend on them."""

    def __init__(self, missing=0.1, awkward=True, names=("age", "bmi", "a b", "d")):
        random = np.random.RandomState(7)
        self.random = random
        x = random.randn(ROWS, len(names)).round(2)
        signal = x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + 0.3 * random.randn(ROWS)
        self.real = signal
        self.positive = np.exp(signal / 2)
        self.count = np.floor(self.positive * 2)
        self.binary = (signal > 0).astype(int)
        self.classes = np.digitize(signal, [-0.7, 0.7])
        self.targets = np.c_[signal, -signal + x[:, 3], x[:, 2] ** 2]
        self.labels = np.c_[signal > 0, x[:, 3] > 0.2, x[:, 2] > 0].astype(int)
        x[random.rand(*x.shape) < missing] = np.nan
        self.x = pd.DataFrame(x, columns=names)
        # Rows to score: some of the training, and what no training has.
        some = self.x.head(60)
        odd = [0.0, -0.0, 1e-36, -1e-36, 1e-30, 5e-324, np.nan, 1e30, -1e30, 0.1, 16777217.0]
        rows = random.choice(odd, size=(40, len(names)))
        self.some = pd.concat([some, pd.DataFrame(rows, columns=names)], ignore_index=True)
        self.some = self.some if awkward else some


def categorical(data):
    random = np.random.RandomState(3)
    x = data.x.copy()
    x["city"] = pd.Categorical(random.choice(list("abcdefghijkl"), ROWS))
    x["size"] = pd.Categorical(random.choice([10, 20, 40], ROWS))
    target = data.real + x["city"].cat.codes % 3 + 2.0 * (x["size"].cat.codes == 1)
    return x, target


def save(flavor, model, folder, **options):
    flavor.save_model(model, folder, pip_requirements=["mlflow"], **options)
    for extra in ["conda.yaml", "python_env.yaml", "requirements.txt"]:
        (folder / extra).unlink()


def record(folder, result):
    (folder / "expected.json").write_text(json.dumps(result) + "\n")


def pyfunc(folder, given):
    return mlflow.pyfunc.load_model(str(folder)).predict(given)


# XGBoost --------------------------------------------------------------------------------------


def booster(params, target, rounds=6, data=None, given=None, train=None, json_file=False, **more):
    data = data or Data()
    x = data.x if train is None else train
    given = data.some if given is None else given
    options = {k: more.pop(k) for k in ["group"] if k in more}
    refused = more.pop("refused", False)
    matrix = xgb.DMatrix(x, getattr(data, target) if isinstance(target, str) else target, **options)
    if params.get("objective") == "survival:aft":
        matrix = xgb.DMatrix(x)
        matrix.set_float_info("label_lower_bound", data.positive)
        matrix.set_float_info("label_upper_bound", data.positive * 1.5)
    model = xgb.train({"max_depth": 4, "seed": 1, **params}, matrix, rounds, **more)

    def finish(folder):
        save(mlflow.xgboost, model, folder,
             model_format="json" if json_file else "ubj")
        raw = model.predict(xgb.DMatrix(given), output_margin=True)
        want = expected(given, pyfunc(folder, given), raw)
        record(folder, {**want, "refused": refused})
    return finish


for objective in ["reg:squarederror", "reg:pseudohubererror", "reg:absoluteerror"]:
    add("xgb_" + objective[4:], booster, {"objective": objective}, "real")
for objective in ["reg:squaredlogerror", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"]:
    add("xgb_" + objective.split(":")[1], booster, {"objective": objective}, "positive")
add("xgb_poisson", booster, {"objective": "count:poisson"}, "count")
add("xgb_binary", booster, {"objective": "binary:logistic", "max_depth": 3}, "binary", rounds=4)
for objective in ["reg:logistic", "binary:logitraw", "binary:hinge"]:
    add("xgb_" + objective.replace(":", "_"), booster, {"objective": objective}, "binary")
for objective in ["binary:logistic", "binary:logitraw", "count:poisson", "reg:squarederror",
                  "survival:cox", "binary:hinge"]:
    add("xgb_base_" + objective.split(":")[1], booster,
        {"objective": objective, "base_score": 0.3}, "binary", json_file=True)
for name in ["softprob", "softmax"]:
    params = {"objective": "multi:" + name, "num_class": 3, "max_depth": 2}
    add("xgb_" + name, booster, params, "classes")
    add("xgb_" + name + "_json", booster, params, "classes", rounds=3, json_file=True)
for name in ["pairwise", "ndcg"]:
    add("xgb_" + name, booster, {"objective": "rank:" + name}, "classes", group=[50] * 10)
add("xgb_map", booster, {"objective": "rank:map"}, "binary", group=[50] * 10)
add("xgb_quantile", booster, {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]},
    "real")
add("xgb_dart", booster, {"booster": "dart", "rate_drop": 0.4, "max_depth": 3}, "real", rounds=5)
add("xgb_dart_softprob", booster, {"booster": "dart", "rate_drop": 0.4, "num_class": 3,
    "objective": "multi:softprob", "normalize_type": "forest"}, "classes", json_file=True)
add("xgb_forest", booster, {"num_parallel_tree": 7, "subsample": 0.5, "eta": 1}, "real", rounds=2)
add("xgb_forest_classes", booster, {"num_parallel_tree": 4, "subsample": 0.5, "num_class": 3,
    "objective": "multi:softprob"}, "classes", rounds=2)
add("xgb_linear", booster, {"booster": "gblinear"}, "real")
add("xgb_linear_classes", booster, {"booster": "gblinear", "num_class": 3,
    "objective": "multi:softprob"}, "classes")
add("xgb_linear_logistic", booster, {"booster": "gblinear", "objective": "binary:logistic"},
    "binary", json_file=True)
add("xgb_targets", booster, {}, "targets")
add("xgb_multi_tree", booster, {"multi_strategy": "multi_output_tree", "max_depth": 2}, "targets",
    rounds=3)
add("xgb_multi_tree_json", booster, {"multi_strategy": "multi_output_tree"}, "targets",
    json_file=True)
add("xgb_multi_tree_classes", booster, {"multi_strategy": "multi_output_tree", "num_class": 3,
    "objective": "multi:softprob"}, "classes")
add("xgb_monotone", booster, {"monotone_constraints": "(1,-1,0,0)"}, "real")
add("xgb_interaction", booster, {"interaction_constraints": "[[0,1],[2,3]]"}, "real")
for method in ["exact", "approx", "hist"]:
    add("xgb_" + method, booster, {"tree_method": method, "max_depth": 8}, "real", rounds=30)
add("xgb_lossguide", booster, {"grow_policy": "lossguide", "max_leaves": 50, "max_depth": 0},
    "real")
add("xgb_pruned", booster, {"tree_method": "exact", "gamma": 20, "max_depth": 6}, "real")
add("xgb_constant", booster, {"min_child_weight": 1e9}, "real")
add("xgb_complete", booster, {}, "real", data=Data(missing=0))
add("xgb_untrained", booster, {"objective": "binary:logistic"}, "binary", rounds=0, refused=True)
add("xgb_linear_targets", booster, {"booster": "gblinear"}, "targets")


@kind
def xgb_numpy():
    data = Data()
    return booster({}, "real", data=data, train=data.x.to_numpy(), given=data.some.to_numpy())


@kind
def xgb_other_names():
    data = Data()
    return booster({}, "real", data=data, train=data.x.to_numpy(),
                   given=data.some.set_axis(list("wxyz"), axis=1))


@kind
def xgb_column_types():
    data = Data(missing=0, awkward=False)
    frame = lambda x: pd.DataFrame({
        "f": x["age"].astype("float32"), "i": (x["bmi"] * 5).astype("int32"),
        "l": (x["a b"] * 5).astype("int64"), "b": x["d"] > 0})
    return booster({}, "real", data=data, train=frame(data.x), given=frame(data.some))


@kind
def xgb_early_booster():
    data = Data()
    held = xgb.DMatrix(data.x.tail(200), data.binary[-200:])
    model = xgb.train({"objective": "binary:logistic", "eta": 1.0},
                      xgb.DMatrix(data.x.head(300), data.binary[:300]), 60,
                      evals=[(held, "held")], early_stopping_rounds=3, verbose_eval=False)

    def finish(folder):
        save(mlflow.xgboost, model, folder)
        raw = model.predict(xgb.DMatrix(data.some), output_margin=True)
        record(folder, expected(data.some, pyfunc(folder, data.some), raw))
    return finish


def xgb_categories(onehot, text):
    data = Data()
    x, target = categorical(data)
    model = xgb.train({"max_depth": 4, "max_cat_to_onehot": onehot},
                      xgb.DMatrix(x, target, enable_categorical=True), 4)
    some = x.head(80).copy()
    some.loc[some.index[:5], "city"] = None
    codes = some.assign(city=some["city"].cat.codes.replace(-1, np.nan).astype("float64"),
                        size=some["size"].cat.codes.astype("float64"))
    codes.loc[codes.index[10:40], "city"] = [
        -1, -0.5, 0.5, 3.9, 11, 12, 13, 40, 1e6, 1e9, 16777215, 16777216, -1e9, 2147483648, 1e30] * 2
    if text:
        some = some.assign(size=codes["size"])

    def finish(folder):
        save(mlflow.xgboost, model, folder)
        if text:
            given = some.assign(city=some["city"].astype(object).where(some["city"].notna(), None))
            matrix = xgb.DMatrix(x.head(80).assign(city=some["city"]), enable_categorical=True)
            want = expected(given, model.predict(matrix), model.predict(matrix, output_margin=True))
        else:
            raw = model.predict(xgb.DMatrix(codes), output_margin=True)
            want = expected(codes, pyfunc(folder, codes), raw)
        record(folder, want)
    return finish


add("xgb_onehot", xgb_categories, 100, False)
add("xgb_partition", xgb_categories, 1, False)
add("xgb_text", xgb_categories, 3, True)


def estimator(model, target, data=None, held=False, **fit):
    data = data or Data()
    y = getattr(data, target)
    if held:
        fit["eval_set"] = [(data.x.tail(200), y[-200:])]
        model.fit(data.x.head(300), y[:300], verbose=False, **fit)
    else:
        model.fit(data.x, y, **fit)

    def finish(folder):
        save(mlflow.xgboost, model, folder)
        loaded = mlflow.xgboost.load_model(str(folder))
        raw = loaded.predict(data.some, output_margin=True)
        odds = None
        if isinstance(model, xgb.XGBClassifier):
            odds = loaded.predict_proba(data.some)
        record(folder, expected(data.some, pyfunc(folder, data.some), raw, odds))
    return finish


SK = {"n_estimators": 6, "max_depth": 3, "random_state": 0}
add("xgb_regressor", estimator, xgb.XGBRegressor(**SK), "real")
add("xgb_regressor_targets", estimator, xgb.XGBRegressor(**SK), "targets")
add("xgb_classifier", estimator, xgb.XGBClassifier(**SK), "binary")
add("xgb_classifier_classes", estimator, xgb.XGBClassifier(**SK), "classes")
add("xgb_classifier_softmax", estimator, xgb.XGBClassifier(objective="multi:softmax", **SK),
    "classes")
add("xgb_classifier_labels", estimator, xgb.XGBClassifier(**SK), "labels")
add("xgb_classifier_dart", estimator, xgb.XGBClassifier(booster="dart", rate_drop=0.3, **SK),
    "classes")
add("xgb_classifier_linear", estimator, xgb.XGBClassifier(booster="gblinear", n_estimators=5),
    "classes")
add("xgb_rf_regressor", estimator, xgb.XGBRFRegressor(**SK), "real")
add("xgb_rf_classifier", estimator, xgb.XGBRFClassifier(**SK), "classes")
add("xgb_classifier_early", estimator, xgb.XGBClassifier(
    n_estimators=60, max_depth=2, learning_rate=1.0, early_stopping_rounds=2), "binary", held=True)
add("xgb_classes_early", estimator, xgb.XGBClassifier(
    n_estimators=60, learning_rate=1.0, num_parallel_tree=2, subsample=0.7,
    early_stopping_rounds=3), "classes", held=True)
add("xgb_dart_early", estimator, xgb.XGBRegressor(
    booster="dart", n_estimators=40, learning_rate=1.0, early_stopping_rounds=3), "real", held=True)
add("xgb_regressor_gamma", estimator, xgb.XGBRegressor(objective="reg:gamma", **SK), "positive")
add("xgb_ranker", estimator, xgb.XGBRanker(**SK), "classes", group=[50] * 10)

# LightGBM -------------------------------------------------------------------------------------


def text(params, target, rounds=6, data=None, given=None, train=None, refused=False, **more):
    data = data or Data()
    x = data.x if train is None else train
    given = data.some if given is None else given
    given = pd.concat([given, given.tail(4) * 0 + np.inf, given.tail(4) * 0 - np.inf]
                      ) if isinstance(given, pd.DataFrame) and not refused and all(
                          given.dtypes == "float64") else given
    y = getattr(data, target) if isinstance(target, str) else target
    options = {k: more.pop(k) for k in ["group", "categorical_feature"] if k in more}
    train = lgb.Dataset(x, y, **options)
    if more.pop("held", False):
        train = lgb.Dataset(x.head(300), y[:300])
        more["valid_sets"] = [train.create_valid(x.tail(200), y[-200:])]
        more["callbacks"] = [lgb.early_stopping(3, verbose=False)]
    base = {"verbose": -1, "num_leaves": 8, "min_data_in_leaf": 5, "seed": 1, "num_threads": 1}
    model = lgb.train({**base, **params}, train, rounds, **more)

    def finish(folder):
        save(mlflow.lightgbm, model, folder)
        loaded = mlflow.lightgbm.load_model(str(folder))
        raw = loaded.predict(given, raw_score=True)
        want = expected(given, pyfunc(folder, given), raw)
        if refused:
            want["refused"] = True
        record(folder, want)
    return finish


for objective in ["regression", "regression_l1", "huber", "fair", "quantile", "mape"]:
    add("lgb_" + objective, text, {"objective": objective}, "real")
for objective in ["poisson", "gamma", "tweedie"]:
    add("lgb_" + objective, text, {"objective": objective}, "positive")
for objective in ["regression", "regression_l1", "quantile"]:
    add("lgb_sqrt_" + objective, text, {"objective": objective, "reg_sqrt": True}, "positive")
add("lgb_binary", text, {"objective": "binary", "num_leaves": 5}, "binary", rounds=4)
for objective in ["cross_entropy", "cross_entropy_lambda"]:
    add("lgb_" + objective, text, {"objective": objective}, "binary")
add("lgb_sigmoid", text, {"objective": "binary", "sigmoid": 0.7}, "binary")
add("lgb_multiclass", text, {"objective": "multiclass", "num_class": 3, "num_leaves": 4}, "classes",
    rounds=3)
add("lgb_ova", text, {"objective": "multiclassova", "num_class": 3, "sigmoid": 1.3}, "classes")
for objective in ["lambdarank", "rank_xendcg"]:
    add("lgb_" + objective, text, {"objective": objective}, "classes", group=[50] * 10)
BAGS = {"bagging_freq": 1, "bagging_fraction": 0.6}
add("lgb_forest", text, {"objective": "binary", "boosting": "rf", "num_leaves": 4, **BAGS},
    "binary", rounds=4)
add("lgb_forest_regression", text, {"objective": "regression", "boosting": "rf", **BAGS}, "real")
add("lgb_forest_classes", text, {"objective": "multiclass", "num_class": 3, "boosting": "rf",
    **BAGS}, "classes")
add("lgb_dart", text, {"objective": "regression", "boosting": "dart", "drop_rate": 0.5}, "real",
    rounds=20)
add("lgb_goss", text, {"objective": "binary", "data_sample_strategy": "goss"}, "binary", rounds=20)
add("lgb_zero_missing", text, {"objective": "regression", "zero_as_missing": True, "num_leaves": 5},
    "real")
add("lgb_no_missing", text, {"objective": "regression", "use_missing": False}, "real")
add("lgb_complete", text, {"objective": "regression"}, "real", data=Data(missing=0))
add("lgb_custom", text, {"objective": lambda p, d: (p - d.get_label(), np.ones_like(p))}, "real")
add("lgb_early", text, {"objective": "binary", "learning_rate": 0.9}, "binary", rounds=80, held=True)
add("lgb_constant", text, {"objective": "binary"}, np.ones(ROWS))
add("lgb_monotone", text, {"objective": "regression", "monotone_constraints": [1, -1, 0, 0]}, "real")
add("lgb_extra", text, {"objective": "regression", "extra_trees": True, "path_smooth": 2.0}, "real")
add("lgb_large", text, {"objective": "regression", "num_leaves": 100}, "real", rounds=60)
add("lgb_linear_tree", text, {"objective": "regression", "linear_tree": True}, "real", refused=True)


@kind
def lgb_numpy_categories():
    data = Data()
    x, target = categorical(data)
    codes = x.assign(city=x["city"].cat.codes, size=x["size"].cat.codes).to_numpy(dtype=float)
    given = codes[:80].copy()
    given[:30, 4] = [-1, -0.5, 0.5, 3.9, np.nan, 12, 40, 1e6, 1e9, 2147483648, 1e30, np.inf,
                     -np.inf, -2, 5] * 2
    return text({"objective": "regression", "max_cat_to_onehot": 1, "min_data_per_group": 1,
                 "cat_smooth": 1}, target, data=data, train=codes, given=given,
                categorical_feature=[4, 5])


@kind
def lgb_float_input():
    data = Data()
    return text({"objective": "regression"}, "real", data=data,
                train=data.x.astype("float32"), given=data.some.head(60).astype("float32"))


@kind
def lgb_pandas():
    data = Data()
    x, target = categorical(data)
    model = lgb.train({"objective": "regression", "verbose": -1, "num_leaves": 6,
                       "max_cat_to_onehot": 2, "min_data_per_group": 1, "cat_smooth": 1,
                       "num_threads": 1}, lgb.Dataset(x, target), 4)
    some = x.head(60).copy()
    some["city"] = some["city"].cat.add_categories(["elsewhere"])
    some.loc[some.index[:5], "city"] = None
    some.loc[some.index[5:10], "city"] = "elsewhere"
    given = some.assign(city=some["city"].astype(object).where(some["city"].notna(), None),
                        size=some["size"].astype("int64"))

    def finish(folder):
        save(mlflow.lightgbm, model, folder)
        want = expected(given, pyfunc(folder, some), model.predict(some, raw_score=True))
        record(folder, want)
    return finish


@kind
def lgb_classifier():
    data = Data()
    model = lgb.LGBMClassifier(n_estimators=3, verbose=-1).fit(data.x, data.binary)

    def finish(folder):
        save(mlflow.lightgbm, model, folder)
        want = expected(data.some, model.predict(data.some))
        record(folder, want)
    return finish


def main():
    root, *names = sys.argv[1:]
    names = SMALL if names == ["small"] else names or list(KINDS)
    for name in names:
        folder = Path(root) / name
        shutil.rmtree(folder, ignore_errors=True)
        KINDS[name]()(folder)
    print(len(names))


main()
