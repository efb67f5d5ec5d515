"""The models of the zoo: what people train, small."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from catboost import CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRegressor
from onnxmltools.convert import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloat
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import (
    convert_lightgbm as lightgbm_operator)
from onnxmltools.convert.xgboost.operator_converters.XGBoost import (
    convert_xgboost as xgboost_operator)
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common.data_types import (
    BooleanTensorType, DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType)
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes, calculate_linear_regressor_output_shapes)
from sklearn import (
    calibration, cluster, compose, cross_decomposition, decomposition, discriminant_analysis,
    ensemble, feature_extraction, feature_selection, gaussian_process, impute, isotonic,
    linear_model, mixture, multiclass, multioutput, naive_bayes, neighbors,
    neural_network, pipeline, preprocessing, random_projection, svm, tree)
from xgboost import XGBClassifier, XGBRegressor

ROWS, WIDTH = 400, 8
OPSETS = {"": 18, "ai.onnx.ml": 3}
NUMBERS = np.random.default_rng(7)
X = (NUMBERS.normal(size=(ROWS, WIDTH)) * [1, 2, 0.5, 1, 3, 1, 1, 10]).astype(np.float32)
SCORE = X[:, 0] + X[:, 1] * X[:, 2] - X[:, 3] + np.sin(X[:, 4]) + NUMBERS.normal(size=ROWS) * 0.3
BINARY = (SCORE > 0).astype(np.int64)
MULTI = np.digitize(SCORE, [-1.0, 1.0]).astype(np.int64)
WORDS = np.array(["low", "mid", "high"])[MULTI]
YESNO = np.array(["nein", "ja"])[BINARY]
TWO = np.column_stack([SCORE, -2 * SCORE + X[:, 5]])
HOLES = X.copy()
HOLES[NUMBERS.random(X.shape) < 0.15] = np.nan
# As behind a scaler: sums of large products are exact to fewer digits than are compared here.
EVEN = ((X - X.mean(axis=0)) / X.std(axis=0) / 2).astype(np.float32)
COUNTS = NUMBERS.poisson(3, size=(ROWS, WIDTH)).astype(np.float32)
ASKED = 50
COLOURS = np.array(["red", "green", "blue"])[NUMBERS.integers(0, 3, ROWS)]
SIZES = NUMBERS.integers(0, 4, ROWS).astype(np.int64)
TEXTS = np.array([" ".join(NUMBERS.choice(
    ["the", "cat", "sat", "on", "a", "mat", "Dog", "ran", "far", "away", "x1", "it's"],
    size=NUMBERS.integers(0, 9))) for _ in range(ROWS)])

ATTRIBUTE = onnx.helper.make_attribute


def make_attribute(key, value, *rest, **named):
    """onnx takes no lists of numpy's integers, which skl2onnx has for histograms of gradients."""
    if isinstance(value, list):
        value = [item.item() if isinstance(item, np.generic) else item for item in value]
        value = [int(item) if isinstance(item, bool) else item for item in value]
    return ATTRIBUTE(key, value, *rest, **named)


onnx.helper.make_attribute = make_attribute

TYPES = {np.float32: FloatTensorType, np.float64: DoubleTensorType, np.int64: Int64TensorType,
         np.bool_: BooleanTensorType, np.str_: StringTensorType}

for name, kind, shape, operator, options in [
    ("LightGbmLGBMClassifier", LGBMClassifier, calculate_linear_classifier_output_shapes,
     lightgbm_operator, {"nocl": [True, False], "zipmap": [True, False, "columns"]}),
    ("LightGbmLGBMRegressor", LGBMRegressor, calculate_linear_regressor_output_shapes,
     lightgbm_operator, {"split": None}),
    ("XGBoostXGBClassifier", XGBClassifier, calculate_linear_classifier_output_shapes,
     xgboost_operator, {"nocl": [True, False], "zipmap": [True, False, "columns"]}),
    ("XGBoostXGBRegressor", XGBRegressor, calculate_linear_regressor_output_shapes,
     xgboost_operator, {}),
]:
    update_registered_converter(kind, name, shape, operator, options=options)


def tensor_type(array):
    kind = np.str_ if array.dtype.kind in "OU" else array.dtype.type
    return TYPES[kind]([None, array.shape[1]])


