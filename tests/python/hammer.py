"""Logs points to the metric `theirs` as fast as it goes; prints how many it logged."""

import sys

from mlflow import MlflowClient

store, run_id, count = sys.argv[1:]
client = MlflowClient(store)
client.get_run(run_id)
print("ready", flush=True)
sys.stdin.readline()
for step in range(int(count)):
    client.log_metric(run_id, "theirs", float(step), timestamp=step, step=step)
print(count)
