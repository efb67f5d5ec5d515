"""Makes graphs of a single operator, with settings that no converter writes, and records answers.

    python models/tests/zoo/operators.py FOLDER

What onnxruntime itself refuses is left out.
"""

import itertools
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from make import record
from onnx import TensorProto, helper, numpy_helper

onnxruntime.set_default_logger_severity(4)
NUMBERS = np.random.default_rng(11)
ML = "ai.onnx.ml"
MS = "com.microsoft"
TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]
X = NUMBERS.normal(size=(12, 4)).astype(np.float32)
OF = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int64": TensorProto.INT64,
      "int32": TensorProto.INT32, "bool": TensorProto.BOOL, "object": TensorProto.STRING,
      "uint8": TensorProto.UINT8}


def graph(op, inputs, outputs, domain="", opset=18, ml=3, **settings):
    """Inputs that are pairs are constants of the graph."""
    given = {f"x{i}": value for i, value in enumerate(inputs)}
    fed = {name: value for name, value in given.items() if not isinstance(value, tuple)}
    held = {name: value[0] for name, value in given.items() if isinstance(value, tuple)}
    settings = {key: value for key, value in settings.items() if value is not None}
    node = helper.make_node(op, list(given), [f"y{i}" for i in range(len(outputs))],
                            domain=domain, **settings)
    info = [helper.make_tensor_value_info(name, OF[value.dtype.name], [None] * value.ndim)
            for name, value in fed.items()]
    ends = [helper.make_tensor_value_info(f"y{i}", kind, None) for i, kind in enumerate(outputs)]
    constants = [numpy_helper.from_array(value, name) for name, value in held.items()]
    made = helper.make_graph([node], op, info, ends, constants)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(ML, ml),
               helper.make_opsetid(MS, 1)]
    return helper.make_model(made, opset_imports=imports, ir_version=9), fed


F, D, I, I32, S, B = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32,
                      TensorProto.STRING, TensorProto.BOOL)


def labels(count, text):
    return {"classlabels_strings": [f"c{i}" for i in range(count)]} if text else {
        "classlabels_ints": [5 - i for i in range(count)]}


def linear():
    for targets, named, text, transform in itertools.product(
            [1, 2, 3], [1, 2, 3], [False, True], TRANSFORMS):
        if targets > 1 and named != targets:
            continue
        yield graph("LinearClassifier", [X], [S if text else I, F], ML,
                    coefficients=NUMBERS.normal(size=4 * targets).tolist(),
                    intercepts=NUMBERS.normal(size=targets).tolist(),
                    post_transform=transform, **labels(named, text))
    for targets, transform, hold in itertools.product([1, 3], TRANSFORMS, [True, False]):
        yield graph("LinearRegressor", [X], [F], ML, targets=targets, post_transform=transform,
                    coefficients=NUMBERS.normal(size=4 * targets).tolist(),
                    intercepts=NUMBERS.normal(size=targets).tolist() if hold else None)
    for kind in [np.float64, np.int64, np.int32]:
        yield graph("LinearClassifier", [(X * 3).astype(kind)], [I, F], ML,
                    coefficients=NUMBERS.normal(size=8).tolist(), intercepts=[0.5, -0.5],
                    post_transform="SOFTMAX", **labels(2, False))