def convert(model, inputs, options=None, opsets=OPSETS):
    types = [(name, tensor_type(array)) for name, array in inputs.items()]
    return to_onnx(model, initial_types=types, target_opset=opsets, options=options)


def some(data, dtype=None):
    data = data if dtype is None else data.astype(dtype)
    return {"X": data[:ASKED]}


def regressor(model, target=SCORE, data=X, dtype=None, opsets=OPSETS):
    def make():
        model.fit(data, target)
        asked = some(data, dtype)
        yield "", convert(model, asked, opsets=opsets), asked
    return make


transformer = regressor


def classifier(model, target=MULTI, data=X, dtype=None, zipmap=True, opsets=OPSETS, **options):
    def make():
        model.fit(data, target)
        asked = some(data, dtype)
        for suffix, mapped in [("", False)] + [(".zipmap", True)] * zipmap:
            chosen = {id(model): {"zipmap": mapped, **options}}
            yield suffix, convert(model, asked, chosen, opsets), asked
    return make


def plain(model, target=None, data=X, **options):
    """For models whose converter knows no ZipMap."""
    def make():
        model.fit(data, target)
        asked = some(data)
        yield "", convert(model, asked, {id(model): options} if options else None), asked
    return make


def tools(convert_tool, model, target, data=X, zipmaps=(None,)):
    """For onnxmltools' own entry points."""
    def make():
        model.fit(data, target)
        for zipmap in zipmaps:
            extra = {} if zipmap is None else {"zipmap": zipmap}
            graph = convert_tool(model, initial_types=[("X", ToolsFloat([None, WIDTH]))],
                                 target_opset=15, **extra)
            yield ".zipmap" if zipmap else "", graph, some(data)
    return make


def catboost(model, target, data=X, **fit):
    def make():
        model.fit(data, target, **fit)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            model.save_model(str(path), format="onnx")
            graph = onnx.load(str(path))
        yield "", graph, {"features": data[:ASKED]}
    return make


def frame():
    return {"number": X[:, :3], "colour": COLOURS[:, None].astype(object),
            "size": SIZES[:, None]}


def mixed(final, target, zipmap=None):
    """A table of numbers, text and integers through a ColumnTransformer."""
    def make():
        import pandas as pd
        table = pd.DataFrame(X[:, :3], columns=["a", "b", "c"])
        table["colour"], table["size"] = COLOURS, SIZES
        model = pipeline.make_pipeline(compose.ColumnTransformer([
            ("scale", pipeline.make_pipeline(impute.SimpleImputer(),
                                             preprocessing.StandardScaler()), ["a", "b", "c"]),
            ("colour", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["colour"]),
            ("size", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["size"]),
        ]), final).fit(table, target)
        asked = {name: table[[name]].to_numpy()[:ASKED] for name in table}
        asked = {name: a.astype(object) if name == "colour" else a for name, a in asked.items()}
        asked["colour"][3, 0] = "violet"
        for suffix, mapped in [("", False), (".zipmap", True)] if zipmap else [("", None)]:
            options = None if mapped is None else {id(model): {"zipmap": mapped}}
            yield suffix, convert(model, asked, options), asked
    return make


def text(vectorizer, final=None):
    def make():
        steps = [vectorizer] + ([] if final is None else [final])
        model = pipeline.make_pipeline(*steps).fit(TEXTS, BINARY)
        asked = {"X": TEXTS[:ASKED, None].astype(object)}
        # The default is en_US, which not every machine has.
        options = {id(vectorizer): {"locale": "C"}}
        if final is not None:
            options[id(model)] = {"zipmap": False}
        yield "", convert(model, asked, options), asked
    return make


def encoder(model, columns, target=None):
    def make():
        data = columns
        model.fit(data) if target is None else model.fit(data, target)
        asked = {"X": data[:ASKED]}
        yield "", convert(model, asked), asked
    return make


def pipe(*steps):
    return pipeline.make_pipeline(*steps)


def cases():
    """Yields names, and functions that yield suffix, graph and inputs."""
    for table in [linear, trees, boosting, neighbours_and_more, others, transformers, texts]:
        yield from table()


