"""Serves MLflow's own REST API from a new database here, in this one process.

Prints its address in one line once it can be connected to.
"""

import os
import socket

database = f"sqlite:///{os.getcwd()}/mlflow.db"
os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
os.environ["_MLFLOW_SERVER_FILE_STORE"] = database
os.environ["_MLFLOW_SERVER_REGISTRY_STORE"] = database
os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = f"{os.getcwd()}/mlruns"

import uvicorn  # noqa: E402
from mlflow.server.fastapi_app import app  # noqa: E402
from mlflow.server.handlers import initialize_backend_stores  # noqa: E402

initialize_backend_stores(database, database, os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"])
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(64)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