def machines():
    params = {"LINEAR": [], "POLY": [0.3, 0.5, 2.0], "RBF": [0.4, 0.0, 0.0],
              "SIGMOID": [0.2, 0.1, 0.0]}
    for kernel, one in itertools.product(params, [0, 1]):
        for supports in [0, 5]:
            yield graph("SVMRegressor", [X], [F], ML, kernel_type=kernel, one_class=one,
                        kernel_params=params[kernel] or None, n_supports=supports, rho=[0.3],
                        coefficients=NUMBERS.normal(size=supports or 4).tolist(),
                        support_vectors=NUMBERS.normal(size=4 * supports).tolist() or None)
    for kernel, classes, odds, positive, text, transform in itertools.product(
            params, [2, 3, 4], [False, True], [False, True], [False, True], TRANSFORMS):
        if kernel != "RBF" and (transform != "NONE" or text):
            continue
        pairs, per = classes * (classes - 1) // 2, list(range(2, 2 + classes))
        weights = NUMBERS.normal(size=(classes - 1) * sum(per))
        yield graph("SVMClassifier", [X], [S if text else I, F], ML, kernel_type=kernel,
                    kernel_params=params[kernel] or None, post_transform=transform,
                    vectors_per_class=per, rho=NUMBERS.normal(size=pairs).tolist(),
                    coefficients=(abs(weights) if positive else weights).tolist(),
                    support_vectors=NUMBERS.normal(size=4 * sum(per)).tolist(),
                    prob_a=NUMBERS.normal(size=pairs).tolist() if odds else None,
                    prob_b=NUMBERS.normal(size=pairs).tolist() if odds else None,
                    **labels(classes, text))
    for classes, positive, transform in itertools.product([2, 3], [False, True], TRANSFORMS):
        weights = NUMBERS.normal(size=4 * classes)
        yield graph("SVMClassifier", [X], [I, F], ML, post_transform=transform, rho=[0.1],
                    coefficients=(abs(weights) if positive else weights).tolist(),
                    **labels(classes, False))


def forest(trees, modes, missing=False):
    """Complete trees of depth 2: nodes 0-2 ask, nodes 3-6 are leaves."""
    lists = {key: [] for key in ["treeids", "nodeids", "featureids", "values", "modes",
                                 "truenodeids", "falsenodeids", "missing_value_tracks_true"]}
    for tree in range(trees):
        for node in range(7):
            asks = node < 3
            row = [tree, node, int(NUMBERS.integers(0, 4)) if asks else 0,
                   float(np.round(NUMBERS.normal(), 1)) if asks else 0.0,
                   modes[(tree * 3 + node) % len(modes)] if asks else "LEAF",
                   2 * node + 1 if asks else 0, 2 * node + 2 if asks else 0,
                   int(missing and NUMBERS.integers(0, 2)) if asks else 0]
            for values, value in zip(lists.values(), row):
                values.append(value)
    return {f"nodes_{key}": values for key, values in lists.items()}


def leaves(trees, targets, prefix, positive, partial=False):
    lists = {f"{prefix}_treeids": [], f"{prefix}_nodeids": [], f"{prefix}_ids": [],
             f"{prefix}_weights": []}
    for tree, node, target in itertools.product(range(trees), range(3, 7), targets):
        if partial and NUMBERS.integers(0, 2):
            continue
        weight = float(NUMBERS.normal() / 2)
        for values, value in zip(
                lists.values(), [tree, node, target, abs(weight) if positive else weight]):
            values.append(value)
    return lists


def holes(x):
    x = x.copy()
    x[NUMBERS.random(x.shape) < 0.25] = np.nan
    return x


