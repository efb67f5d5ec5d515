"""What any MLflow from 2.22 on does with a store: logs, searches, registers.

    versions_client.py STORE [WORD]

WORD makes the names of a second time differ.
"""

import sys
import tempfile
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

store, word = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else "")
# Some versions look for the proxy of artifacts there, and not where the client's store is.
mlflow.set_tracking_uri(store)
client = MlflowClient(store, registry_uri=store)
experiment = client.create_experiment(f"theirs {word}", tags={"team": "x"})
run = client.create_run(experiment, run_name="first", start_time=10, tags={"kind": "old"})
id = run.info.run_id
points = [Metric("loss", 1.0 / step, 100 + step, step) for step in range(1, 6)]
client.log_batch(id, points, [Param("lr", "0.1")], [RunTag("k", "v")])
dataset = Dataset("set", "d1", "local", "{}")
client.log_inputs(id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])])
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "notes.txt").write_text("hello\n", encoding="utf-8")
    client.log_artifact(id, f"{folder}/notes.txt", "below")
client.set_terminated(id, end_time=20)
second = client.create_run(experiment, run_name="second", start_time=11)
client.log_metric(second.info.run_id, "loss", 0.5, step=1)
client.delete_tag(id, "k")
try:
    client.log_param(id, "lr", "0.2")
    raise AssertionError("a param was changed")
except MlflowException as error:
    assert "Changing param values is not allowed" in str(error), error

run = client.get_run(id)
assert run.data.params == {"lr": "0.1"} and run.data.metrics == {"loss": 0.2}, run.data
assert run.inputs.dataset_inputs[0].dataset.name == "set"
assert [point.step for point in client.get_metric_history(id, "loss")] == [1, 2, 3, 4, 5]
found = client.search_runs([experiment], "metrics.loss < 0.3 and params.lr = '0.1'")
assert [one.info.run_id for one in found] == [id]
assert [one.path for one in client.list_artifacts(id, "below")] == ["below/notes.txt"]
assert Path(client.download_artifacts(id, "below/notes.txt")).read_text("utf-8") == "hello\n"

model = f"shop {word}".strip()
client.create_registered_model(model, tags={"a": "b"})
client.create_model_version(model, f"{run.info.artifact_uri}/below", run_id=id)
client.set_registered_model_alias(model, "best", "1")
assert str(client.get_model_version_by_alias(model, "best").version) == "1"
assert len(client.search_model_versions(f"name = '{model}'")) == 1