def linear():
    lm = linear_model
    for name, target in [("binary", BINARY), ("multi", MULTI), ("yesno", YESNO), ("words", WORDS)]:
        yield f"logistic-{name}", classifier(lm.LogisticRegression(max_iter=1000), target)
        yield f"linear-svc-{name}", plain(svm.LinearSVC(), target)
        yield f"sgd-log-{name}", classifier(lm.SGDClassifier(loss="log_loss", random_state=0), target)
    yield "logistic-double", classifier(lm.LogisticRegression(max_iter=1000), dtype=np.float64, zipmap=False)
    yield "logistic-long", classifier(
        lm.LogisticRegression(max_iter=1000), data=COUNTS, dtype=np.int64)
    yield "logistic-raw", classifier(
        lm.LogisticRegression(max_iter=1000), zipmap=False, raw_scores=True)
    yield "logistic-raw-binary", classifier(
        lm.LogisticRegression(max_iter=1000), BINARY, zipmap=False, raw_scores=True)
    yield "logistic-nocl", classifier(
        lm.LogisticRegression(max_iter=1000), WORDS, zipmap=False, nocl=True)
    yield "logistic-columns", columns_of(lm.LogisticRegression(max_iter=1000))
    yield "sgd-modified-huber", classifier(lm.SGDClassifier(loss="modified_huber", random_state=0))
    yield "sgd-hinge", classifier(lm.SGDClassifier(random_state=0), zipmap=False)
    yield "perceptron", classifier(lm.Perceptron(), zipmap=False)
    yield "passive-aggressive", classifier(
        lm.SGDClassifier(loss="hinge", penalty=None, learning_rate="pa1", eta0=1.0), BINARY,
        zipmap=False)
    yield "ridge-classifier", classifier(lm.RidgeClassifier(), zipmap=False)
    yield "ovr-ridge", classifier(multiclass.OneVsRestClassifier(lm.LogisticRegression()), WORDS)
    yield "ovo", plain(multiclass.OneVsOneClassifier(lm.LogisticRegression()), MULTI)
    for name, model in [
        ("linear", lm.LinearRegression()), ("ridge", lm.Ridge()), ("lasso", lm.Lasso(0.01)),
        ("elastic", lm.ElasticNet(0.01)), ("bayes", lm.BayesianRidge()), ("ard", lm.ARDRegression()),
        ("huber", lm.HuberRegressor(max_iter=1000)), ("lars", lm.Lars()), ("omp", lm.OrthogonalMatchingPursuit()),
        ("sgd-regressor", pipe(preprocessing.StandardScaler(), lm.SGDRegressor(random_state=0))), ("theil", lm.TheilSenRegressor(random_state=0)),
        ("ransac", lm.RANSACRegressor(random_state=0)), ("quantile", lm.QuantileRegressor()),
        ("linear-svr", svm.LinearSVR()),
    ]:
        yield f"regression-{name}", regressor(model)
    for name, model in [("poisson", lm.PoissonRegressor()), ("gamma", lm.GammaRegressor()),
                        ("tweedie", lm.TweedieRegressor(power=1.5))]:
        yield f"regression-{name}", regressor(model, np.exp(SCORE / 4))
    yield "regression-two", regressor(lm.LinearRegression(), TWO)
    yield "regression-double", regressor(lm.Ridge(), dtype=np.float64)
    yield "regression-long", regressor(lm.Ridge(), data=COUNTS, dtype=np.int64)
    yield "pipeline-poly-ridge", regressor(
        pipe(preprocessing.PolynomialFeatures(2), preprocessing.StandardScaler(), lm.Ridge()))
    yield "pipeline-scaler-logistic", classifier(
        pipe(preprocessing.StandardScaler(), lm.LogisticRegression()), WORDS)


def columns_of(model):
    def make():
        model.fit(X, MULTI)
        yield "", convert(model, some(X), {id(model): {"zipmap": "columns"}}), some(X)
    return make


