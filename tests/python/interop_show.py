"""Prints as JSON what MLflow's file store finds in a folder.

Called as `interop_show.py STORE [QUERIES]`; QUERIES is a JSON list of [filter, [order, ...]].
"""

import json
import sys

from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException

client = MlflowClient(sys.argv[1])


def number(value):
    """Spells what JSON has no number for as MLflow's REST API does."""
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return names.get(str(value), value)


def artifacts(list_, path=None):
    found = []
    for info in list_(path):
        found += artifacts(list_, info.path) if info.is_dir else [[info.path, info.file_size]]
    return found


def history(run_id, key):
    # MLflow's databases answer by time, its folders in the order of logging.
    return sorted(client.get_metric_history(run_id, key), key=lambda m: (m.timestamp, m.step))


def show_run(run):
    run_id = run.info.run_id
    return {
        "info": {
            key: getattr(run.info, key)
            for key in [
                "run_id",
                "run_name",
                "experiment_id",
                "user_id",
                "status",
                "start_time",
                "end_time",
                "lifecycle_stage",
            ]
        },
        "params": run.data.params,
        "tags": run.data.tags,
        "metrics": {key: number(value) for key, value in run.data.metrics.items()},
        "histories": {
            key: [[m.step, m.timestamp, number(m.value)] for m in history(run_id, key)]
            for key in run.data.metrics
        },
        "datasets": [
            {"tags": {tag.key: tag.value for tag in one.tags}, **dict(one.dataset)}
            for one in run.inputs.dataset_inputs
        ],
        "models": [[one.model_id, one.step] for one in run.outputs.model_outputs],
        "artifacts": artifacts(lambda path: client.list_artifacts(run_id, path)),
    }


def show_model(model):
    return {
        "name": model.name,
        "status": str(model.status),
        "params": model.params,
        "source_run_id": model.source_run_id,
        "artifacts": artifacts(lambda path: client.list_logged_model_artifacts(model.model_id, path)),
    }


def search(ids, filter, order):
    try:
        found = client.search_runs(ids, filter, ViewType.ACTIVE_ONLY, order_by=order)
    except MlflowException:
        return None
    return [run.info.run_name for run in found]


experiments = client.search_experiments(view_type=ViewType.ALL)
active = [one.experiment_id for one in experiments if one.lifecycle_stage == "active"]
runs = client.search_runs(active, run_view_type=ViewType.ALL)
queries = json.loads(sys.argv[2]) if len(sys.argv) > 2 else []
answer = {
    "experiments": {
        one.experiment_id: {
            "name": one.name,
            "tags": one.tags,
            "lifecycle_stage": one.lifecycle_stage,
            "creation_time": one.creation_time,
            "last_update_time": one.last_update_time,
        }
        for one in experiments
    },
    "runs": {run.info.run_id: show_run(run) for run in runs},
    "models": {m.model_id: show_model(m) for m in client.search_logged_models(active)},
    "searches": [search(active, filter, order) for filter, order in queries],
}
json.dump(answer, sys.stdout)
