"""Trains models of scikit-learn, saves them as skops, and records what they answer.

Usage: python make.py OUT [--small] [NAME...]. Each model becomes a folder OUT/NAME with `model.skops` and an
`MLmodel`, and OUT/NAME.json: the input and what each method answers. The names are those of `CASES`. With `--small` the
files are compressed: so were those made that lie in `../fixtures/sklearn`.
"""

import json
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import skops.io

warnings.filterwarnings("ignore")

from sklearn import (
    calibration, cluster, compose, covariance, cross_decomposition, decomposition, discriminant_analysis,
    dummy, ensemble, feature_extraction, feature_selection, impute, isotonic, kernel_approximation,
    linear_model, mixture, model_selection, multiclass, multioutput, naive_bayes, neighbors,
    neural_network, pipeline, preprocessing, random_projection, svm, tree,
)
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression

METHODS = ["predict", "predict_proba", "decision_function", "transform"]


def binary(features=8, rows=240, seed=0, labels=None, dtype=float):
    x, y = make_classification(
        rows, features, n_informative=5, n_redundant=0, random_state=seed, class_sep=0.6
    )
    return x.astype(dtype), y if labels is None else np.array(labels)[y]


def multi(features=8, rows=300, classes=4, seed=1, labels=None):
    x, y = make_classification(
        rows, features, n_informative=6, n_redundant=0, n_classes=classes, random_state=seed, class_sep=0.8
    )
    return x, y if labels is None else np.array(labels)[y]


def regression(features=7, rows=240, targets=1, seed=2):
    x, y = make_regression(rows, features, n_targets=targets, noise=3.0, random_state=seed)
    return x, y / 20


def positive(rows=240):
    x, y = regression(rows=rows)
    return x, np.exp(y / np.abs(y).max())


def counts(rows=240, features=9):
    generator = np.random.default_rng(5)
    x = generator.poisson(2.0, (rows, features)).astype(float)
    y = (x[:, 0] + x[:, 1] > x[:, 2] + x[:, 3]).astype(int) + (x[:, 4] > 3)
    return x, y


def gaps(x, share=0.15, seed=7):
    x = x.copy()
    x[np.random.default_rng(seed).random(x.shape) < share] = np.nan
    return x


def frame(rows=260, seed=3):
    generator = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "age": generator.integers(18, 80, rows).astype(float),
            "income": generator.lognormal(3, 1, rows),
            "city": generator.choice(["Oslo", "Rome", "Lima", "Kyiv", "Bonn"], rows, p=[.4, .3, .2, .07, .03]),
            "plan": generator.choice(["free", "pro"], rows),
            "visits": generator.integers(0, 9, rows),
        }
    )
    y = ((data.age > 45) ^ (data.city == "Rome") ^ (generator.random(rows) < 0.1)).astype(int).to_numpy()
    data["city"] = data["city"].astype(object)
    data["plan"] = data["plan"].astype(object)
    return data, y


def gappy_frame():
    data, y = frame()
    generator = np.random.default_rng(11)
    data.loc[generator.random(len(data)) < 0.1, "age"] = np.nan
    data.loc[generator.random(len(data)) < 0.1, "city"] = None
    return data, y


TEXTS = [
    "The quick brown fox jumps over the lazy dog", "A fast brown fox", "dogs and cats living together",
    "Cats, cats, CATS!", "the dog sleeps; the fox does not", "numbers 1 22 333 and under_scores",
    "Straße und Über-Größe", "don't stop believing", "x y z", "lazy afternoon with a lazy dog",
    "quick quick slow", "foxes are quick", "", "A b c dog", "naïve café déjà vu", "END of the line",
]


def texts():
    y = np.array([i % 3 for i in range(len(TEXTS))])
    return np.array(TEXTS * 3, dtype=object), np.tile(y, 3)


CASES = {}


def case(name, data, make, test=None, methods=METHODS):
    """Registers a model: `data` gives x and y, `make` an estimator; `test` changes x for scoring."""
    assert name not in CASES, name
    CASES[name] = (data, make, test, methods)


def simple(module, data, names, **arguments):
    for name in names:
        case(name, data, lambda name=name: getattr(module, name)(**arguments))


# Linear models.
simple(linear_model, regression, [
    "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "SGDRegressor",
    "HuberRegressor", "TheilSenRegressor", "BayesianRidge", "ARDRegression", "Lars", "LassoLars",
    "OrthogonalMatchingPursuit", "QuantileRegressor", "RANSACRegressor",
])
case("LinearSVR", regression, lambda: svm.LinearSVR())
if hasattr(linear_model, "PassiveAggressiveRegressor"):
    case("PassiveAggressiveRegressor", regression, lambda: linear_model.PassiveAggressiveRegressor())
    case("PassiveAggressiveClassifier", multi, lambda: linear_model.PassiveAggressiveClassifier())
case("LinearRegression-targets", lambda: regression(targets=3), lambda: linear_model.LinearRegression())
case("Ridge-one-column", lambda: (regression()[0], regression()[1][:, None]), lambda: linear_model.Ridge())
case("MultiTaskLasso", lambda: regression(targets=2), lambda: linear_model.MultiTaskLasso(alpha=0.1))
simple(linear_model, positive, ["PoissonRegressor", "GammaRegressor"])
for power in [0, 1.5]:
    case(f"TweedieRegressor-{power}", positive, lambda power=power: linear_model.TweedieRegressor(power=power))
