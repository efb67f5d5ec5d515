"""An unmodified mlflow that uses ``mlctl:…``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import end, python

import mlctl

mlflow = pytest.importorskip("mlflow")


@pytest.mark.parametrize(
    ("uri", "kept"),
    [
        ("mlctl:{place}/mlruns", "mlruns/*/{run}/artifacts/notes/notes.txt"),
        ("mlctl:sqlite:///{place}/x.db", "mlruns/*/{run}/artifacts/notes/notes.txt"),
    ],
)
def test_a_run_its_artifacts_and_its_model_are_kept(uri: str, kept: str, place: Path) -> None:
    # mlflow keeps stores by their URI, so a relative one would be that of the first test.
    uri = uri.format(place=place)
    # For artifacts, mlflow 2 looks at the variable alone.
    os.environ["MLFLOW_TRACKING_URI"] = uri
    client = mlflow.MlflowClient(tracking_uri=uri)
    run = client.create_run(client.create_experiment("churn")).info.run_id
    Path("notes.txt").write_text("hello")

    client.log_metric(run, "loss", 0.3, step=7)
    client.log_artifact(run, "notes.txt", "notes")
    client.set_terminated(run)
    client.create_registered_model("churn")
    source = f"runs:/{run}/notes"
    version = client.create_model_version("churn", source, run, await_creation_for=0)

    assert client.get_metric_history(run, "loss")[0].step == 7
    assert [file.path for file in client.list_artifacts(run, "notes")] == ["notes/notes.txt"]
    got = client.download_artifacts(run, "notes/notes.txt", str(place))
    assert Path(got).read_text() == "hello"
    assert (version.version, version.source) in [("1", source), (1, source)]
    assert list(place.glob(kept.format(run=run)))
    assert (place / "x.db").exists() == ("sqlite" in uri)


def test_a_program_and_the_command_line_take_the_same_variable(place: Path) -> None:
    os.environ["MLFLOW_TRACKING_URI"] = "mlctl:./mlruns"
    script = """
import mlflow
with mlflow.start_run(run_name="first") as run:
    mlflow.log_text("hello", "notes.txt")
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes.txt") == "hello"
assert mlflow.get_registry_uri() == "mlctl:./mlruns"
"""
    printed = end(python(script))
    listed = subprocess.run([mlctl.find_binary(), "runs", "list"], capture_output=True, text=True)

    assert "first" in listed.stdout, listed
    if not mlflow.__version__.startswith("2."):
        assert "127.0.0.1" not in printed, "a link to a page that is not there"


def test_forked_and_spawned_processes_log_to_the_same_run(place: Path) -> None:
    script = """
import multiprocessing, sys
import mlflow

def log(run, step):
    mlflow.MlflowClient().log_metric(run, "loss", step, step=step)

if __name__ == "__main__":
    mlflow.set_tracking_uri("mlctl:./mlruns")
    run = mlflow.start_run().info.run_id
    for kind in ("fork", "spawn"):
        context = multiprocessing.get_context(kind)
        steps = range(3) if kind == "fork" else range(3, 5)
        children = [context.Process(target=log, args=(run, step)) for step in steps]
        for child in children: child.start()
        for child in children: child.join(); assert child.exitcode == 0
    points = mlflow.MlflowClient().get_metric_history(run, "loss")
    print(sorted(point.step for point in points))
"""
    Path("log.py").write_text(script)
    done = subprocess.run([sys.executable, "log.py"], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "[0, 1, 2, 3, 4]" in done.stdout


def test_what_is_wrong_with_a_store_is_an_error_of_mlflow(place: Path) -> None:
    (place / "file").touch()

    with pytest.raises(mlflow.exceptions.MlflowException, match="cannot open the store"):
        mlflow.MlflowClient(tracking_uri=f"mlctl:{place}/file").search_experiments()
    with pytest.raises(mlflow.exceptions.MlflowException, match="names a server"):
        mlflow.MlflowClient(tracking_uri="mlctl:http://localhost:5000").search_experiments()


def test_a_server_of_ones_own_takes_the_place_of_what_mlflow_was_set_to(place: Path) -> None:
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"mlctl:{place}/mlruns")
    mlflow.set_registry_uri(f"mlctl:{place}/mlruns")
    try:
        with mlctl.serve("own") as server:
            assert mlflow.get_tracking_uri() == mlflow.get_registry_uri() == server.url
            with mlflow.start_run() as run:
                mlflow.log_text("hello", "notes.txt")
            assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes.txt") == "hello"
        assert mlflow.get_tracking_uri() == f"mlctl:{place}/mlruns"
        assert mlflow.get_registry_uri() == f"mlctl:{place}/mlruns"
        assert os.environ["MLFLOW_TRACKING_URI"] == f"mlctl:{place}/mlruns"
    finally:
        mlflow.set_tracking_uri(before)
        mlflow.set_registry_uri("")
        os.environ.pop("MLFLOW_REGISTRY_URI", None)
    assert list(place.glob(f"own/*/{run.info.run_id}/artifacts/notes.txt"))
    assert not (place / "mlruns").exists()