def trees():
    for name, target in [("binary", BINARY), ("multi", MULTI), ("yesno", YESNO), ("words", WORDS)]:
        for kind, model in [
            ("tree", tree.DecisionTreeClassifier(max_depth=6, random_state=0)),
            ("forest", ensemble.RandomForestClassifier(20, max_depth=5, random_state=0)),
            ("extra", ensemble.ExtraTreesClassifier(20, max_depth=5, random_state=0)),
        ]:
            yield f"{kind}-{name}", classifier(model, target)
    yield "extra-tree", classifier(tree.ExtraTreeClassifier(max_depth=6, random_state=0), BINARY)
    yield "tree-deep", classifier(tree.DecisionTreeClassifier(random_state=0))
    yield "tree-path", classifier(
        tree.DecisionTreeClassifier(max_depth=3, random_state=0), zipmap=False, decision_leaf=True)
    yield "forest-long", classifier(
        ensemble.RandomForestClassifier(10, max_depth=5, random_state=0), data=COUNTS, dtype=np.int64)
    yield "forest-holes", classifier(
        ensemble.RandomForestClassifier(10, max_depth=5, random_state=0), data=HOLES)
    yield "tree-regression", regressor(tree.DecisionTreeRegressor(max_depth=6, random_state=0))
    yield "tree-regression-two", regressor(
        tree.DecisionTreeRegressor(max_depth=6, random_state=0), TWO)
    yield "forest-regression", regressor(ensemble.RandomForestRegressor(20, max_depth=6, random_state=0))
    yield "forest-regression-two", regressor(
        ensemble.RandomForestRegressor(10, max_depth=5, random_state=0), TWO)
    yield "extra-regression", regressor(ensemble.ExtraTreesRegressor(20, max_depth=6, random_state=0))
    yield "forest-ml5", classifier(
        ensemble.RandomForestClassifier(10, max_depth=5, random_state=0), zipmap=False,
        opsets={"": 21, "ai.onnx.ml": 5})
    yield "forest-regression-ml5", regressor(
        ensemble.RandomForestRegressor(10, max_depth=5, random_state=0),
        opsets={"": 21, "ai.onnx.ml": 5})
    yield "forest-ml1", classifier(
        ensemble.RandomForestClassifier(10, max_depth=5, random_state=0), BINARY,
        opsets={"": 11, "ai.onnx.ml": 1})


def boosting():
    for name, target in [("binary", BINARY), ("multi", MULTI), ("words", WORDS)]:
        yield f"gradient-{name}", classifier(
            ensemble.GradientBoostingClassifier(n_estimators=20, random_state=0), target)
        yield f"hist-{name}", classifier(
            ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=0), target)
        yield f"hist-holes-{name}", classifier(
            ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=0), target, HOLES)
        yield f"ada-{name}", classifier(
            ensemble.AdaBoostClassifier(n_estimators=10, random_state=0), target)
        yield f"bagging-{name}", classifier(
            ensemble.BaggingClassifier(n_estimators=5, random_state=0), target)
        yield f"lightgbm-{name}", classifier(LGBMClassifier(n_estimators=20, verbose=-1), target)
        yield f"lightgbm-holes-{name}", classifier(
            LGBMClassifier(n_estimators=20, verbose=-1), target, HOLES)
        yield f"catboost-{name}", catboost(
            CatBoostClassifier(iterations=20, depth=4, verbose=False, allow_writing_files=False), target)
    for name, target in [("binary", BINARY), ("multi", MULTI)]:
        yield f"xgboost-{name}", tools(convert_xgboost, XGBClassifier(n_estimators=20, max_depth=4), target)
        yield f"xgboost-holes-{name}", classifier(XGBClassifier(n_estimators=20, max_depth=4), target, HOLES)
        yield f"lightgbm-tools-{name}", tools(
            convert_lightgbm, LGBMClassifier(n_estimators=20, verbose=-1), target, zipmaps=(False, True))
        yield f"pipeline-xgboost-{name}", classifier(
            pipe(preprocessing.StandardScaler(), XGBClassifier(n_estimators=10, max_depth=4)), target)
        yield f"pipeline-lightgbm-{name}", classifier(
            pipe(preprocessing.StandardScaler(), LGBMClassifier(n_estimators=10, verbose=-1)), target)
    yield "ada-regression", regressor(ensemble.AdaBoostRegressor(n_estimators=10, random_state=0))
    yield "bagging-regression", regressor(ensemble.BaggingRegressor(n_estimators=5, random_state=0))
    yield "gradient-regression", regressor(
        ensemble.GradientBoostingRegressor(n_estimators=20, random_state=0))
    yield "hist-regression", regressor(ensemble.HistGradientBoostingRegressor(max_iter=20, random_state=0))
    yield "hist-regression-holes", regressor(
        ensemble.HistGradientBoostingRegressor(max_iter=20, random_state=0), data=HOLES)
    yield "xgboost-regression", regressor(XGBRegressor(n_estimators=20, max_depth=4))
    yield "xgboost-regression-holes", regressor(XGBRegressor(n_estimators=20, max_depth=4), data=HOLES)
    yield "xgboost-poisson", regressor(
        XGBRegressor(n_estimators=20, max_depth=4, objective="count:poisson"), COUNTS[:, 0])
    yield "lightgbm-regression", regressor(LGBMRegressor(n_estimators=20, verbose=-1))
    yield "lightgbm-regression-holes", regressor(LGBMRegressor(n_estimators=20, verbose=-1), data=HOLES)
    yield "lightgbm-poisson", regressor(
        LGBMRegressor(n_estimators=20, verbose=-1, objective="poisson"), COUNTS[:, 0])
    yield "lightgbm-categories", categories()
    yield "catboost-regression", catboost(
        CatBoostRegressor(iterations=20, depth=4, verbose=False, allow_writing_files=False), SCORE)
    yield "catboost-holes", catboost(
        CatBoostRegressor(iterations=20, depth=4, verbose=False, allow_writing_files=False), SCORE, HOLES)


