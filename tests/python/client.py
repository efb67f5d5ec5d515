"""What the official client does with a tracking server; each function is one test.

Called as `client.py NAME=URL...`, where each URL is a server of its own that holds nothing yet. A
function fails by raising.
"""

import math
import os
import tempfile
import time
from pathlib import Path

import mlflow
from each import call_each
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException


def refused(code, act, *args, **options):
    """Calls `act`, which must fail with `code`; returns the message."""
    try:
        act(*args, **options)
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, error.message)
        return error.message
    raise AssertionError(f"{act.__name__} did not fail")


def names(runs):
    return [run.info.run_name for run in runs]


def experiments(client):
    made = client.create_experiment("churn: ünlü/2", tags={"team": "blue"})
    found = client.get_experiment(made)
    assert (found.name, found.tags) == ("churn: ünlü/2", {"team": "blue"}), found
    assert found.lifecycle_stage == "active"
    assert found.creation_time <= found.last_update_time
    assert client.get_experiment_by_name("churn: ünlü/2").experiment_id == made
    assert client.get_experiment_by_name("nobody") is None
    refused("RESOURCE_ALREADY_EXISTS", client.create_experiment, "churn: ünlü/2")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_experiment, "77")
    refused("INVALID_PARAMETER_VALUE", client.create_experiment, "")

    client.set_experiment_tag(made, "kind", "test")
    client.delete_experiment_tag(made, "team")
    client.rename_experiment(made, "renamed")
    found = client.get_experiment(made)
    assert (found.name, found.tags) == ("renamed", {"kind": "test"}), found

    client.delete_experiment(made)
    assert client.get_experiment(made).lifecycle_stage == "deleted"
    refused("INVALID_PARAMETER_VALUE", client.create_run, made)
    client.restore_experiment(made)
    client.create_run(made)


def experiment_pages(client):
    made = {client.create_experiment(f"e{i:02}", tags={"even": str(i % 2 == 0)}) for i in range(25)}
    seen, token = [], None
    while True:
        page = client.search_experiments(max_results=10, page_token=token, order_by=["name ASC"])
        seen += [one.name for one in page]
        token = page.token
        if not token:
            break
    assert seen == ["Default"] + [f"e{i:02}" for i in range(25)], seen
    even = client.search_experiments(filter_string="tags.even = 'True' AND name LIKE 'e1%'")
    assert {one.name for one in even} == {"e10", "e12", "e14", "e16", "e18"}
    client.delete_experiment(made.pop())
    assert len(client.search_experiments(view_type=ViewType.DELETED_ONLY)) == 1
    assert len(client.search_experiments(view_type=ViewType.ALL)) == 26
    refused("INVALID_PARAMETER_VALUE", client.search_experiments, filter_string="color = 'red'")


def runs(client):
    run = client.create_run("0", run_name="first", tags={"a": "1"})
    id = run.info.run_id
    assert run.info.status == "RUNNING" and run.info.end_time is None
    client.set_terminated(id, "FAILED", end_time=run.info.start_time + 5)
    info = client.get_run(id).info
    assert (info.status, info.end_time) == ("FAILED", run.info.start_time + 5)
    client.update_run(id, status="FINISHED", name="second")
    found = client.get_run(id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "second")
    assert found.data.tags["mlflow.runName"] == "second"
    client.set_tag(id, "b", "x" * 5000)
    client.delete_tag(id, "a")
    refused("RESOURCE_DOES_NOT_EXIST", client.delete_tag, id, "a")
    assert {"b"} == {k for k in client.get_run(id).data.tags if not k.startswith("mlflow.")}

    client.delete_run(id)
    assert client.get_run(id).info.lifecycle_stage == "deleted"
    assert client.search_runs(["0"]) == []
    assert len(client.search_runs(["0"], run_view_type=ViewType.DELETED_ONLY)) == 1
    refused("INVALID_PARAMETER_VALUE", client.log_metric, id, "m", 1)
    client.restore_run(id)
    assert names(client.search_runs(["0"])) == ["second"]
    refused("RESOURCE_DOES_NOT_EXIST", client.get_run, "f" * 32)


def fluent_and_nested_runs(client):
    mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="parent", description="words") as parent:
        mlflow.log_param("a", 1)
        with mlflow.start_run(run_name="child", nested=True) as child:
            mlflow.log_metrics({"m": 1.5, "n": 2}, step=3)
            mlflow.set_tags({"t": "v"})
    try:
        with mlflow.start_run(run_name="crash"):
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    found = client.get_run(child.info.run_id)
    assert found.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert (found.data.metrics, found.data.tags["t"]) == ({"m": 1.5, "n": 2}, "v")
    assert mlflow.get_parent_run(child.info.run_id).info.run_name == "parent"
    found = mlflow.search_runs(
        experiment_names=["fluent"], order_by=["attributes.run_name"], output_format="list"
    )
    assert [(run.info.run_name, run.info.status) for run in found] == [
        ("child", "FINISHED"),
        ("crash", "FAILED"),
        ("parent", "FINISHED"),
    ], found
    with mlflow.start_run(run_id=parent.info.run_id):
        mlflow.log_param("b", 2)
    assert client.get_run(parent.info.run_id).data.params == {"a": "1", "b": "2"}


