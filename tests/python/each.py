"""Calls the functions that are named on the command line, each with a server of its own."""

import sys
import traceback

import mlflow
from mlflow import MlflowClient


def call_each(call):
    """Calls `call(name, client)` for each `NAME=URL`; exits with 1 when one of them fails."""
    failed = []
    for argument in sys.argv[1:]:
        name, url = argument.split("=", 1)
        mlflow.set_tracking_uri(url)
        try:
            call(name, MlflowClient(url))
        except BaseException:
            traceback.print_exc()
            failed.append(argument)
        while mlflow.active_run():
            mlflow.end_run()
    if failed:
        sys.exit("failed: " + ", ".join(failed))