def trees():
    ROUND = np.round(X, 1)
    for classes, used, positive, base, transform in itertools.product(
            [2, 3], [[0], [1], [0, 1], [0, 1, 2]], [False, True], [0, 1, 2, 3], TRANSFORMS):
        if max(used) >= classes or base > classes:
            continue
        text = bool(NUMBERS.integers(0, 2))
        names = {"classlabels_strings": [f"c{i}" for i in range(classes)]} if text else {
            "classlabels_int64s": [7 - i for i in range(classes)] if classes > 2 or used != [0, 1]
            # Of other numbers onnxruntime makes 0 and 1, which are no classes of the model.
            else [0, 1]}
        yield graph("TreeEnsembleClassifier", [ROUND], [S if text else I, F], ML,
                    post_transform=transform,
                    base_values=(NUMBERS.normal(size=base) / 2).tolist() if base else None,
                    **forest(3, ["BRANCH_LEQ"]), **leaves(3, used, "class", positive), **names)
    for classes, positive, base, transform in itertools.product(
            [2, 3], [False, True], [0, 3], TRANSFORMS[:3]):
        yield graph("TreeEnsembleClassifier", [ROUND], [I, F], ML, post_transform=transform,
                    base_values=NUMBERS.normal(size=classes).tolist() if base else None,
                    classlabels_int64s=list(range(classes)), **forest(2, ["BRANCH_LEQ"]),
                    **leaves(2, range(classes), "class", positive, partial=True))
    modes = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
    for mode, kind, missing in itertools.product(
            [*([mode] for mode in modes), modes], [np.float32, np.float64, np.int64],
            [False, True]):
        x = (ROUND * 2).astype(kind) if kind == np.int64 else ROUND.astype(kind)
        x = holes(x) if missing and kind != np.int64 else x
        yield graph("TreeEnsembleRegressor", [x], [F], ML, n_targets=1,
                    **forest(4, mode, missing), **leaves(4, [0], "target", False))
    for targets, aggregate, base, transform in itertools.product(
            [1, 2], ["SUM", "AVERAGE", "MIN", "MAX"], [0, 1, 2], TRANSFORMS):
        yield graph("TreeEnsembleRegressor", [X], [F], ML, n_targets=targets,
                    aggregate_function=aggregate, post_transform=transform,
                    base_values=NUMBERS.normal(size=base).tolist() if base else None,
                    **forest(3, ["BRANCH_LEQ"]), **leaves(3, range(targets), "target", False))
    for aggregate, transform, kind in itertools.product(
            range(4), range(5), [np.float32, np.float64]):
        tensor = numpy_helper.from_array
        yield graph("TreeEnsemble", [holes(ROUND).astype(kind)], [F if kind == np.float32 else D],
                    ML, opset=21, ml=5, n_targets=2, aggregate_function=aggregate,
                    post_transform=transform, tree_roots=[0, 2],
                    nodes_featureids=[0, 1, 2], nodes_modes=tensor(np.array([0, 6, 3], np.uint8)),
                    nodes_splits=tensor(np.array([0.2, 0.0, -0.1], kind)),
                    nodes_truenodeids=[1, 0, 2], nodes_trueleafs=[0, 1, 1],
                    nodes_falsenodeids=[3, 1, 3], nodes_falseleafs=[1, 1, 1],
                    nodes_missing_value_tracks_true=[0, 1, 1],
                    membership_values=tensor(
                        np.array([*ROUND[:4, 1], np.nan]).astype(kind)),
                    leaf_targetids=[0, 1, 0, 1],
                    leaf_weights=tensor(np.array([0.5, -1.5, 2.0, 0.25], kind)))