def params(client):
    id = client.create_run("0").info.run_id
    client.log_param(id, "text", "two\nlines\n")
    client.log_param(id, "empty", "")
    client.log_param(id, "a/b c", "ü" * 6000)
    client.log_param(id, "text", "two\nlines\n")
    message = refused("INVALID_PARAMETER_VALUE", client.log_param, id, "text", "other")
    assert "text" in message and "other" in message, message
    client.log_param(id, "long", "x" * 6001)
    refused("INVALID_PARAMETER_VALUE", client.log_param, id, "../x", "1")
    found = client.get_run(id).data.params
    # What is too long is cut, as MLflow's own server does.
    want = {"text": "two\nlines\n", "empty": "", "a/b c": "ü" * 6000, "long": "x" * 6000}
    assert found == want, {key: len(value) for key, value in found.items()}


def metrics_and_their_history(client):
    id = client.create_run("0").info.run_id
    points = [(0.5, 10, 0), (math.nan, 20, 1), (math.inf, 30, 2), (-math.inf, 30, 3), (1e-300, 5, -1)]
    for value, timestamp, step in points:
        client.log_metric(id, "val/loss", value, timestamp=timestamp, step=step)
    found = client.get_metric_history(id, "val/loss")
    shown = sorted((str(m.value), m.timestamp, m.step) for m in found)
    assert shown == sorted((str(float(v)), t, s) for v, t, s in points), shown
    # The last value is that of the greatest step.
    assert client.get_run(id).data.metrics["val/loss"] == -math.inf
    assert client.get_metric_history(id, "none") == []
    many = [Metric("curve", i / 2, i, i) for i in range(2500)]
    for start in range(0, 2500, 1000):
        client.log_batch(id, metrics=many[start : start + 1000])
    history = client.get_metric_history(id, "curve")
    assert [(m.value, m.step) for m in history] == [(i / 2, i) for i in range(2500)]


def batches_are_all_or_nothing(client):
    id = client.create_run("0").info.run_id
    client.log_batch(
        id,
        metrics=[Metric("m", i, 1, i) for i in range(10)],
        params=[Param(f"p{i}", str(i)) for i in range(100)],
        tags=[RunTag(f"t{i}", str(i)) for i in range(90)],
    )
    data = client.get_run(id).data
    assert len(data.params) == 100 and data.metrics == {"m": 9.0}
    assert sum(key.startswith("t") for key in data.tags) == 90
    refused(
        "INVALID_PARAMETER_VALUE",
        client.log_batch,
        id,
        metrics=[Metric("late", 1, 1, 1)],
        params=[Param("fine", "1"), Param("p1", "changed")],
        tags=[RunTag("late", "1")],
    )
    after = client.get_run(id).data
    assert after.params == data.params and after.metrics == data.metrics and after.tags == data.tags


def asynchronous_logging(client):
    id = client.create_run("0").info.run_id
    waits = [client.log_metric(id, "m", i, step=i, synchronous=False) for i in range(50)]
    waits.append(client.log_param(id, "p", "1", synchronous=False))
    waits.append(client.set_tag(id, "t", "2", synchronous=False))
    for one in waits:
        one.wait()
    data = client.get_run(id).data
    assert (data.params["p"], data.tags["t"]) == ("1", "2")
    assert len(client.get_metric_history(id, "m")) == 50


def datasets(client):
    id = client.create_run("0").info.run_id
    dataset = Dataset("wine", "d1", "local", '{"uri": "wine.csv"}', schema='{"a": 1}', profile="{}")
    tag = InputTag("mlflow.data.context", "training")
    client.log_inputs(id, [DatasetInput(dataset, [tag])])
    client.log_inputs(id, [DatasetInput(dataset, [tag])])
    [found] = client.get_run(id).inputs.dataset_inputs
    assert dict(found.dataset) == dict(dataset), dict(found.dataset)
    assert [dict(tag) for tag in found.tags] == [{"key": "mlflow.data.context", "value": "training"}]
    assert len(client.search_runs(["0"], "dataset.name = 'wine'")) == 1
    assert client.search_runs(["0"], "dataset.digest = 'other'") == []