def categories():
    """Splits that ask whether a value is one of a set."""
    def make():
        data = np.column_stack([NUMBERS.integers(0, 8, ROWS), X[:, 1], X[:, 2]]).astype(np.float32)
        target = (np.isin(data[:, 0], [1, 4, 6]) ^ (data[:, 1] > 0)).astype(np.int64)
        model = LGBMClassifier(n_estimators=10, verbose=-1, min_data_per_group=1, cat_smooth=0)
        model.fit(data, target, categorical_feature=[0])
        graph = convert_lightgbm(model, initial_types=[("X", ToolsFloat([None, 3]))],
                                 target_opset=15, zipmap=False)
        yield "", graph, some(data)
    return make


def neighbours_and_more():
    for name, target in [("binary", BINARY), ("multi", MULTI), ("words", WORDS)]:
        yield f"svc-{name}", classifier(svm.SVC(probability=True, random_state=0), target)
        yield f"svc-scores-{name}", classifier(svm.SVC(random_state=0), target, zipmap=False)
        yield f"nu-svc-{name}", classifier(svm.NuSVC(probability=True, nu=0.2, random_state=0), target)
        yield f"neighbours-{name}", classifier(neighbors.KNeighborsClassifier(), target)
    for kernel in ["linear", "poly", "sigmoid"]:
        yield f"svc-{kernel}", classifier(svm.SVC(kernel=kernel, random_state=0, gamma=0.05), zipmap=False, data=EVEN)
        yield f"svr-{kernel}", regressor(svm.SVR(kernel=kernel, gamma=0.05), data=EVEN)
    yield "svr", regressor(svm.SVR())
    yield "nu-svr", regressor(svm.NuSVR())
    yield "one-class-svm", plain(svm.OneClassSVM())
    yield "neighbours-distance", classifier(neighbors.KNeighborsClassifier(weights="distance"))
    yield "neighbours-regression", regressor(neighbors.KNeighborsRegressor())
    yield "neighbours-regression-two", regressor(neighbors.KNeighborsRegressor(), TWO)
    yield "neighbours-manhattan", regressor(neighbors.KNeighborsRegressor(metric="manhattan"))
    yield "neighbours-cdist", neighbours_cdist()


def neighbours_cdist():
    def make():
        model = neighbors.KNeighborsRegressor().fit(X, SCORE)
        yield "", convert(model, some(X), {id(model): {"optim": "cdist"}}), some(X)
    return make