def features():
    WORDS = np.array([["a", "b"], ["c", "a"], ["", "z"]], object)
    for scale, offset in [([2.0], [1.0]), ([1.0, 2, 3, 4], [0.5] * 4), ([2.0] * 4, [1.0])]:
        for kind in [np.float32, np.float64, np.int64, np.int32]:
            yield graph("Scaler", [(X * 3).astype(kind)], [F], ML, scale=scale, offset=offset)
    for values in [[9.0], [1.0, 2, 3, 4], [8.0, 9]]:
        yield graph("Imputer", [holes(X)], [F], ML, imputed_value_floats=values,
                    replaced_value_float=float("nan"))
        yield graph("Imputer", [np.round(X)], [F], ML, imputed_value_floats=values,
                    replaced_value_float=0.0)
    for values in [[9], [1, 2, 3, 4]]:
        yield graph("Imputer", [X.astype(np.int64)], [I], ML, imputed_value_int64s=values,
                    replaced_value_int64=0)
    for norm, kind in itertools.product(["MAX", "L1", "L2"], [np.float32, np.float64, np.int64]):
        x = (X * 3).astype(kind)
        x[1] = 0
        yield graph("Normalizer", [x], [F], ML, norm=norm)
        yield graph("Normalizer", [x[2]], [F], ML, norm=norm)
    yield graph("Binarizer", [X], [F], ML, threshold=0.2)
    yield graph("OneHotEncoder", [WORDS], [F], ML, cats_strings=["a", "b", "c"])
    for kind in [np.int64, np.float32, np.float64]:
        yield graph("OneHotEncoder", [(X * 2).astype(kind)], [F], ML, cats_int64s=[-1, 0, 1, 3])
    yield graph("OneHotEncoder", [WORDS[0]], [F], ML, cats_strings=["a", "b"], zeros=0)
    yield graph("CategoryMapper", [WORDS], [I], ML, cats_strings=["a", "b"], cats_int64s=[4, 5])
    yield graph("CategoryMapper", [np.array([4, 5, 6])], [S], ML, cats_strings=["a", "b"],
                cats_int64s=[4, 5], default_string="none")
    yield graph("LabelEncoder", [WORDS], [I], ML, ml=2, keys_strings=["a", "b"],
                values_int64s=[4, 5])
    yield graph("LabelEncoder", [WORDS], [F], ML, ml=2, keys_strings=["a", "b", "a"],
                values_floats=[0.5, 1.5, 2.5])
    yield graph("LabelEncoder", [np.array([1, 2, 3])], [S], ML, ml=2, keys_int64s=[1, 2],
                values_strings=["x", "y"], default_string="?")
    yield graph("LabelEncoder", [np.array([1, 2, 3])], [F], ML, ml=2, keys_int64s=[1, 2],
                values_floats=[0.1, 0.2])
    yield graph("LabelEncoder", [np.float32([1.5, np.nan, 3, -0.0])], [I], ML, ml=2,
                keys_floats=[1.5, float("nan"), 0.0], values_int64s=[1, 2, 3], default_int64=9)
    yield graph("LabelEncoder", [np.float32([1.5, 3])], [S], ML, ml=2, keys_floats=[1.5],
                values_strings=["x"])
    yield graph("LabelEncoder", [np.float64([1.5, np.nan, 3])], [D], ML, ml=4, opset=21,
                keys_tensor=numpy_helper.from_array(np.array([1.5, np.nan])),
                values_tensor=numpy_helper.from_array(np.array([0.1, 0.2])),
                default_tensor=numpy_helper.from_array(np.array([7.0])))
    yield graph("FeatureVectorizer", [X, X[:, :2]], [F], ML, inputdimensions=[4, 2])
    yield graph("FeatureVectorizer", [X, X[:, :2]], [F], ML, inputdimensions=[3, 3])
    yield graph("ArrayFeatureExtractor", [X, (np.array([2, 0, 2]),)], [F], ML)
    yield graph("ArrayFeatureExtractor", [X[0], (np.array([[1]]),)], [F], ML)
    yield graph("ArrayFeatureExtractor", [WORDS, (np.array([1]),)], [S], ML)
    yield graph("ArrayFeatureExtractor", [X.reshape(2, 6, 4), (np.array([3, 1]),)], [F], ML)


def words():
    TEXT = np.array(["The cat  sat", "on,the mat", "", "naïve Straße", "a.b!c"], object)
    PIECES = np.array([["the", "cat", "the", "dog"], ["dog", "", "cat", "sat"]], object)
    for change, sensitive, stop in itertools.product(
            ["NONE", "LOWER", "UPPER"], [0, 1], [None, ["the", "CAT"], ["cat"]]):
        for x in [PIECES[0], PIECES[:1], np.array(["The", "Cat"], object)]:
            yield graph("StringNormalizer", [x], [S], locale="C", case_change_action=change,
                        is_case_sensitive=sensitive, stopwords=stop)
    yield graph("StringNormalizer", [np.array(["cat"], object)], [S], stopwords=["cat"],
                is_case_sensitive=1)
    for mark, least, cut in itertools.product([0, 1], [1, 2], [
            {"separators": [" ", ","]}, {"separators": [" ", "[.]", "\\?", ",", "\\!"]},
            {"separators": [""]}, {"tokenexp": "[a-zA-Z0-9_]+"}, {"tokenexp": "\\w\\w+"}]):
        for x in [TEXT, TEXT[:, None], TEXT[2:3]]:
            yield graph("Tokenizer", [x], [S], MS, mark=mark, mincharnum=least, pad_value="#",
                        **cut)
    pool = ["the", "cat", "dog", "the", "cat", "dog", "cat", "cat", "the"]
    for mode, (low, high), skips, weights in itertools.product(
            ["TF", "IDF", "TFIDF"], [(1, 1), (1, 2), (2, 2)], [0, 1, 2], [False, True]):
        yield graph("TfIdfVectorizer", [PIECES], [F], mode=mode, min_gram_length=low,
                    max_gram_length=high, max_skip_count=skips, ngram_counts=[0, 3],
                    ngram_indexes=[0, 1, 2, 5, 4, 3], pool_strings=pool,
                    weights=[0.5, 1, 2, 3, 4, 5] if weights else None)
    for x in [np.array([1, 2, 1, 3]), np.array([[1, 2, 1, 3]], np.int32)]:
        yield graph("TfIdfVectorizer", [x], [F], mode="TF", min_gram_length=1, max_gram_length=2,
                    max_skip_count=1, ngram_counts=[0, 2], ngram_indexes=[0, 1, 2],
                    pool_int64s=[1, 3, 1, 2])
    yield graph("StringConcat", [PIECES, PIECES[0]], [S], opset=20)
    for delimiter, most in [(None, None), (" ", None), (",", 1), ("", 1)]:
        yield graph("StringSplit", [TEXT], [S, I], opset=20, delimiter=delimiter, maxsplit=most)
    for positive in [0, 1]:
        yield graph("MurmurHash3", [TEXT], [TensorProto.UINT32 if positive else I32], MS,
                    positive=positive, seed=3)