simple(linear_model, binary, ["LogisticRegression", "RidgeClassifier", "SGDClassifier", "Perceptron"])
case("LogisticRegression-float32", lambda: binary(dtype=np.float32), lambda: linear_model.LogisticRegression())
case("LogisticRegression-text", lambda: binary(labels=["no", "yes"]), lambda: linear_model.LogisticRegression())
case("LogisticRegression-bool", lambda: (binary()[0], binary()[1] == 1), lambda: linear_model.LogisticRegression())
case("LogisticRegression-floats", lambda: binary(labels=[0.0, 2.0]), lambda: linear_model.LogisticRegression())
case("LogisticRegression-multi", lambda: multi(labels=["d", "c", "b", "a"]), lambda: linear_model.LogisticRegression())
case("LogisticRegression-liblinear", binary, lambda: linear_model.LogisticRegression(solver="liblinear"))
case("LogisticRegressionCV", multi, lambda: linear_model.LogisticRegressionCV(cv=3, Cs=3))
case("RidgeClassifierCV-multi", multi, lambda: linear_model.RidgeClassifierCV())
case("SGDClassifier-log", multi, lambda: linear_model.SGDClassifier(loss="log_loss"))
case("SGDClassifier-log-binary", binary, lambda: linear_model.SGDClassifier(loss="log_loss"))
case("SGDClassifier-huber", multi, lambda: linear_model.SGDClassifier(loss="modified_huber"))
case("SGDClassifier-huber-binary", binary, lambda: linear_model.SGDClassifier(loss="modified_huber"))
case("LinearSVC", binary, lambda: svm.LinearSVC())
case("LinearSVC-multi", multi, lambda: svm.LinearSVC())
case("SGDOneClassSVM", lambda: (binary()[0], None), lambda: linear_model.SGDOneClassSVM())
case("PLSRegression", regression, lambda: cross_decomposition.PLSRegression(3))
case("PLSRegression-targets", lambda: regression(targets=3), lambda: cross_decomposition.PLSRegression(2))

# Scalers and other transformers, each before a linear model and alone.
for name, make, data in [
    ("StandardScaler", lambda: preprocessing.StandardScaler(), binary),
    ("StandardScaler-no-mean", lambda: preprocessing.StandardScaler(with_mean=False), binary),
    ("StandardScaler-no-std", lambda: preprocessing.StandardScaler(with_std=False), binary),
    ("MinMaxScaler", lambda: preprocessing.MinMaxScaler((-1, 2)), binary),
    ("MinMaxScaler-clip", lambda: preprocessing.MinMaxScaler(clip=True), binary),
    ("MaxAbsScaler", lambda: preprocessing.MaxAbsScaler(), binary),
    ("RobustScaler", lambda: preprocessing.RobustScaler(), binary),
    ("Normalizer-l1", lambda: preprocessing.Normalizer("l1"), binary),
    ("Normalizer", lambda: preprocessing.Normalizer(), binary),
    ("Normalizer-max", lambda: preprocessing.Normalizer("max"), binary),
    ("Binarizer", lambda: preprocessing.Binarizer(threshold=0.2), binary),
    ("PowerTransformer", lambda: preprocessing.PowerTransformer(), binary),
    ("PowerTransformer-box-cox", lambda: preprocessing.PowerTransformer("box-cox"),
     lambda: (np.exp(binary()[0] / 3), binary()[1])),
    ("QuantileTransformer", lambda: preprocessing.QuantileTransformer(n_quantiles=50), binary),
    ("QuantileTransformer-normal",
     lambda: preprocessing.QuantileTransformer(n_quantiles=50, output_distribution="normal"), counts),
    ("KBinsDiscretizer", lambda: preprocessing.KBinsDiscretizer(4), binary),
    ("KBinsDiscretizer-ordinal", lambda: preprocessing.KBinsDiscretizer(5, encode="ordinal", strategy="uniform"), binary),
    ("KBinsDiscretizer-dense", lambda: preprocessing.KBinsDiscretizer(3, encode="onehot-dense"), counts),
    ("PolynomialFeatures", lambda: preprocessing.PolynomialFeatures(3), binary),
    ("PolynomialFeatures-interactions",
     lambda: preprocessing.PolynomialFeatures((2, 3), interaction_only=True, include_bias=False), binary),
    ("SplineTransformer", lambda: preprocessing.SplineTransformer(), binary),
    ("SplineTransformer-linear", lambda: preprocessing.SplineTransformer(degree=2, extrapolation="linear"), binary),
    ("SplineTransformer-continue", lambda: preprocessing.SplineTransformer(extrapolation="continue", include_bias=False), binary),
    ("SplineTransformer-periodic", lambda: preprocessing.SplineTransformer(extrapolation="periodic"), binary),
    ("FunctionTransformer-log1p", lambda: preprocessing.FunctionTransformer(np.log1p), counts),
    ("FunctionTransformer", lambda: preprocessing.FunctionTransformer(), binary),
    ("PCA", lambda: decomposition.PCA(4), binary),
    ("PCA-whiten", lambda: decomposition.PCA(3, whiten=True), binary),
    ("IncrementalPCA", lambda: decomposition.IncrementalPCA(3), binary),
    ("TruncatedSVD", lambda: decomposition.TruncatedSVD(3), counts),
    ("FactorAnalysis", lambda: decomposition.FactorAnalysis(3), binary),
    ("FastICA", lambda: decomposition.FastICA(3, random_state=0), binary),
    ("KernelPCA", lambda: decomposition.KernelPCA(3, kernel="rbf"), binary),
    ("KernelPCA-poly", lambda: decomposition.KernelPCA(3, kernel="poly"), binary),
    ("VarianceThreshold", lambda: feature_selection.VarianceThreshold(1.0), counts),
    ("SelectKBest", lambda: feature_selection.SelectKBest(k=3), binary),
    ("SelectPercentile", lambda: feature_selection.SelectPercentile(percentile=40), binary),
    ("SelectFromModel", lambda: feature_selection.SelectFromModel(linear_model.Lasso(0.02)), binary),
    ("SelectFromModel-trees", lambda: feature_selection.SelectFromModel(
        ensemble.RandomForestClassifier(5, random_state=0), threshold="median"), binary),
    ("RFE", lambda: feature_selection.RFE(linear_model.Ridge(), n_features_to_select=3), binary),
    ("GaussianRandomProjection", lambda: random_projection.GaussianRandomProjection(4, random_state=0), binary),
    ("Nystroem", lambda: kernel_approximation.Nystroem(n_components=20, random_state=0), binary),
    ("RBFSampler", lambda: kernel_approximation.RBFSampler(random_state=0), binary),
    ("KMeans-transform", lambda: cluster.KMeans(4, n_init=2, random_state=0), binary),
    ("LinearDiscriminantAnalysis-transform", lambda: discriminant_analysis.LinearDiscriminantAnalysis(), multi),
]:
    case(name, data, make)
    case(f"{name}+linear", data, lambda make=make: pipeline.make_pipeline(make(), linear_model.LogisticRegression(max_iter=50)))

