"""Starts ``mlctl server`` and waits until it listens."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from typing import IO, Any, Mapping, Sequence

from mlctl._binary import find_binary
from mlctl._failure import MlctlError

# Variables that set the store, the address or the access of a server. They may be meant for another
# server than the one that is started here.
_NOT_INHERITED = frozenset(
    {
        "MLCTL_SERVER_TOKEN",
        "MLFLOW_ARTIFACTS_ONLY",
        "MLFLOW_AUTH_CONFIG_PATH",
        "MLFLOW_BACKEND_STORE_URI",
        "MLFLOW_ENABLE_WORKSPACES",
        "MLFLOW_EXPOSE_PROMETHEUS",
        "MLFLOW_HOST",
        "MLFLOW_PORT",
        "MLFLOW_REGISTRY_STORE_URI",
        "MLFLOW_REGISTRY_URI",
        "MLFLOW_SERVER_ALLOWED_HOSTS",
        "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE",
        "MLFLOW_STATIC_PREFIX",
        "MLFLOW_TRACKING_DIR",
        "MLFLOW_TRACKING_URI",
    }
)


class Process(subprocess.Popen):  # type: ignore[type-arg]
    """The process of a server, which may outlive this program."""

    def __del__(self, *_: Any) -> None:
        # The base class warns about a process that still runs.
        pass


def launch(
    store: str,
    *,
    lock: str,
    log: IO[bytes],
    token: str,
    port: int = 0,
    options: Sequence[str] = (),
    folder: str | None = None,
    inherited: Sequence[int] = (),
    timeout: float,
) -> tuple[Process, str]:
    """Start a server of ``store`` that ends when no process locks the file ``lock`` any more.

    Returns its process and its address when it listens. Its standard error is written to ``log``.
    Raises MlctlError with the server's own message when it does not start.
    """
    command = [find_binary(), "server", "--json", "--backend-store-uri", store]
    command += ["--port", str(port), "--while-locked", lock, *options]
    start = log.seek(0, os.SEEK_END)
    process = Process(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=folder,
        env=_environment(token),
        pass_fds=tuple(inherited),
        # Ctrl-C in a terminal or a notebook must not stop the server.
        start_new_session=True,
    )
    try:
        url = _announced(process, timeout)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        assert process.stdout is not None
        process.stdout.close()
    if url is None:
        process.wait()
        log.seek(start)
        raise MlctlError(_message(store, log.read().decode(errors="replace")))
    return process, url


def _environment(token: str) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return {**kept, "MLCTL_SERVER_TOKEN": token} if token else kept


def _announced(process: Process, timeout: float) -> str | None:
    """Wait for the JSON that a server prints when it listens; return None when it ends first."""
    assert process.stdout is not None
    deadline = time.monotonic() + timeout
    text = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            piece = os.read(process.stdout.fileno(), 65536)
            if not piece:
                return None
            text += piece
            try:
                return str(json.loads(text)["url"])
            except ValueError:
                continue
    raise MlctlError(f"the server did not start within {timeout:g} seconds")


def _message(store: str, text: str) -> str:
    """Extract the error, without warnings, from what a server wrote before it ended."""
    _, found, error = ("\n" + text).rpartition("\nerror: ")
    reason = error.strip() if found else text.strip() or "mlctl server ended without a message"
    return f"cannot serve `{store}`: {reason}"
