"""Searches runs; prints the seconds that it took and the ids that it found."""

import os
import sys
import time

from mlflow import MlflowClient

folder, query, order, count = sys.argv[1:]
client = MlflowClient(tracking_uri=os.path.abspath(folder))
start = time.perf_counter()
runs = client.search_runs(["0"], query, order_by=[order], max_results=int(count))
print(time.perf_counter() - start)
for run in runs:
    print(run.info.run_id)
