"""Goes on with a run and an experiment that another program made.

Called as `interop_continue.py STORE EXPERIMENT_ID RUN_ID WORD`; WORD makes the writes differ.
"""

import sys

from mlflow import MlflowClient

store, experiment_id, run_id, word = sys.argv[1:]
client = MlflowClient(store)
client.log_metric(run_id, "loss", float(len(word)), timestamp=99, step=1_000 + len(word))
client.log_param(run_id, f"by {word}", word)
client.set_tag(run_id, "word", word)
client.log_text(run_id, word, f"{word}/said.txt")
client.create_run(experiment_id, run_name=word)
for run in client.search_runs([experiment_id], "run_name = 'to delete'"):
    client.delete_run(run.info.run_id)
