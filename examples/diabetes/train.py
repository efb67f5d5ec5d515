"""Predicts how diabetes progresses, with scikit-learn's ElasticNet.

Everything is logged to whatever MLFLOW_TRACKING_URI names, into the run that
MLFLOW_RUN_ID names: `mlctl run` sets both, and so does `mlflow run`.
"""

import argparse

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import mlflow
import mlflow.onnx
import mlflow.sklearn
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alpha", type=float, default=0.1, help="strength of the penalty")
    parser.add_argument("--l1-ratio", type=float, default=0.5, help="0 is ridge, 1 is lasso")
    return parser.parse_args()


def measure(truth, predicted):
    return {
        "rmse": root_mean_squared_error(truth, predicted),
        "mae": mean_absolute_error(truth, predicted),
        "r2": r2_score(truth, predicted),
    }


def plot(truth, predicted):
    figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
    axes.scatter(truth, predicted, s=14, alpha=0.7)
    axes.axline((truth.mean(), truth.mean()), slope=1, color="grey", linewidth=1)
    axes.set(xlabel="progression, measured", ylabel="progression, predicted")
    return figure


def log_models(model, features):
    """Logs the model twice: for scikit-learn, and as a graph that runs without Python."""
    example = features.head(3)
    signature = infer_signature(features, model.predict(features))
    mlflow.sklearn.log_model(
        model,
        name="sklearn-model",
        signature=signature,
        input_example=example,
        pip_requirements=["mlflow-skinny", "scikit-learn", "skops"],
    )
    graph = to_onnx(model, initial_types=[("features", FloatTensorType([None, features.shape[1]]))])
    mlflow.onnx.log_model(
        graph,
        name="model",
        signature=signature,
        input_example=example,
        pip_requirements=["mlflow-skinny", "onnx", "onnxruntime"],
        onnx_execution_providers=["CPUExecutionProvider"],
    )


def main():
    arguments = parse_arguments()
    data = load_diabetes(as_frame=True)
    train_x, test_x, train_y, test_y = train_test_split(data.data, data.target, random_state=42)

    with mlflow.start_run() as run:
        mlflow.log_params({"alpha": arguments.alpha, "l1_ratio": arguments.l1_ratio})

        model = ElasticNet(alpha=arguments.alpha, l1_ratio=arguments.l1_ratio, random_state=42)
        model.fit(train_x, train_y)
        predicted = model.predict(test_x)

        metrics = measure(test_y, predicted)
        mlflow.log_metrics(metrics)
        mlflow.log_figure(plot(test_y, predicted), "predictions.png")
        log_models(model, train_x)

    print(f"ElasticNet(alpha={arguments.alpha:g}, l1_ratio={arguments.l1_ratio:g})")
    for name, value in metrics.items():
        print(f"  {name:4} {value:9.4f}")
    print(f"model: runs:/{run.info.run_id}/model")


if __name__ == "__main__":
    main()
