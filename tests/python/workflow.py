"""The classic workflow of somebody who trains models, in MLflow's fluent interface; each function
is one test. Called like `client.py`.
"""

import os
import tempfile
import warnings
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from each import call_each
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus, Metric, ViewType
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV


def diabetes():
    return load_diabetes(return_X_y=True, as_frame=True)


def listed(run_id, path=None):
    return [(info.path, info.is_dir) for info in MlflowClient().list_artifacts(run_id, path)]


def figures_tables_images_and_dicts():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from PIL import Image

    with mlflow.start_run() as run:
        figure, axes = pyplot.subplots()
        axes.plot([0, 1], [2, 3])
        mlflow.log_figure(figure, "plots/line.png")
        mlflow.log_image(np.zeros((8, 8, 3), dtype=np.uint8), "images/black.png")
        for step in range(3):
            mlflow.log_image(Image.new("RGB", (4, 4), "red"), key="sample", step=step)
        mlflow.log_table({"question": ["a", "b"], "score": [1, 2]}, "tables/eval.json")
        mlflow.log_table({"question": ["c"], "score": [3]}, "tables/eval.json")
        mlflow.log_dict({"a": [1, 2]}, "config.yaml")
        mlflow.log_text("<b>bold</b>", "page.html")
    run_id = run.info.run_id
    assert listed(run_id) == [
        ("config.yaml", False),
        ("images", True),
        ("page.html", False),
        ("plots", True),
        ("tables", True),
    ], listed(run_id)
    # Each step has the image, and a smaller one for pages to show.
    assert len(listed(run_id, "images")) == 7, listed(run_id, "images")
    table = mlflow.load_table("tables/eval.json", run_ids=[run_id])
    assert table["score"].tolist() == [1, 2, 3], table
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/config.yaml") == "a:\n- 1\n- 2\n"
    image = mlflow.artifacts.load_image(f"runs:/{run_id}/images/black.png")
    assert image.size == (8, 8)
    tags = MlflowClient().get_run(run_id).data.tags
    assert "mlflow.loggedArtifacts" in tags, tags


def datasets_of_pandas_and_numpy():
    features, target = diabetes()
    frame = features.assign(target=target)
    train = mlflow.data.from_pandas(frame, source="data/diabetes.csv", targets="target", name="train")
    test = mlflow.data.from_numpy(features.to_numpy(), name="test")
    with mlflow.start_run() as run:
        mlflow.log_input(train, context="training", tags={"fold": "1"})
        mlflow.log_input(test, context="test")
    inputs = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    found = {one.dataset.name: one for one in inputs}
    assert set(found) == {"train", "test"}, found
    assert found["train"].dataset.digest == train.digest
    assert {tag.key: tag.value for tag in found["train"].tags} == {
        "mlflow.data.context": "training",
        "fold": "1",
    }
    source = mlflow.data.get_source(found["train"])
    assert source.uri.endswith("data/diabetes.csv"), source.uri
    hits = mlflow.search_runs(filter_string="dataset.name = 'train' AND dataset.context = 'training'")
    assert hits.run_id.tolist() == [run.info.run_id]


def batches_and_asynchronous_logging():
    client = MlflowClient()
    with mlflow.start_run() as run:
        run_id = run.info.run_id
        mlflow.log_params({f"p{i}": i for i in range(250)})
        operations = [
            mlflow.log_metrics({"a": i, "b": -i}, step=i, synchronous=False) for i in range(200)
        ]
        mlflow.log_params({"late": 1}, synchronous=False).wait()
        mlflow.set_tags({"t": "v"}, synchronous=False).wait()
        [operation.wait() for operation in operations]
        mlflow.flush_async_logging()
        for start in range(0, 5000, 1000):
            points = [Metric("curve", i * 0.5, 1000 + i, i) for i in range(start, start + 1000)]
            client.log_batch(run_id, metrics=points)
    data = client.get_run(run_id).data
    assert len(data.params) == 251
    assert (data.metrics["a"], data.metrics["b"], data.metrics["curve"]) == (199, -199, 2499.5)
    # Several threads log at once, so the order of the points is theirs.
    points = client.get_metric_history(run_id, "a")
    assert sorted(point.value for point in points) == list(range(200))
    assert len(client.get_metric_history(run_id, "curve")) == 5000


