"""Serves MLflow's own REST API from a new database, in this one process.

    oracle.py FOLDER

Prints its address in one line once it can be connected to. `mlflow server` does the same with a
tree of processes, which a test could not end for sure.
"""

import os
import socket
import sys

folder = os.path.abspath(sys.argv[1])
os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
os.environ["_MLFLOW_SERVER_FILE_STORE"] = f"sqlite:///{folder}/mlflow.db"
os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = "mlflow-artifacts:/"
os.environ["_MLFLOW_SERVER_ARTIFACT_DESTINATION"] = f"{folder}/mlartifacts"
os.environ["_MLFLOW_SERVER_SERVE_ARTIFACTS"] = "true"

import uvicorn  # noqa: E402
from mlflow.server.fastapi_app import app  # noqa: E402
from mlflow.server.handlers import initialize_backend_stores  # noqa: E402

initialize_backend_stores(
    os.environ["_MLFLOW_SERVER_FILE_STORE"], None, os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"]
)
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(64)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