def elementwise():
    A, R, C = X.reshape(3, 4, 4), X[:1, :4], X[:4, :1]
    for op in ["Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Equal", "Less", "LessOrEqual",
               "Greater", "GreaterOrEqual"]:
        ends = [B if op in ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"] else F]
        for x, y in [(A, A), (A, R), (R, A), (A, C), (C, R), (A, X[0, 0].reshape(())), (A, R[0])]:
            x, y = (abs(x) + 0.1, y) if op == "Pow" else (x, y)
            yield graph(op, [x, (y,)], ends)
        for kind in [np.int64, np.int32, np.float64]:
            x, y = (A * 5).astype(kind), (abs(R * 5) + 1).astype(kind)
            yield graph(op, [x, (y,)], [OF[kind.__name__] if ends == [F] else B])
    for op in ["Max", "Min", "Sum", "Mean"]:
        yield graph(op, [A, R, C], [F])
        yield graph(op, [A], [F])
    yield graph("Max", [holes(A), A], [F])
    yield graph("Pow", [(A * 3).astype(np.int64), (np.array([2, 0, 1, 3]),)], [I])
    yield graph("Pow", [abs(A), (np.array([2]),)], [F])
    for op in ["Abs", "Ceil", "Erf", "Exp", "Floor", "Neg", "Reciprocal", "Relu", "Sigmoid", "Sign",
               "Tanh", "Log", "Sqrt"]:
        yield graph(op, [abs(A) if op in ["Log", "Sqrt"] else A * 3], [F])
    for op in ["Abs", "Neg", "Sign"]:
        yield graph(op, [(A * 3).astype(np.int64)], [I])
    for fmod, kind in [(0, np.int64), (1, np.int64), (1, np.float32)]:
        yield graph("Mod", [(A * 9).astype(kind), (np.array([3, -3, 2, 5]).astype(kind),)],
                    [OF[np.dtype(kind).name]], fmod=fmod)
    yield graph("Clip", [A, (np.float32(-0.5),), (np.float32(0.5),)], [F])
    yield graph("Clip", [A], [F], opset=6, min=-0.25, max=0.75)
    yield graph("Clip", [(A * 5).astype(np.int64), (np.int64(-2),)], [I])
    for op in ["And", "Or", "Xor"]:
        yield graph(op, [A > 0, (R > 0,)], [B])
    yield graph("Not", [A > 0], [B])
    yield graph("IsNaN", [holes(A)], [B])
    yield graph("Where", [A > 0, (R,), (C,)], [F])
    yield graph("Where", [R > 0, np.array(["x"], object), np.array([["y"], ["z"]], object)], [S])
    yield graph("Equal", [np.array(["x", "y"], object), np.array(["x"], object)], [B], opset=19)
    for kind, to in itertools.product([np.float32, np.float64, np.int64, np.int32, np.bool_],
                                      [F, D, I, I32, B, S]):
        x = (A * 100).astype(kind)
        yield graph("Cast", [x], [to], to=to)
    yield graph("Cast", [np.float32([0.1, 1e10, 1e-7, 123456.789, np.nan, np.inf, -np.inf, 3.0,
                                     -0.0, 16777216.0])], [S], to=S)
    yield graph("Cast", [np.float64([0.1, 1e10, 1e-7, 123456.789, 1 / 3, 1e300])], [S], to=S)
    yield graph("Cast", [np.array(["1", "-2.5", "1e3", "7"], object)], [F], to=F)
    yield graph("Cast", [np.array(["1", "-2", "17"], object)], [I], to=I)


def shapes():
    A = X.reshape(3, 4, 4)
    i = lambda *values: (np.array(values, np.int64),)
    for to in [(4, -1), (0, -1), (48,), (2, 0, 6), (1, 48, 1)]:
        yield graph("Reshape", [A, i(*to)], [F])
    for at in [0, 1, 2, 3, -1]:
        yield graph("Flatten", [A], [F], axis=at)
    yield graph("Squeeze", [A[:1]], [F])
    yield graph("Squeeze", [A[:1], i(0)], [F])
    yield graph("Squeeze", [A[:1]], [F], opset=11, axes=[0])
    yield graph("Unsqueeze", [A, i(0, -1)], [F])
    yield graph("Unsqueeze", [A], [F], opset=11, axes=[1])
    for start, end in [(None, None), (1, None), (-1, None), (0, 2), (0, -1)]:
        yield graph("Shape", [A], [I], start=start, end=end)
    for at in [0, 1, -1]:
        yield graph("Concat", [A, A], [F], axis=at)
    yield graph("Concat", [np.array(["a"], object), np.array(["b", "c"], object)], [S], axis=0)
    for starts, ends, axes, steps in [
            ([0], [2], [0], None), ([1, 0], [3, 9], [1, 2], [1, 2]), ([-1], [-9], [1], [-1]),
            ([3], [0], [2], [-2]), ([9], [0], [0], None), ([0], [-1], [-1], None),
            ([-2, 3], [-99, -99], [0, 2], [-1, -1]), ([2], [2**62], [1], [1])]:
        rest = [i(*starts), i(*ends), i(*axes)] + ([i(*steps)] if steps else [])
        yield graph("Slice", [A, *rest], [F])
    yield graph("Slice", [A], [F], opset=9, starts=[1], ends=[3], axes=[1])
    for order in [None, [0, 2, 1], [2, 0, 1], [0, 1, 2]]:
        yield graph("Transpose", [A], [F], perm=order)
    yield graph("Expand", [X[:1], i(2, 3, 4)], [F])
    yield graph("Expand", [X[:, :1], i(1, 5)], [F])
    yield graph("Tile", [X, i(2, 3)], [F])
    yield graph("ConstantOfShape", [np.array([2, 3])], [F])
    yield graph("ConstantOfShape", [np.array([], np.int64)], [I],
                value=numpy_helper.from_array(np.array([7])))
    for at, index in [(0, np.array([2, 0, -1])), (1, np.array([[0, 3], [1, -4]])), (2, np.int64(1))]:
        yield graph("Gather", [A, (np.asarray(index),)], [F], axis=at)
    for at in [0, 1, -1]:
        places = NUMBERS.integers(-3, 3, size=(2, 3, 2))
        yield graph("GatherElements", [A, (places,)], [F], axis=at)
    for how in ["none", "add", "mul", "max", "min"]:
        places = np.array([[0, 3, 1], [2, 0, -1]])
        yield graph("ScatterElements", [X, (places,), (X[:2, :3] * 2,)], [F], axis=1, reduction=how)
    for at in [None, 0, 1]:
        yield graph("Compress", [X, (np.array([False, True, True]),)], [F], axis=at)
    yield graph("NonZero", [np.round(A)], [I])
    yield graph("NonZero", [np.round(A[:1])], [I])
    for at, last, keep in itertools.product([0, 1, -1], [0, 1], [0, 1]):
        for op in ["ArgMax", "ArgMin"]:
            yield graph(op, [np.round(A)], [I], axis=at, select_last_index=last, keepdims=keep)
    for at, largest, count in itertools.product([0, 1, -1], [0, 1], [0, 1, 3]):
        yield graph("TopK", [np.round(A, 1), i(count)], [F, I], axis=at, largest=largest)
    yield graph("TopK", [(A * 2).astype(np.int64), i(2)], [I, I])
    yield graph("CumSum", [A, (np.int64(1),)], [F])
    yield graph("CumSum", [A, (np.int64(-1),)], [F], exclusive=1, reverse=1)


def sums():
    A, M = X.reshape(3, 4, 4), X[:4]
    i = lambda *values: (np.array(values, np.int64),)
    for x, y in [(X, M), (A, A), (A, M), (X[0], M), (X, X[0]), (A[:1], A), (X[0], X[0]),
                 (A.reshape(3, 1, 4, 4), A)]:
        yield graph("MatMul", [x, y], [F])
        yield graph("MatMul", [x.astype(np.float64), y.astype(np.float64)], [D])
    yield graph("MatMul", [(X * 3).astype(np.int64), (M * 3).astype(np.int64)], [I])
    for a, b, alpha, beta in itertools.product([0, 1], [0, 1], [1.0, 0.5], [1.0, 2.0]):
        left = X.T.copy() if a else X
        for bias in [M[0], X[:, :1], np.float32(2.0)]:
            yield graph("Gemm", [left, M, np.asarray(bias)], [F], transA=a, transB=b, alpha=alpha,
                        beta=beta)
        yield graph("Gemm", [left, M], [F], transA=a, transB=b, alpha=alpha)
    for op in ["ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
               "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"]:
        x = abs(A) + 0.1 if op == "ReduceLogSum" else A
        for axes, keep in itertools.product([None, [0], [1], [-1], [0, 2], [1, 2]], [0, 1]):
            rest = [i(*axes)] if axes else []
            yield graph(op, [x, *rest], [F], keepdims=keep)
            old = 12 if op == "ReduceSum" else 17
            yield graph(op, [x], [F], opset=old, axes=axes, keepdims=keep)
        yield graph(op, [x, i()], [F], noop_with_empty_axes=1)
        yield graph(op, [(x * 4).astype(np.int64), i(1)], [I])
    for at, opset in itertools.product([0, 1, 2, -1, None], [11, 13]):
        yield graph("Softmax", [A], [F], opset=opset, axis=at)
    for at, p in itertools.product([0, -1], [1, 2]):
        yield graph("LpNormalization", [A], [F], axis=at, p=p)
    for metric in ["euclidean", "sqeuclidean"]:
        yield graph("CDist", [X, M + 1], [F], MS, metric=metric)


def networks():
    """What tract plans: alone, with shapes that only inputs tell, and between our own kernels."""
    image = NUMBERS.normal(size=(2, 3, 8, 8)).astype(np.float32)
    weight = NUMBERS.normal(size=(4, 3, 3, 3)).astype(np.float32)
    i = lambda *values: np.array(values, np.int64)
    yield graph("Conv", [image, (weight,)], [F], pads=[1, 1, 1, 1])
    yield graph("Conv", [image, (weight,)], [F], strides=[2, 2])
    yield graph("MaxPool", [image], [F], kernel_shape=[2, 2], strides=[2, 2])
    yield graph("AveragePool", [image], [F], kernel_shape=[3, 3])
    yield graph("GlobalAveragePool", [image], [F])
    yield graph("LayerNormalization", [X, (X[0],), (X[1],)], [F])
    yield graph("HardSigmoid", [X], [F])
    yield graph("Softplus", [X], [F])
    yield graph("Einsum", [X, X], [F], equation="ij,kj->ik")
    yield graph("DepthToSpace", [image[:, :1].repeat(4, 1)], [F], blocksize=2)
    # Only the values of the inputs tell the shape of the output.
    yield graph("Pad", [X, i(0, 1, 0, 2)], [F], mode="constant")
    yield graph("Range", [i(2).reshape(()), i(9).reshape(()), i(3).reshape(())], [I])
    yield graph("Split", [X, i(5, 7)], [F, F], axis=0)
    yield graph("OneHot", [i(0, 2, 1), i(3).reshape(()), np.float32([0, 1])], [F])
    yield graph("Resize", [image, np.float32([]), np.float32([1, 1, 2, 2])], [F], mode="nearest",
                coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    nodes = [
        helper.make_node("Scaler", ["x"], ["a"], domain=ML, scale=[0.5], offset=[0.1]),
        helper.make_node("Reshape", ["a", "shape"], ["b"]),
        helper.make_node("Conv", ["b", "weight"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Softplus", ["c"], ["d"]),
        helper.make_node("Flatten", ["d"], ["e"]),
        helper.make_node("LinearRegressor", ["e"], ["y"], domain=ML,
                         coefficients=NUMBERS.normal(size=256).tolist(), intercepts=[0.5]),
    ]
    constants = [numpy_helper.from_array(i(-1, 3, 8, 8), "shape"),
                 numpy_helper.from_array(weight, "weight")]
    info = [helper.make_tensor_value_info("x", F, [None, 192])]
    ends = [helper.make_tensor_value_info("y", F, None)]
    imports = [helper.make_opsetid("", 18), helper.make_opsetid(ML, 3)]
    for rows in [1, 5]:
        made = helper.make_graph(nodes, "mixed", info, ends, constants)
        model = helper.make_model(made, opset_imports=imports, ir_version=9)
        yield model, {"x": NUMBERS.normal(size=(rows, 192)).astype(np.float32)}


def functions():
    """Functions that call functions, with defaults, inner graphs, and inputs and outputs left out."""
    sets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    node = helper.make_node
    leaky = node("LeakyRelu", ["x"], ["t"])
    leaky.attribute.add(name="alpha", type=onnx.AttributeProto.FLOAT, ref_attr_name="slope")
    slope = helper.make_attribute("slope", 0.25)
    bend = helper.make_function(
        "own", "bend", ["x", "bias"], ["y", "t"], [leaky, node("Sum", ["t", "x"], ["y"])], sets,
        attribute_protos=[slope])
    branches = [helper.make_graph([node(op, ["x"], ["t"])], op, [],
                                  [helper.make_tensor_value_info("t", F, None)]) for op in ["Neg", "Exp"]]
    choose = helper.make_function(
        "own", "choose", ["x"], ["u", "v"],
        [node("ReduceMax", ["x"], ["t"], keepdims=0), node("Constant", [], ["limit"], value_float=1.0),
         node("Greater", ["t", "limit"], ["is"]),
         node("If", ["is"], ["u"], then_branch=branches[0], else_branch=branches[1]),
         node("bend", ["u"], ["w"], domain="own", slope=0.5), node("bend", ["w"], ["", "v"], domain="own")],
        sets)
    calls = [node("bend", ["x", ""], ["a"], domain="own"), node("choose", ["a"], ["t", "y"], domain="own")]
    for factor in [0.1, 3]:
        info = [helper.make_tensor_value_info("x", F, [None, 4])]
        ends = [helper.make_tensor_value_info(name, F, None) for name in ["y", "t"]]
        made = helper.make_graph(calls, "calls", info, ends)
        model = helper.make_model(made, opset_imports=sets, ir_version=9, functions=[bend, choose])
        yield model, {"x": X * np.float32(factor)}


def tolerance(model):
    """Near one half, onnxruntime's quantiles have few digits."""
    named = [attribute.s for attribute in model.graph.node[0].attribute]
    return 1e-3 if b"PROBIT" in named else None


def main():
    folder = Path(sys.argv[1])
    counts = {}
    for part in [linear, machines, trees, features, words, elementwise, shapes, sums, networks, functions]:
        for model, inputs in part():
            op = model.graph.node[0].op_type
            counts[op] = counts.get(op, 0) + 1
            try:
                record(folder, f"{op}-{counts[op]}", model, inputs, tolerance(model))
            except Exception as error:
                if "onnxruntime" not in type(error).__module__ and "ONNXRuntime" not in str(error):
                    raise
    print(sum(counts.values()), len(list(folder.iterdir())))


if __name__ == "__main__":
    main()