for name, make in [
    ("SimpleImputer", lambda: impute.SimpleImputer()),
    ("SimpleImputer-median", lambda: impute.SimpleImputer(strategy="median", add_indicator=True)),
    ("SimpleImputer-constant", lambda: impute.SimpleImputer(strategy="constant", fill_value=-3)),
    ("KNNImputer", lambda: impute.KNNImputer(n_neighbors=3)),
    ("KNNImputer-distance", lambda: impute.KNNImputer(weights="distance", add_indicator=True)),
    ("MissingIndicator", lambda: impute.MissingIndicator()),
    ("IterativeImputer", lambda: __import__("sklearn.experimental.enable_iterative_imputer") and impute.IterativeImputer()),
]:
    case(name, lambda: (gaps(binary()[0]), binary()[1]), make)
    case(f"{name}+linear", lambda: (gaps(binary()[0]), binary()[1]),
         lambda make=make: pipeline.make_pipeline(make(), linear_model.LogisticRegression()))
case("SimpleImputer-number", lambda: (counts()[0], counts()[1]), lambda: impute.SimpleImputer(missing_values=0))
case("SimpleImputer-empty", lambda: (np.c_[gaps(binary()[0]), np.full(240, np.nan)], binary()[1]),
     lambda: impute.SimpleImputer())
case("StandardScaler-missing", lambda: (gaps(binary()[0]), binary()[1]), lambda: preprocessing.StandardScaler())

# Columns.
NUMBERS, CATEGORIES = ["age", "income"], ["city", "plan"]


def columns(**one_hot):
    return compose.ColumnTransformer(
        [("n", preprocessing.StandardScaler(), NUMBERS), ("c", preprocessing.OneHotEncoder(**one_hot), CATEGORIES)],
        remainder="passthrough",
    )


case("columns", frame, lambda: pipeline.make_pipeline(columns(), linear_model.LogisticRegression()))
case("columns-alone", frame, lambda: columns(drop="first"))
case("columns-if-binary", frame, lambda: columns(drop="if_binary"))
case("columns-infrequent", frame, lambda: columns(min_frequency=30, handle_unknown="infrequent_if_exist"),
     lambda x: x.assign(city=["Mars" if i % 5 == 0 else city for i, city in enumerate(x.city)]))
case("columns-infrequent-drop", frame, lambda: columns(max_categories=3, drop="first", handle_unknown="ignore"))
case("columns-unknown", frame, lambda: columns(handle_unknown="ignore"),
     lambda x: x.assign(city=["Mars" if i % 5 == 0 else city for i, city in enumerate(x.city)]))
case("columns-order", frame, lambda: columns(), lambda x: x[["visits", "plan", "city", "income", "age"]])
case("columns-drop", frame, lambda: compose.ColumnTransformer(
    [("n", "passthrough", ["age"]), ("d", "drop", ["income"])], remainder="drop"), lambda x: x[["age", "plan"]])
case("columns-weights", frame, lambda: compose.ColumnTransformer(
    [("n", preprocessing.MinMaxScaler(), ["age"]), ("m", preprocessing.StandardScaler(), ["income"])],
    transformer_weights={"n": 2.5}))
