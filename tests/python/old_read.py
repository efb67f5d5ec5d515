"""Reads with the MLflow at hand what mlctl wrote into its database, and writes some more."""

import json
import sys

from mlflow import MlflowClient

store, run_id, experiment_id = sys.argv[1:]
client = MlflowClient(store)
run = client.get_run(run_id)
history = client.get_metric_history(run_id, "loss")
found = client.search_runs([experiment_id], "params.lr = '0.2' and metrics.loss < 0.3")
client.log_metric(run_id, "theirs", 7.5, step=3)
version = client.get_model_version_by_alias("shop", "best")
shown = {
    "params": run.data.params,
    "tags": {key: run.data.tags[key] for key in ["kind", "mlflow.runName"]},
    "loss": run.data.metrics["loss"],
    "points": [[point.step, point.value] for point in history],
    "found": [one.info.run_id for one in found],
    "status": run.info.status,
    "version": str(version.version),
}
print(json.dumps(shown))