def artifacts_up_and_down():
    client = MlflowClient()
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run() as run:
        run_id = run.info.run_id
        source = Path(folder, "source")
        (source / "a/b").mkdir(parents=True)
        (source / "empty.txt").write_text("")
        (source / "a/b/random.bin").write_bytes(os.urandom(2_000_000))
        mlflow.log_artifacts(str(source), artifact_path="data")
        mlflow.log_artifact(str(source / "empty.txt"))
        back = Path(mlflow.artifacts.download_artifacts(run_id=run_id, dst_path=folder + "/back"))
        for name in ["empty.txt", "a/b/random.bin"]:
            assert (back / "data" / name).read_bytes() == (source / name).read_bytes(), name
        one = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/data/a", dst_path=folder + "/one")
        assert (Path(one) / "b/random.bin").stat().st_size == 2_000_000
        found = mlflow.artifacts.list_artifacts(run_id=run_id, artifact_path="data")
        assert [info.path for info in found] == ["data/a", "data/empty.txt"], found
        repository = mlflow.store.artifact.artifact_repository_registry.get_artifact_repository(
            client.get_run(run_id).info.artifact_uri
        )
        repository.delete_artifacts("data/a")
        assert listed(run_id, "data") == [("data/empty.txt", False)]
        try:
            mlflow.artifacts.download_artifacts(f"runs:/{run_id}/nothing", dst_path=folder + "/none")
            raise AssertionError("what does not exist is downloaded")
        except mlflow.exceptions.MlflowException:
            pass


