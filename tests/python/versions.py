"""Runs versions of MLflow against mlctl, and prints what went well as rows of a table.

    versions.py MLCTL VERSION=PYTHON...

Each PYTHON has that version of MLflow, whole, with `sqlalchemy<2.1`, which those before 3.17 need.
`docs/reference/versions.md` holds the table.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
AREAS = ["client", "files", "database", "server"]


def run(program, *args, **options):
    """Runs a program to its end; returns what it prints."""
    done = subprocess.run([program, *args], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise AssertionError(f"{args}: {(done.stdout + done.stderr)[-600:]}")
    return done.stdout


class Server:
    """A server that ends with its block; its first line with an address says where it is."""

    def __init__(self, command, folder):
        self.command, self.folder = command, folder

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        for line in self.process.stdout:
            if "http://" in line:
                return "http://" + line.split("http://")[1].split()[0]
        raise AssertionError(f"{self.command} says no address")

    def __exit__(self, *_):
        # MLflow's servers have workers, which outlive them.
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()


def serve(mlctl, folder, store):
    return Server([mlctl, "server", "--port", "0", "--backend-store-uri", store], folder)


def client(mlctl, python, folder):
    """Its client logs, searches, and registers on a server of mlctl."""
    for store in ["sqlite:///ours.db", "./ours"]:
        with serve(mlctl, folder, store) as url:
            run(python, HERE / "versions_client.py", url, cwd=folder)


def files(mlctl, python, folder):
    """mlctl reads the folder that its file store wrote, and it reads what mlctl wrote there."""
    store = str(Path(folder, "files", "mlruns"))
    run(python, HERE / "versions_client.py", store, cwd=folder)
    listed = json.loads(run(mlctl, "runs", "list", "--all-experiments", "--json", "--store", store))
    assert [one["info"]["run_name"] for one in listed] == ["second", "first"], listed
    with serve(mlctl, folder, store) as url:
        run(python, HERE / "versions_client.py", url, "again", cwd=folder)
    run(python, HERE / "versions_client.py", store, "more", cwd=folder)


def database(mlctl, python, folder):
    """mlctl works on the database that it made, in place, and it goes on with it."""
    store = f"sqlite:///{folder}/theirs.db"
    made = json.loads(run(python, HERE / "old_write.py", store, cwd=folder))
    with serve(mlctl, folder, store) as url:
        # Of its own tables only what this version knows.
        run(python, HERE / "versions_client.py", url, "again", cwd=folder)
    listed = json.loads(run(mlctl, "runs", "list", "--all-experiments", "--json", "--store", store))
    assert made["run_id"] in [one["info"]["run_id"] for one in listed], listed
    run(python, HERE / "versions_client.py", store, "more", cwd=folder)


def server(mlctl, python, folder):
    """mlctl's commands work on its server."""
    with Server([python, HERE / "versions_server.py", folder], folder) as url:
        deadline = time.monotonic() + 120
        options = ["--store", url]
        while True:
            try:
                run(mlctl, "experiments", "create", "ours", *options)
                break
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
        run(python, HERE / "versions_client.py", url, cwd=folder)
        found = run(mlctl, "runs", "search", "metrics.loss < 1", "--all-experiments", "--json", *options)
        assert len(json.loads(found)) == 2, found
        assert "shop" in run(mlctl, "registry", "list", *options)


def main():
    mlctl, *pairs = sys.argv[1:]
    os.environ |= {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    failed = False
    for version, python in (pair.split("=", 1) for pair in pairs):
        cells = []
        for area in AREAS:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    globals()[area](mlctl, python, folder)
                    cells.append("yes")
                except AssertionError as error:
                    failed = True
                    cells.append("no")
                    print(f"{version} {area}: {error}", file=sys.stderr)
        print(f"| {version} | {' | '.join(cells)} |", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