def artifacts(client):
    id = client.create_run("0").info.run_id
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        (source / "deep/er").mkdir(parents=True)
        (source / "a.txt").write_text("a")
        (source / "deep/er/ü b.bin").write_bytes(os.urandom(3_000_000))
        client.log_artifact(id, str(source / "a.txt"))
        client.log_artifacts(id, str(source), "all of it")
        client.log_text(id, "words", "notes/words.txt")
        client.log_dict(id, {"k": [1, None]}, "notes/data.json")
        assert [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(id)] == [
            ("a.txt", False, 1),
            ("all of it", True, None),
            ("notes", True, None),
        ], client.list_artifacts(id)
        deep = client.list_artifacts(id, "all of it/deep/er")
        assert [(f.path, f.file_size) for f in deep] == [
            ("all of it/deep/er/ü b.bin", 3_000_000)
        ], deep
        back = Path(folder, "back")
        back.mkdir()
        client.download_artifacts(id, "", str(back))
        for name in ["a.txt", "deep/er/ü b.bin"]:
            assert (back / "all of it" / name).read_bytes() == (source / name).read_bytes(), name
    uri = client.get_run(id).info.artifact_uri
    assert uri.startswith("mlflow-artifacts:/"), uri
    assert mlflow.artifacts.load_text(f"{uri}/notes/words.txt") == "words"
    assert mlflow.artifacts.load_dict(f"runs:/{id}/notes/data.json") == {"k": [1, None]}
    assert client.list_artifacts(id, "no such folder") == []


def search_of_runs_in_pages(client):
    other = client.create_experiment("other")
    for i in range(30):
        run = client.create_run(other if i % 3 else "0", run_name=f"r{i:02}", start_time=1000 + i)
        client.log_metric(run.info.run_id, "loss", 30 - i)
        client.log_param(run.info.run_id, "even", i % 2 == 0)
        client.set_terminated(run.info.run_id)

    def every(filter="", order=None):
        seen, token = [], None
        while True:
            page = client.search_runs(["0", other], filter, ViewType.ALL, 7, order, token)
            assert len(page) <= 7
            seen += names(page)
            token = page.token
            if not token:
                return seen

    newest_first = [f"r{i:02}" for i in reversed(range(30))]
    assert every() == newest_first
    assert every(order=["metrics.loss ASC"]) == newest_first
    assert every(order=["attributes.start_time ASC"]) == newest_first[::-1]
    assert every("params.even = 'True' and metrics.loss <= 10") == [
        f"r{i:02}" for i in range(28, 19, -2)
    ]
    assert every("attributes.run_name IN ('r03', 'r04')") == ["r04", "r03"]
    assert every("tags.`mlflow.runName` LIKE 'r0%'", ["run_name"]) == [f"r0{i}" for i in range(10)]
    assert every("status != 'FINISHED'") == []
    refused("INVALID_PARAMETER_VALUE", client.search_runs, ["0"], "metrics.loss <")
    page = client.search_runs(["0"], max_results=1)
    refused("INVALID_PARAMETER_VALUE", client.search_runs, ["0"], page_token=page.token + "x")


def logged_models(client):
    run = client.create_run("0")
    model = client.create_logged_model(
        "0", name="net", source_run_id=run.info.run_id, tags={"a": "1"}, params={"p": "2"}
    )
    id = model.model_id
    assert model.status == LoggedModelStatus.PENDING and model.model_uri == f"models:/{id}"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "MLmodel").write_text(f"model_id: {id}\n")
        client.log_model_artifacts(id, folder)
    client.log_outputs(run.info.run_id, [LoggedModelOutput(id, step=3)])
    client.log_metric(run.info.run_id, "loss", 0.5, step=3, model_id=id)
    client.set_logged_model_tags(id, {"b": "2"})
    client.delete_logged_model_tag(id, "a")
    client.finalize_logged_model(id, LoggedModelStatus.READY)

    found = client.get_logged_model(id)
    assert (found.name, found.status, found.params) == ("net", LoggedModelStatus.READY, {"p": "2"})
    assert {k: v for k, v in found.tags.items() if not k.startswith("mlflow.")} == {"b": "2"}
    assert [(m.key, m.value, m.step) for m in found.metrics] == [("loss", 0.5, 3)], found.metrics
    assert found.source_run_id == run.info.run_id
    outputs = client.get_run(run.info.run_id).outputs.model_outputs
    assert [(one.model_id, one.step) for one in outputs] == [(id, 3)]
    assert names_of(client.search_logged_models(["0"], "params.p = '2'")) == ["net"]
    assert names_of(client.search_logged_models(["0"], "metrics.loss > 1")) == []
    text = mlflow.artifacts.load_text(f"{found.artifact_location}/MLmodel")
    assert text == f"model_id: {id}\n"
    client.delete_logged_model(id)
    refused("RESOURCE_DOES_NOT_EXIST", client.get_logged_model, id)


def names_of(models):
    return [model.name for model in models]


if __name__ == "__main__":
    call_each(lambda name, client: globals()[name](client))