case("columns-missing", gappy_frame, lambda: pipeline.make_pipeline(
    compose.ColumnTransformer([
        ("n", pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), NUMBERS),
        ("c", pipeline.make_pipeline(impute.SimpleImputer(strategy="most_frequent", missing_values=None),
                                     preprocessing.OneHotEncoder()), CATEGORIES)]),
    linear_model.LogisticRegression()))
case("columns-missing-category", gappy_frame, lambda: compose.ColumnTransformer(
    [("c", preprocessing.OneHotEncoder(), CATEGORIES), ("o", preprocessing.OrdinalEncoder(encoded_missing_value=-1), CATEGORIES)]))
case("columns-positions", lambda: binary(), lambda: compose.ColumnTransformer(
    [("a", preprocessing.StandardScaler(), [0, 2]), ("b", preprocessing.MinMaxScaler(), slice(3, 6)),
     ("c", "passthrough", np.array([False] * 6 + [True] * 2)), ("d", preprocessing.MaxAbsScaler(), [-1])]))
case("columns-remainder", lambda: binary(), lambda: compose.ColumnTransformer(
    [("a", "drop", [1])], remainder=preprocessing.StandardScaler()))
case("columns-selector", frame, lambda: compose.make_column_transformer(
    (preprocessing.OrdinalEncoder(), compose.make_column_selector(dtype_include=object))))
case("OneHotEncoder-numbers", counts, lambda: preprocessing.OneHotEncoder(handle_unknown="ignore"), lambda x: x + (x > 4))
case("OneHotEncoder-NaN", lambda: (gaps(counts()[0]), counts()[1]), lambda: preprocessing.OneHotEncoder())
case("OrdinalEncoder", counts, lambda: preprocessing.OrdinalEncoder(
    handle_unknown="use_encoded_value", unknown_value=-7, min_frequency=12), lambda x: x + (x > 4))
case("OrdinalEncoder-NaN", lambda: (gaps(counts()[0]), counts()[1]), lambda: preprocessing.OrdinalEncoder())
case("TargetEncoder", frame, lambda: compose.make_column_transformer((preprocessing.TargetEncoder(), CATEGORIES)),
     lambda x: x.assign(city=["Mars" if i % 5 == 0 else city for i, city in enumerate(x.city)]))
case("TargetEncoder-multi", lambda: (frame()[0], np.arange(260) % 3), lambda: compose.make_column_transformer(
    (preprocessing.TargetEncoder(), CATEGORIES)))
case("FeatureUnion", binary, lambda: pipeline.FeatureUnion(
    [("a", preprocessing.StandardScaler()), ("b", decomposition.PCA(2)), ("c", "passthrough"), ("d", "drop")],
    transformer_weights={"b": 0.5}))
case("table-of-numbers", lambda: (frame()[0][["age", "income", "visits"]], frame()[1]),
     lambda: pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()))

# Trees.
for kind, data in [("Classifier", multi), ("Regressor", regression)]:
    for name, module, arguments in [
        ("DecisionTree", tree, {"max_depth": 6}), ("ExtraTree", tree, {}),
        ("RandomForest", ensemble, {"n_estimators": 20}), ("ExtraTrees", ensemble, {"n_estimators": 20}),
        ("GradientBoosting", ensemble, {"n_estimators": 30}),
        ("HistGradientBoosting", ensemble, {"max_iter": 30, "min_samples_leaf": 5}),
        ("AdaBoost", ensemble, {"n_estimators": 15}), ("Bagging", ensemble, {"n_estimators": 10}),
    ]:
        make = getattr(module, name + kind)
        case(name + kind, data, lambda make=make, arguments=arguments: make(random_state=0, **arguments))
        if kind == "Classifier":
            case(f"{name}{kind}-binary", lambda: binary(labels=["no", "yes"]),
                 lambda make=make, arguments=arguments: make(random_state=0, **arguments))
        if name not in ("GradientBoosting", "AdaBoost"):
            # Missing values, in trees that take them.
            base = {"estimator": tree.DecisionTreeClassifier() if kind == "Classifier" else tree.DecisionTreeRegressor()}
            more = {**arguments, **(base if name == "Bagging" else {})}
            case(f"{name}{kind}-missing", lambda data=data: (gaps(data()[0]), data()[1]),
                 lambda make=make, more=more: make(random_state=0, **more))
for name, module in [("DecisionTree", tree), ("RandomForest", ensemble), ("ExtraTrees", ensemble)]:
    more = {} if module is tree else {"n_estimators": 7}
    case(f"{name}Regressor-targets", lambda: regression(targets=3),
         lambda name=name, module=module, more=more: getattr(module, name + "Regressor")(random_state=0, **more))
    case(f"{name}Classifier-targets", lambda: (multi()[0], np.c_[multi()[1], multi()[1] % 2]),
         lambda name=name, module=module, more=more: getattr(module, name + "Classifier")(random_state=0, max_depth=4, **more),
         methods=["predict"])
case("RandomForestClassifier-stumps", binary, lambda: ensemble.RandomForestClassifier(50, max_depth=1, random_state=0))
case("DecisionTreeClassifier-constant", lambda: (binary()[0], np.zeros(240)), lambda: tree.DecisionTreeClassifier())
for loss in ["absolute_error", "huber", "quantile"]:
    case(f"GradientBoostingRegressor-{loss}", regression,
         lambda loss=loss: ensemble.GradientBoostingRegressor(n_estimators=10, loss=loss, random_state=0))
