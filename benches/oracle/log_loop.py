"""Logs points one by one to a server and prints how many a second: URI RUN COUNT."""

import sys
import time

from mlflow import MlflowClient

uri, run, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = MlflowClient(tracking_uri=uri)
for step in range(20):
    client.log_metric(run, "warm", 0.5, timestamp=1, step=step)
start = time.perf_counter()
for step in range(count):
    client.log_metric(run, "loop", 1.0 / (1 + step), timestamp=1, step=step)
print(count / (time.perf_counter() - start))