def others():
    for name, target in [("binary", BINARY), ("multi", MULTI), ("words", WORDS)]:
        yield f"mlp-{name}", classifier(
            neural_network.MLPClassifier((16, 8), max_iter=100, random_state=0), target)
        yield f"gaussian-nb-{name}", classifier(naive_bayes.GaussianNB(), target)
        yield f"lda-{name}", classifier(discriminant_analysis.LinearDiscriminantAnalysis(), target)
        yield f"voting-soft-{name}", classifier(ensemble.VotingClassifier([
            ("l", linear_model.LogisticRegression(max_iter=500)), ("t", tree.DecisionTreeClassifier(max_depth=3))],
            voting="soft", flatten_transform=False), target)
        yield f"stacking-{name}", classifier(ensemble.StackingClassifier([
            ("l", linear_model.LogisticRegression(max_iter=500)), ("t", tree.DecisionTreeClassifier(max_depth=3))],
            final_estimator=linear_model.LogisticRegression()), target)
        yield f"calibrated-{name}", classifier(
            calibration.CalibratedClassifierCV(tree.DecisionTreeClassifier(max_depth=4), cv=2), target)
    yield "voting-hard", classifier(ensemble.VotingClassifier([
        ("l", linear_model.LogisticRegression(max_iter=500)), ("t", tree.DecisionTreeClassifier(max_depth=3)),
        ("n", naive_bayes.GaussianNB())], flatten_transform=False), zipmap=False)
    yield "calibrated-isotonic", classifier(
        calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), method="isotonic", cv=2))
    for name, model in [("multinomial-nb", naive_bayes.MultinomialNB()),
                        ("complement-nb", naive_bayes.ComplementNB()),
                        ("bernoulli-nb", naive_bayes.BernoulliNB(binarize=2.0))]:
        yield name, classifier(model, data=COUNTS)
    yield "categorical-nb", classifier(
        naive_bayes.CategoricalNB(min_categories=30), data=COUNTS, dtype=np.int64)
    yield "qda", classifier(discriminant_analysis.QuadraticDiscriminantAnalysis())
    yield "gaussian-process-regression", regressor(
        gaussian_process.GaussianProcessRegressor(alpha=1.0), SCORE[:100], X[:100], np.float64)
    yield "mlp-regression", regressor(neural_network.MLPRegressor(hidden_layer_sizes=(16, 8), max_iter=100, random_state=0))
    for activation in ["tanh", "logistic", "identity"]:
        yield f"mlp-{activation}", classifier(neural_network.MLPClassifier(
            (8,), activation=activation, max_iter=100, random_state=0))
    yield "mlp-labels", plain(
        neural_network.MLPClassifier((8,), max_iter=100, random_state=0),
        np.column_stack([BINARY, MULTI > 1]).astype(np.int64), zipmap=False)
    yield "voting-regression", regressor(ensemble.VotingRegressor([
        ("l", linear_model.Ridge()), ("t", tree.DecisionTreeRegressor(max_depth=3))]))
    yield "stacking-regression", regressor(ensemble.StackingRegressor([
        ("l", linear_model.Ridge()), ("t", tree.DecisionTreeRegressor(max_depth=3))]))
    yield "multi-output-regression", regressor(
        multioutput.MultiOutputRegressor(ensemble.GradientBoostingRegressor(n_estimators=5)), TWO)
    yield "pls", regressor(cross_decomposition.PLSRegression(2), TWO)
    yield "k-means", plain(cluster.KMeans(4, n_init=2, random_state=0))
    yield "mini-batch-k-means", plain(cluster.MiniBatchKMeans(4, n_init=2, random_state=0))
    yield "mixture", plain(mixture.GaussianMixture(3, random_state=0))
    yield "mixture-diagonal", plain(mixture.GaussianMixture(3, covariance_type="diag", random_state=0))
    yield "isolation-forest", isolation()
    yield "local-outlier", plain(neighbors.LocalOutlierFactor(novelty=True))
    yield "frame-logistic", mixed(linear_model.LogisticRegression(max_iter=500), WORDS, True)
    yield "frame-forest", mixed(ensemble.RandomForestClassifier(10, max_depth=5), BINARY, True)
    yield "frame-ridge", mixed(linear_model.Ridge(), SCORE)
    yield "frame-gradient", mixed(ensemble.GradientBoostingRegressor(n_estimators=10), SCORE)


def isolation():
    def make():
        model = ensemble.IsolationForest(n_estimators=10, random_state=0).fit(X)
        yield "", convert(model, some(X), {id(model): {"score_samples": True}},
                          {"": 15, "ai.onnx.ml": 3}), some(X)
    return make


