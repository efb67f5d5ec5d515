"""Makes a database with the MLflow at hand, and prints what is in it."""

import json
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

store = sys.argv[1]
client = MlflowClient(store)
experiment = client.create_experiment("old é", artifact_location="/nowhere/old", tags={"team": "x"})
run = client.create_run(experiment, run_name="first", start_time=10, tags={"kind": "old"})
run_id = run.info.run_id
client.log_batch(
    run_id,
    [Metric("loss", 1.0 / step, 100 + step, step) for step in range(1, 6)],
    [Param("lr", "0.1")],
    [RunTag("k", "v")],
)
client.log_inputs(
    run_id,
    [DatasetInput(Dataset("set", "d1", "local", "{}"), [InputTag("mlflow.data.context", "train")])],
)
client.set_terminated(run_id, end_time=20)
gone = client.create_run(experiment, run_name="gone", start_time=11)
client.delete_run(gone.info.run_id)
client.create_registered_model("shop", tags={"a": "b"})
client.create_model_version("shop", "/nowhere/model", run_id=run_id)
client.set_registered_model_alias("shop", "best", "1")
made = {"experiment_id": experiment, "run_id": run_id, "version": mlflow.__version__}
print(json.dumps(made))