case("GradientBoostingClassifier-exponential", binary,
     lambda: ensemble.GradientBoostingClassifier(n_estimators=10, loss="exponential"))
case("GradientBoostingClassifier-zero", binary, lambda: ensemble.GradientBoostingClassifier(n_estimators=10, init="zero"))
case("GradientBoostingClassifier-init", binary, lambda: ensemble.GradientBoostingClassifier(
    n_estimators=10, init=linear_model.LogisticRegression()))
case("GradientBoostingRegressor-init", regression, lambda: ensemble.GradientBoostingRegressor(
    n_estimators=10, init=linear_model.Ridge()))
for loss in ["poisson", "gamma", "absolute_error", "quantile"]:
    case(f"HistGradientBoostingRegressor-{loss}", positive, lambda loss=loss: ensemble.HistGradientBoostingRegressor(
        max_iter=10, loss=loss, quantile=0.3 if loss == "quantile" else None))
case("HistGradientBoostingClassifier-categories", lambda: (counts()[0], counts()[1]),
     lambda: ensemble.HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=4, categorical_features=[0, 3, 4]),
     lambda x: np.where(x > 4, np.nan, x + (x == 4) * 6))
case("HistGradientBoostingClassifier-text", gappy_frame, lambda: ensemble.HistGradientBoostingClassifier(
    max_iter=20, min_samples_leaf=4, categorical_features=["city", "plan"]))
case("IsolationForest", lambda: (binary()[0], None), lambda: ensemble.IsolationForest(n_estimators=30, random_state=0))
case("IsolationForest-contamination", lambda: (binary()[0], None),
     lambda: ensemble.IsolationForest(n_estimators=20, contamination=0.1, max_features=0.5, random_state=0))
case("RandomTreesEmbedding", lambda: (binary()[0], None), lambda: ensemble.RandomTreesEmbedding(5, max_depth=3, random_state=0))