def autologging_of_scikit_learn():
    features, target = diabetes()
    mlflow.sklearn.autolog()
    try:
        with mlflow.start_run(run_name="ridge") as run:
            Ridge(alpha=0.5).fit(features, target).score(features, target)
        mlflow.sklearn.autolog(log_models=False)
        with mlflow.start_run(run_name="grid") as grid:
            GridSearchCV(Ridge(), {"alpha": [0.1, 1, 10]}, cv=2).fit(features, target)
    finally:
        mlflow.sklearn.autolog(disable=True)
    found = mlflow.get_run(run.info.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params["alpha"] == "0.5"
    assert {"training_r2_score", "training_mean_squared_error"} <= set(found.data.metrics)
    assert found.data.tags["estimator_name"] == "Ridge"
    assert [one.dataset.digest for one in found.inputs.dataset_inputs], found.inputs
    [output] = found.outputs.model_outputs
    model = mlflow.get_logged_model(output.model_id)
    assert model.status == LoggedModelStatus.READY and model.params["alpha"] == "0.5"
    assert any(metric.key == "training_r2_score" for metric in model.metrics), model.metrics
    loaded = mlflow.sklearn.load_model(model.model_uri)
    assert loaded.alpha == 0.5
    children = mlflow.search_runs(
        filter_string=f"tags.`mlflow.parentRunId` = '{grid.info.run_id}'", output_format="list"
    )
    assert len(children) == 3, children
    assert mlflow.get_run(grid.info.run_id).data.params["best_alpha"] in {"0.1", "1", "10"}


def models_are_logged_and_loaded():
    features, target = diabetes()
    fitted = Ridge(alpha=0.25).fit(features, target)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(
            fitted,
            name="net",
            input_example=features.iloc[:2],
            params={"depth": 3},
            pip_requirements=["scikit-learn"],
        )
        mlflow.log_metric("rmse", 0.5, step=1, model_id=info.model_id)
    client = MlflowClient()
    want = fitted.predict(features.iloc[:5])
    for uri in [info.model_uri, f"runs:/{run.info.run_id}/net", f"models:/{info.model_id}"]:
        loaded = mlflow.pyfunc.load_model(uri)
        assert np.allclose(loaded.predict(features.iloc[:5]), want), uri
    model = client.get_logged_model(info.model_id)
    assert (model.name, model.params["depth"], model.source_run_id) == ("net", "3", run.info.run_id)
    assert [(m.key, m.value) for m in model.metrics] == [("rmse", 0.5)]
    assert model.status == LoggedModelStatus.READY
    read = mlflow.models.get_model_info(info.model_uri)
    assert read.signature is not None and read.signature.inputs.input_names() == list(features)
    names = {Path(f.path).name for f in client.list_logged_model_artifacts(info.model_id)}
    assert {"MLmodel", "input_example.json", "requirements.txt"} <= names, names


def logged_models_are_searched_in_pages():
    client = MlflowClient()
    experiment = mlflow.create_experiment("models")
    with mlflow.start_run(experiment_id=experiment) as run:
        for i in range(7):
            model = mlflow.initialize_logged_model(
                name=f"m{i}", params={"even": str(i % 2 == 0)}, tags={"i": str(i)}, model_type="net"
            )
            mlflow.log_metric("loss", i / 10, model_id=model.model_id)
            mlflow.finalize_logged_model(model.model_id, "READY" if i else "FAILED")
    seen, token = [], None
    while True:
        page = client.search_logged_models(
            [experiment],
            order_by=[{"field_name": "metrics.loss", "ascending": False}],
            max_results=3,
            page_token=token,
        )
        seen += [model.name for model in page]
        token = page.token
        if not token:
            break
    assert seen == [f"m{i}" for i in reversed(range(7))], seen
    even = mlflow.search_logged_models(
        [experiment], filter_string="params.even = 'True' AND metrics.loss > 0.1", output_format="list"
    )
    assert {model.name for model in even} == {"m2", "m4", "m6"}, even
    client.delete_logged_model(even[0].model_id)
    left = mlflow.search_logged_models([experiment], output_format="list")
    assert len(left) == 6 and even[0].model_id not in {model.model_id for model in left}


def runs_are_searched_deleted_and_restored():
    client = MlflowClient()
    parent = mlflow.set_experiment("search")
    with mlflow.start_run(run_name="parent") as outer:
        for i in range(12):
            with mlflow.start_run(run_name=f"child {i}", nested=True, tags={"n": str(i)}):
                mlflow.log_metric("acc", i / 12)
                mlflow.log_param("depth", i % 3)
    frame = mlflow.search_runs(
        experiment_names=["search"],
        filter_string="metrics.acc >= 0.5 and params.depth != '0'",
        order_by=["metrics.acc DESC"],
    )
    assert frame["tags.n"].tolist() == ["11", "10", "8", "7"], frame
    assert isinstance(frame, pd.DataFrame) and frame["metrics.acc"].is_monotonic_decreasing
    pages, token = [], None
    while True:
        page = client.search_runs(
            [parent.experiment_id], order_by=["attributes.run_name"], max_results=5, page_token=token
        )
        pages.append([run.info.run_name for run in page])
        token = page.token
        if not token:
            break
    assert [len(page) for page in pages] == [5, 5, 3] and sum(pages, []) == sorted(sum(pages, []))
    best = frame.run_id[0]
    mlflow.delete_run(best)
    assert client.get_run(best).info.lifecycle_stage == "deleted"
    gone = client.search_runs([parent.experiment_id], run_view_type=ViewType.DELETED_ONLY)
    assert [run.info.run_id for run in gone] == [best]
    client.restore_run(best)
    mlflow.delete_experiment(parent.experiment_id)
    assert client.get_run(outer.info.run_id).info.lifecycle_stage == "deleted"
    client.restore_experiment(parent.experiment_id)
    assert len(client.search_runs([parent.experiment_id])) == 13
    client.set_experiment_tag(parent.experiment_id, "done", "yes")
    found = mlflow.search_experiments(filter_string="tags.done = 'yes'")
    assert [one.name for one in found] == ["search"]


def a_model_is_evaluated():
    features, target = diabetes()
    fitted = Ridge().fit(features, target)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(fitted, name="net", pip_requirements=["scikit-learn"])
        data = features.assign(target=target)
        result = mlflow.models.evaluate(
            info.model_uri, data, targets="target", model_type="regressor", evaluators=["default"]
        )
    logged = mlflow.get_run(run.info.run_id).data.metrics
    assert abs(logged["r2_score"] - result.metrics["r2_score"]) < 1e-12, logged


def call(name, client):
    mlflow.set_experiment("Default")
    globals()[name]()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    call_each(call)
