"""A folder of its own for each test, with none of the user's settings."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Callable, Iterator

import pytest

#: How long something that must happen may take before a test gives up waiting for it.
PATIENCE = 120


def until(what: str, reached: Callable[[], object]) -> None:
    """Wait until ``reached`` says so."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, f"in vain waited until {what}"
        time.sleep(0.01)


def status(url: str, token: str = "", path: str = "/health") -> int:
    """Ask a server, and return the status of its answer; 0 when nobody listens."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        answer = opener.open(urllib.request.Request(url + path, headers=headers))
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
    with answer:
        return int(answer.status)


def python(script: str, *args: str) -> subprocess.Popen[str]:
    """Start a program that a test can talk to by lines."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", script, *args]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def line(program: subprocess.Popen[str]) -> str:
    """Read the next line that a program prints."""
    assert program.stdout and program.stderr
    text = program.stdout.readline().rstrip("\n")
    assert text, program.stderr.read()
    return text


def end(program: subprocess.Popen[str]) -> str:
    """Let a program end, which must be well, and return what else it prints."""
    printed, errors = program.communicate(timeout=PATIENCE)
    assert program.returncode == 0, errors
    return printed


def kill(program: subprocess.Popen[str]) -> None:
    """End a program so that it can do nothing about it."""
    program.kill()
    program.communicate(timeout=PATIENCE)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("work", "home", "tmp"):
        (tmp_path / name).mkdir()
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "MLCTL_", "AWS_", "XDG_")) or "proxy" in name.lower():
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    # A server that does not answer must not be asked for minutes.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(tmp_path / "work")
    yield tmp_path / "work"