# Estimators of estimators.
def three():
    return [("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=3, random_state=0)),
            ("c", naive_bayes.GaussianNB())]


def two():
    return [("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=3, random_state=0))]


case("VotingClassifier", lambda: multi(labels=list("wxyz")), lambda: ensemble.VotingClassifier(three()))
case("VotingClassifier-soft", multi, lambda: ensemble.VotingClassifier(three(), voting="soft", weights=[1, 2, 0.5]))
case("VotingClassifier-weights", multi, lambda: ensemble.VotingClassifier(three(), weights=[2, 1, 1]))
case("VotingRegressor", regression, lambda: ensemble.VotingRegressor(two(), weights=[1, 3]))
case("StackingClassifier", lambda: multi(labels=list("wxyz")), lambda: ensemble.StackingClassifier(three()))
case("StackingClassifier-binary", binary, lambda: ensemble.StackingClassifier(three(), passthrough=True))
case("StackingClassifier-predict", multi, lambda: ensemble.StackingClassifier(three(), stack_method="predict"))
case("StackingClassifier-decision", multi, lambda: ensemble.StackingClassifier(
    [("a", svm.LinearSVC()), ("b", linear_model.RidgeClassifier()), ("d", "drop")]))
case("StackingRegressor", regression, lambda: ensemble.StackingRegressor(two(), passthrough=True))
case("AdaBoostClassifier-forest", multi, lambda: ensemble.AdaBoostClassifier(
    linear_model.LogisticRegression(), n_estimators=4, random_state=0))
case("BaggingClassifier-svc", lambda: multi(labels=list("wxyz")), lambda: ensemble.BaggingClassifier(
    svm.LinearSVC(), n_estimators=4, random_state=0))
case("BaggingClassifier-features", multi, lambda: ensemble.BaggingClassifier(
    linear_model.LogisticRegression(), n_estimators=4, max_features=0.5, random_state=0))
case("BaggingRegressor-features", regression, lambda: ensemble.BaggingRegressor(
    linear_model.Ridge(), n_estimators=4, max_features=0.5, random_state=0))
for method in ["sigmoid", "isotonic"] + (["temperature"] if hasattr(calibration, "_TemperatureScaling") else []):
    for name, data in [("binary", binary), ("multi", multi)]:
        case(f"CalibratedClassifierCV-{method}-{name}", data, lambda method=method: calibration.CalibratedClassifierCV(
            svm.LinearSVC(), method=method, cv=3))
case("CalibratedClassifierCV-proba", multi, lambda: calibration.CalibratedClassifierCV(
    naive_bayes.GaussianNB(), cv=3, ensemble=False))
case("OneVsRestClassifier", lambda: multi(labels=list("wxyz")), lambda: multiclass.OneVsRestClassifier(linear_model.LogisticRegression()))
case("OneVsRestClassifier-binary", binary, lambda: multiclass.OneVsRestClassifier(linear_model.LogisticRegression()))
case("OneVsRestClassifier-proba", multi, lambda: multiclass.OneVsRestClassifier(tree.DecisionTreeClassifier(max_depth=3)))
case("OneVsRestClassifier-labels", lambda: make_multilabel_classification(200, 6, n_classes=4, random_state=0),
     lambda: multiclass.OneVsRestClassifier(linear_model.LogisticRegression()))
case("OneVsOneClassifier", lambda: multi(labels=list("wxyz")), lambda: multiclass.OneVsOneClassifier(linear_model.LogisticRegression()))
case("OneVsOneClassifier-binary", binary, lambda: multiclass.OneVsOneClassifier(svm.LinearSVC()))
case("OneVsOneClassifier-proba", multi, lambda: multiclass.OneVsOneClassifier(naive_bayes.GaussianNB()))
case("OutputCodeClassifier", multi, lambda: multiclass.OutputCodeClassifier(linear_model.LogisticRegression(), random_state=0))
case("MultiOutputClassifier", lambda: (multi()[0], np.c_[multi()[1], multi()[1] % 2]),
     lambda: multioutput.MultiOutputClassifier(linear_model.LogisticRegression()), methods=["predict"])
case("MultiOutputRegressor", lambda: regression(targets=3),
     lambda: multioutput.MultiOutputRegressor(ensemble.GradientBoostingRegressor(n_estimators=5)))
case("ClassifierChain", lambda: make_multilabel_classification(200, 6, n_classes=3, random_state=0),
     lambda: multioutput.ClassifierChain(linear_model.LogisticRegression(), order=[2, 0, 1]))
case("RegressorChain", lambda: regression(targets=3), lambda: multioutput.RegressorChain(linear_model.Ridge(), order=[1, 0, 2]))
case("TransformedTargetRegressor", positive, lambda: compose.TransformedTargetRegressor(
    linear_model.Ridge(), func=np.log, inverse_func=np.exp))
case("TransformedTargetRegressor-scaler", regression, lambda: compose.TransformedTargetRegressor(
    linear_model.Ridge(), transformer=preprocessing.StandardScaler()))
case("TransformedTargetRegressor-quantile", regression, lambda: compose.TransformedTargetRegressor(
    linear_model.Ridge(), transformer=preprocessing.QuantileTransformer(n_quantiles=30)))
case("GridSearchCV", binary, lambda: model_selection.GridSearchCV(
    pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
    {"logisticregression__C": [0.1, 1]}, cv=3))
case("RandomizedSearchCV", regression, lambda: model_selection.RandomizedSearchCV(
    linear_model.Ridge(), {"alpha": [0.1, 1, 10]}, n_iter=2, cv=3, random_state=0))
case("FixedThresholdClassifier", binary, lambda: model_selection.FixedThresholdClassifier(
    linear_model.LogisticRegression(), threshold=0.3))
case("TunedThresholdClassifierCV", lambda: binary(labels=["no", "yes"]),
     lambda: model_selection.TunedThresholdClassifierCV(linear_model.LogisticRegression(), cv=3))

# Kernel machines.
for kernel in ["linear", "rbf", "poly", "sigmoid"]:
    case(f"SVC-{kernel}", lambda: binary(labels=["no", "yes"]), lambda kernel=kernel: svm.SVC(kernel=kernel))
    case(f"SVC-{kernel}-multi", multi, lambda kernel=kernel: svm.SVC(kernel=kernel))
    case(f"SVR-{kernel}", regression, lambda kernel=kernel: svm.SVR(kernel=kernel))
case("SVC-ovo", multi, lambda: svm.SVC(decision_function_shape="ovo"))
case("SVC-break-ties", multi, lambda: svm.SVC(break_ties=True))
case("SVC-probability", binary, lambda: svm.SVC(probability=True, random_state=0))
case("SVC-probability-multi", lambda: multi(labels=list("wxyz")), lambda: svm.SVC(probability=True, random_state=0))
case("NuSVC", multi, lambda: svm.NuSVC(nu=0.3))
case("NuSVC-probability", multi, lambda: svm.NuSVC(nu=0.3, probability=True, random_state=0))
case("NuSVR", regression, lambda: svm.NuSVR())
case("OneClassSVM", lambda: (binary()[0], None), lambda: svm.OneClassSVM(nu=0.2))
case("KernelRidge", regression, lambda: __import__("sklearn.kernel_ridge").kernel_ridge.KernelRidge(kernel="rbf"))

# Neighbours.
for metric in ["euclidean", "manhattan", "chebyshev", "cosine"]:
    for weights in ["uniform", "distance"]:
        case(f"KNeighborsClassifier-{metric}-{weights}", multi,
             lambda metric=metric, weights=weights: neighbors.KNeighborsClassifier(4, metric=metric, weights=weights))
        case(f"KNeighborsRegressor-{metric}-{weights}", regression,
             lambda metric=metric, weights=weights: neighbors.KNeighborsRegressor(4, metric=metric, weights=weights))
case("KNeighborsClassifier", lambda: multi(labels=list("wxyz")), lambda: neighbors.KNeighborsClassifier())
case("KNeighborsClassifier-p3", multi, lambda: neighbors.KNeighborsClassifier(p=3))
case("KNeighborsClassifier-brute", multi, lambda: neighbors.KNeighborsClassifier(algorithm="brute"))
case("KNeighborsClassifier-targets", lambda: (multi()[0], np.c_[multi()[1], multi()[1] % 2]),
     lambda: neighbors.KNeighborsClassifier(), methods=["predict"])
case("KNeighborsRegressor-targets", lambda: regression(targets=2), lambda: neighbors.KNeighborsRegressor())
case("RadiusNeighborsClassifier", multi, lambda: neighbors.RadiusNeighborsClassifier(5.0, outlier_label="most_frequent"))
case("RadiusNeighborsRegressor", regression, lambda: neighbors.RadiusNeighborsRegressor(3.0, weights="distance"))
case("NearestCentroid", lambda: multi(labels=list("wxyz")), lambda: neighbors.NearestCentroid())
case("NearestCentroid-manhattan", multi, lambda: neighbors.NearestCentroid(metric="manhattan"))
case("LocalOutlierFactor", lambda: (binary()[0], None), lambda: neighbors.LocalOutlierFactor(novelty=True))

# Bayes, discriminants, networks, clusters and the rest.
case("GaussianNB", lambda: multi(labels=list("wxyz")), lambda: naive_bayes.GaussianNB())
for name in ["MultinomialNB", "ComplementNB", "BernoulliNB", "CategoricalNB"]:
    case(name, counts, lambda name=name: getattr(naive_bayes, name)())
case("ComplementNB-norm", counts, lambda: naive_bayes.ComplementNB(norm=True))
case("BernoulliNB-threshold", binary, lambda: naive_bayes.BernoulliNB(binarize=0.3))
case("MultinomialNB-binary", lambda: (counts()[0], counts()[1] > 0), lambda: naive_bayes.MultinomialNB())
for solver in ["svd", "lsqr", "eigen"]:
    case(f"LinearDiscriminantAnalysis-{solver}", multi,
         lambda solver=solver: discriminant_analysis.LinearDiscriminantAnalysis(solver=solver),
         methods=METHODS[:3] if solver == "lsqr" else METHODS)
case("LinearDiscriminantAnalysis-binary", binary, lambda: discriminant_analysis.LinearDiscriminantAnalysis())
case("QuadraticDiscriminantAnalysis", multi, lambda: discriminant_analysis.QuadraticDiscriminantAnalysis())
case("QuadraticDiscriminantAnalysis-binary", binary, lambda: discriminant_analysis.QuadraticDiscriminantAnalysis())
for activation in ["relu", "tanh", "logistic", "identity"]:
    case(f"MLPClassifier-{activation}", multi, lambda activation=activation: neural_network.MLPClassifier(
        (12, 7), activation=activation, max_iter=40, random_state=0))
case("MLPClassifier-binary", lambda: binary(labels=["no", "yes"]), lambda: neural_network.MLPClassifier(8, max_iter=40, random_state=0))
case("MLPClassifier-labels", lambda: make_multilabel_classification(200, 6, n_classes=4, random_state=0),
     lambda: neural_network.MLPClassifier(8, max_iter=40, random_state=0))
case("MLPRegressor", regression, lambda: neural_network.MLPRegressor(hidden_layer_sizes=(9,), max_iter=60, random_state=0))
case("MLPRegressor-targets", lambda: regression(targets=2), lambda: neural_network.MLPRegressor(hidden_layer_sizes=(9,), max_iter=60, random_state=0))
for name in ["KMeans", "MiniBatchKMeans", "BisectingKMeans"]:
    case(name, lambda: (multi()[0], None), lambda name=name: getattr(cluster, name)(4, n_init=2, random_state=0))
for kind in ["full", "tied", "diag", "spherical"]:
    case(f"GaussianMixture-{kind}", lambda: (multi()[0], None),
         lambda kind=kind: mixture.GaussianMixture(3, covariance_type=kind, random_state=0))
case("BayesianGaussianMixture", lambda: (multi()[0], None), lambda: mixture.BayesianGaussianMixture(n_components=3, random_state=0))
case("EllipticEnvelope", lambda: (binary()[0], None), lambda: covariance.EllipticEnvelope(random_state=0))
for strategy in ["prior", "most_frequent", "constant", "stratified", "uniform"]:
    case(f"DummyClassifier-{strategy}", lambda: multi(labels=list("wxyz")), lambda strategy=strategy: dummy.DummyClassifier(
        strategy=strategy, constant="x"))
case("DummyRegressor", regression, lambda: dummy.DummyRegressor())
case("DummyRegressor-targets", lambda: regression(targets=2), lambda: dummy.DummyRegressor(strategy="median"))
case("IsotonicRegression", lambda: (regression()[0][:, :1], regression()[1]), lambda: isotonic.IsotonicRegression(out_of_bounds="clip"),
     methods=["predict"])
case("NMF", counts, lambda: decomposition.NMF(3))
case("GaussianProcessRegressor", regression, lambda: __import__("sklearn.gaussian_process").gaussian_process.GaussianProcessRegressor())

# Text.
for name, make in [
    ("CountVectorizer", lambda: feature_extraction.text.CountVectorizer()),
    ("CountVectorizer-bigrams", lambda: feature_extraction.text.CountVectorizer(
        ngram_range=(1, 2), binary=True, stop_words="english", strip_accents="unicode")),
    ("CountVectorizer-pairs", lambda: feature_extraction.text.CountVectorizer(
        ngram_range=(1, 3), binary=True, stop_words=["the", "and"])),
    ("CountVectorizer-stop", lambda: feature_extraction.text.CountVectorizer(stop_words="english")),
    ("CountVectorizer-char", lambda: feature_extraction.text.CountVectorizer(analyzer="char", ngram_range=(2, 3))),
    ("CountVectorizer-char-wb", lambda: feature_extraction.text.CountVectorizer(analyzer="char_wb", ngram_range=(2, 4), lowercase=False)),
    ("CountVectorizer-pattern", lambda: feature_extraction.text.CountVectorizer(token_pattern=r"[a-z]+", stop_words=["the"])),
    ("TfidfVectorizer", lambda: feature_extraction.text.TfidfVectorizer()),
    ("TfidfVectorizer-sublinear", lambda: feature_extraction.text.TfidfVectorizer(
        sublinear_tf=True, norm="l1", smooth_idf=False, max_features=20)),
    ("TfidfVectorizer-plain", lambda: feature_extraction.text.TfidfVectorizer(use_idf=False, norm=None)),
]:
    case(name, texts, make)
    case(f"{name}+linear", texts, lambda make=make: pipeline.make_pipeline(make(), linear_model.LogisticRegression()))
case("TfidfTransformer", texts, lambda: pipeline.make_pipeline(
    feature_extraction.text.CountVectorizer(), feature_extraction.text.TfidfTransformer(), naive_bayes.MultinomialNB()))
case("text-column", lambda: (pd.DataFrame({"text": texts()[0], "size": np.arange(48.0)}), texts()[1]),
     lambda: pipeline.make_pipeline(compose.ColumnTransformer(
         [("t", feature_extraction.text.TfidfVectorizer(), "text"), ("n", preprocessing.StandardScaler(), ["size"])]),
         linear_model.LogisticRegression()))


def cells(values):
    """Plain values, with None where one is missing."""
    array = np.asarray(values)
    plain = array.astype(object) if array.dtype.kind == "f" else array
    def cell(value):
        if isinstance(value, (list, tuple, np.ndarray)):
            return [cell(inner) for inner in value]
        if value is None or value != value:
            return None
        return value if not isinstance(value, float) or abs(value) != float("inf") else str(value)
    return [cell(value) for value in plain.tolist()]


def dense(values):
    return values.toarray() if hasattr(values, "toarray") else values


def recorded_input(x):
    if isinstance(x, pd.DataFrame):
        return {"columns": [[name, cells(x[name])] for name in x.columns]}
    return {"kind": "text" if x.dtype == object else str(x.dtype), "shape": list(x.shape), "values": cells(x.reshape(-1))}


def record(folder, name, compression=zipfile.ZIP_STORED):
    data, make, test, methods = CASES[name]
    x, y = data()
    estimator = make()
    estimator.fit(x) if y is None else estimator.fit(x, y)
    rows = x[:67] if test is None else test(x)[:67]
    if not isinstance(rows, pd.DataFrame) and rows.dtype.kind == "f" and test is None and rows.min() < 0:
        # Some rows that no tree and no line has seen.
        rows = np.concatenate([rows, rows[:20] * 1.7 + 0.01]).astype(rows.dtype)
    answers = {}
    for method in methods:
        if hasattr(estimator, method):
            answers[method] = cells(dense(getattr(estimator, method)(rows)))
    target = folder / name
    target.mkdir(parents=True)
    skops.io.dump(estimator, target / "model.skops", compression=compression)
    (target / "MLmodel").write_text(
        "flavors:\n  sklearn:\n    pickled_model: model.skops\n    serialization_format: skops\n"
    )
    (folder / f"{name}.json").write_text(json.dumps({"input": recorded_input(rows), "answers": answers}))


def record_with_mlflow(folder, name, **arguments):
    """Saves a model as MLflow does, and records what its generic interface answers."""
    import os

    import mlflow.sklearn
    from mlflow.models import infer_signature

    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "true"
    data, make, _, _ = CASES[name]
    x, y = data()
    estimator = make().fit(x, y)
    target = folder / f"mlflow-{name}"
    trees = ["sklearn.tree._tree.Tree"]
    mlflow.sklearn.save_model(
        estimator, target, serialization_format="skops", skops_trusted_types=trees,
        signature=infer_signature(x, estimator.predict(x)), pip_requirements=[], **arguments,
    )
    rows = x[:20]
    answers = {"pyfunc": cells(mlflow.pyfunc.load_model(str(target)).predict(rows))}
    recorded = {"input": recorded_input(rows), "answers": answers}
    (folder / f"mlflow-{name}.json").write_text(json.dumps(recorded))


if __name__ == "__main__":
    out, names = Path(sys.argv[1]), sys.argv[2:]
    small = "--small" in names
    for wanted in [name for name in names if name != "--small"] or CASES:
        record(out, wanted, zipfile.ZIP_DEFLATED if small else zipfile.ZIP_STORED)
    if len(names) == 0:
        record_with_mlflow(out, "columns", pyfunc_predict_fn="predict_proba")
        record_with_mlflow(out, "table-of-numbers")
        record_with_mlflow(out, "LogisticRegression-multi")
        record_with_mlflow(out, "RandomForestRegressor")
