"""Writes an mlruns folder through MLflow's file store, with all that is strange in one.

Called as `interop_write.py STORE`.
"""

import math
import sys
import tempfile
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, LoggedModelStatus
from mlflow.entities import Metric

client = MlflowClient(sys.argv[1])

NAMES = ["plain", "slash/es: and \"quotes\"", "ünïcödé 🚀", "- yaml: [", "  spaces  ", "123", "yes"]
for name in NAMES:
    client.create_experiment(name, tags={"name": name, "multi": "a\nb"})

strange = client.get_experiment_by_name("ünïcödé 🚀").experiment_id
rich = client.create_run(strange, run_name="rich: 'run'", tags={"t/1": "ü\n\n", "empty": ""})
id = rich.info.run_id
for step, value in enumerate([0.1, math.nan, math.inf, -math.inf, 1e-300, 12345678901234.5]):
    client.log_metric(id, "train/deep/loss", value, timestamp=1000 + step, step=step)
client.log_metric(id, "nan", math.nan, timestamp=1, step=0)
client.log_metric(id, "inf", math.inf, timestamp=1, step=0)
client.log_metric(id, "train/loss", 1, timestamp=1, step=-5)
client.log_batch(id, [Metric("same step", v, t, 7) for v, t in [(3.0, 5), (2.0, 9), (9.0, 9)]])
client.log_param(id, "two lines", "a\nb\n")
client.log_param(id, "a/b", " spaces ")
client.log_param(id, "empty", "")
client.log_param(id, "yaml", "{a: [1, 'x']}")
client.log_text(id, "hello\n", "notes/ü file.txt")
dataset = Dataset("wine", "d1", "local", '{"uri": "a.csv"}', schema='{"x": 1}', profile='{"rows": 3}')
client.log_inputs(id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "train")])])
model = client.create_logged_model(strange, name="net", source_run_id=id, params={"depth": "3"})
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "MLmodel").write_text("flavors: {}\n")
    client.log_model_artifacts(model.model_id, folder)
client.log_outputs(id, [LoggedModelOutput(model.model_id, 2)])
client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
client.set_terminated(id, "FAILED", end_time=rich.info.start_time + 1500)

plain = client.get_experiment_by_name("plain").experiment_id
for i in range(12):
    run = client.create_run(plain, run_name=f"r{i:02}", start_time=10_000 + i // 2)
    run_id = run.info.run_id
    client.log_metric(run_id, "loss", [0.5, 1.5, math.nan, math.inf, 0.25, 0.5][i % 6], 1, 0)
    if i % 3:
        client.log_param(run_id, "lr", ["0.1", "0.01", "x y"][i % 3])
    client.set_tag(run_id, "kind", "Odd" if i % 2 else "even")
    if i < 8:
        client.set_terminated(run_id, ["FINISHED", "FAILED", "KILLED"][i % 3], 20_000 + i)
client.delete_run(client.search_runs([plain], "run_name = 'r03'")[0].info.run_id)

gone = client.create_experiment("gone")
client.log_metric(client.create_run(gone, run_name="in the trash").info.run_id, "m", 4, 1, 0)
client.delete_experiment(gone)
