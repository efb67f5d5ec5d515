"""mlctl from Python: start a server for a notebook or a test.

>>> import mlctl, mlflow
>>> with mlctl.serve("./mlruns"):
...     with mlflow.start_run():
...         mlflow.log_metric("loss", 0.3)

With this package installed, an unmodified mlflow also takes ``mlctl:./mlruns`` as a tracking URI.
"""

from __future__ import annotations

from mlctl._binary import find_binary
from mlctl._failure import MlctlError
from mlctl._server import Server, serve

__all__ = ["MlctlError", "Server", "find_binary", "serve"]