def transformers():
    p = preprocessing
    for name, model in [
        ("standard", p.StandardScaler()), ("min-max", p.MinMaxScaler(clip=True)), ("max-abs", p.MaxAbsScaler()),
        ("robust", p.RobustScaler()), ("normalizer-l2", p.Normalizer()), ("normalizer-l1", p.Normalizer("l1")),
        ("normalizer-max", p.Normalizer("max")), ("binarizer", p.Binarizer(threshold=0.5)),
        ("k-bins", p.KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf")),
        ("k-bins-hot", p.KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf")),
        ("power", p.PowerTransformer()), ("polynomial", p.PolynomialFeatures(3)),
        ("pca", decomposition.PCA(3)), ("pca-white", decomposition.PCA(3, whiten=True)),
        ("truncated-svd", decomposition.TruncatedSVD(3)), ("incremental-pca", decomposition.IncrementalPCA(3)),
        ("kernel-pca", decomposition.KernelPCA(3, kernel="rbf")),
        ("random-projection", random_projection.GaussianRandomProjection(3, random_state=0)),
        ("variance", feature_selection.VarianceThreshold(0.3)),
        ("impute-mean", impute.SimpleImputer()), ("impute-median", impute.SimpleImputer(strategy="median")),
        ("impute-neighbours", impute.KNNImputer()),
        ("union", pipeline.make_union(p.StandardScaler(), decomposition.PCA(2))),
    ]:
        data = HOLES if name.startswith("impute") else X
        yield f"transform-{name}", transformer(model, None, data)
    yield "transform-standard-double", transformer(p.StandardScaler(), None, X, np.float64)
    yield "transform-standard-long", transformer(p.StandardScaler(), None, COUNTS, np.int64)
    yield "select-best", transformer(feature_selection.SelectKBest(k=3), MULTI)
    yield "select-model", transformer(
        feature_selection.SelectFromModel(tree.DecisionTreeClassifier(random_state=0)), MULTI)
    words = np.column_stack([COLOURS, np.char.add("s", SIZES.astype(str))]).astype(object)
    numbers = np.column_stack([SIZES, SIZES % 3])
    for name, data in [("words", words), ("numbers", numbers)]:
        yield f"one-hot-{name}", encoder(p.OneHotEncoder(sparse_output=False), data)
        yield f"one-hot-drop-{name}", encoder(p.OneHotEncoder(sparse_output=False, drop="first"), data)
        yield f"ordinal-{name}", encoder(p.OrdinalEncoder(), data)
    yield "target-encoder", encoder(p.TargetEncoder(random_state=0), words, SCORE)
    yield "label-encoder-words", encoder(p.LabelEncoder(), COLOURS.astype(object)[:, None])
    yield "label-binarizer", encoder(p.LabelBinarizer(), SIZES[:, None])
    yield "impute-words", encoder(
        impute.SimpleImputer(strategy="most_frequent", missing_values="red"), words)
    yield "hasher", encoder(feature_extraction.FeatureHasher(8, input_type="string"), COLOURS.astype(object)[:, None])


def texts():
    f = feature_extraction.text
    yield "count", text(f.CountVectorizer())
    yield "count-pairs", text(f.CountVectorizer(ngram_range=(1, 2)))
    yield "count-binary", text(f.CountVectorizer(binary=True, lowercase=False))
    yield "count-stop", text(f.CountVectorizer(stop_words=["the", "a", "on"]))
    yield "count-chars", text(f.CountVectorizer(analyzer="char", ngram_range=(1, 2)))
    yield "count-token", text(f.CountVectorizer(token_pattern="[a-zA-Z]+"))
    yield "tfidf", text(f.TfidfVectorizer())
    yield "tfidf-sublinear", text(f.TfidfVectorizer(sublinear_tf=True, norm="l1"))
    yield "tfidf-pairs", text(f.TfidfVectorizer(ngram_range=(2, 3)))
    yield "tfidf-logistic", text(f.TfidfVectorizer(), linear_model.LogisticRegression())
    yield "tfidf-forest", text(f.TfidfVectorizer(), ensemble.RandomForestClassifier(10, max_depth=4))
    yield "count-bayes", text(f.CountVectorizer(), naive_bayes.MultinomialNB())
