"""Serves models with MLflow's scoring server: `scoring_oracle.py FOLDER NAME...`.

Each is below /NAME what `mlflow models serve --env-manager local` makes of it; that command starts
a tree of processes, which a test could not end for sure. Prints the address in one line.
"""

import socket
import sys
from pathlib import Path

import mlflow.pyfunc
import uvicorn
from fastapi import FastAPI
from mlflow.pyfunc.scoring_server import init

app = FastAPI()
for name in sys.argv[2:]:
    app.mount(f"/{name}", init(mlflow.pyfunc.load_model(str(Path(sys.argv[1]) / name))))
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(64)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])
