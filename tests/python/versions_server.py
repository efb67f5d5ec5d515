"""Serves a database with the `mlflow server` at hand, on a free port that it prints.

    versions_server.py FOLDER
"""

import os
import socket
import sys

with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
print(f"http://127.0.0.1:{port} ", flush=True)
os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
store = f"sqlite:///{sys.argv[1]}/mlflow.db"
arguments = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
os.execv(
    sys.executable,
    [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, *arguments],
)
