"""mlctl.serve: a server for a notebook or a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import end, kill, line, python, status, until

import mlctl


def test_a_server_runs_inside_of_the_block_and_mlflow_is_pointed_to_it() -> None:
    os.environ["MLFLOW_TRACKING_URI"] = "before"

    with mlctl.serve("runs") as server:
        assert os.environ["MLFLOW_TRACKING_URI"] == server.url
        assert os.environ["MLFLOW_TRACKING_TOKEN"] == server.token
        assert status(server.url, server.token) == 200
        url = server.url

    assert os.environ["MLFLOW_TRACKING_URI"] == "before"
    assert "MLFLOW_TRACKING_TOKEN" not in os.environ
    assert status(url, server.token) == 0
    assert Path("runs/0/meta.yaml").exists()


def test_nobody_without_the_token_is_let_in() -> None:
    with mlctl.serve() as server:
        assert status(server.url) == 401
        assert status(server.url, "guess") == 401


def test_an_empty_token_lets_everybody_in() -> None:
    with mlctl.serve(token="") as server:
        assert status(server.url) == 200
        assert "MLFLOW_TRACKING_TOKEN" not in os.environ


def test_a_server_starts_and_stops_without_a_block() -> None:
    server = mlctl.Server("runs", set_uri=False)
    with pytest.raises(mlctl.MlctlError, match="the server of `runs` is not running"):
        server.url

    assert server.start() is server
    assert server.start().is_running
    assert "MLFLOW_TRACKING_URI" not in os.environ
    server.stop()
    server.stop()

    assert not server.is_running
    assert repr(server) == "<mlctl.Server of runs (not running)>"


def test_flags_of_the_server_can_be_given() -> None:
    with mlctl.serve(options=["--expose-prometheus", "x"]) as server:
        assert status(server.url, server.token, "/metrics") == 200


def test_settings_of_the_program_for_other_stores_do_not_reach_the_server() -> None:
    os.environ["MLFLOW_REGISTRY_URI"] = "postgresql://elsewhere/registry"
    os.environ["MLFLOW_STATIC_PREFIX"] = "wrong"

    with mlctl.serve() as server:
        assert status(server.url, server.token) == 200
        assert "MLFLOW_REGISTRY_URI" not in os.environ

    assert os.environ["MLFLOW_REGISTRY_URI"] == "postgresql://elsewhere/registry"


def test_requests_go_past_a_proxy() -> None:
    os.environ.update(http_proxy="http://proxy.invalid:3128", NO_PROXY="example.org")

    with mlctl.serve():
        assert os.environ["no_proxy"] == "example.org,127.0.0.1"

    assert os.environ["NO_PROXY"] == "example.org"
    assert "no_proxy" not in os.environ


@pytest.mark.parametrize(
    ("store", "want"),
    [
        ("postgresql://x/y", "cannot serve `postgresql://x/y`: cannot open the store"),
        ("file", "cannot serve `file`: cannot open the store `file`"),
        ("sqlite:///file.db", "cannot serve `sqlite:///file.db`: cannot open the store"),
    ],
)
def test_a_server_that_cannot_start_says_why(store: str, want: str) -> None:
    Path("file").touch()
    Path("file.db").write_text("this is no database" * 100)

    with pytest.raises(mlctl.MlctlError) as error:
        mlctl.serve(store)

    assert str(error.value).startswith(want), error.value
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_a_port_that_is_taken_is_named() -> None:
    with mlctl.serve() as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(mlctl.MlctlError, match=f"cannot listen on 127.0.0.1:{port}"):
            mlctl.serve("other", port=port)


SERVE = """
import mlctl
server = mlctl.serve()
print(server.url, flush=True)
input()
"""


def test_the_server_ends_with_the_program() -> None:
    program = python(SERVE)
    url = line(program)

    assert end_of_input(program) == ""

    until("the server is gone", lambda: status(url) == 0)


def test_the_server_ends_when_the_program_is_killed() -> None:
    program = python(SERVE)
    url = line(program)
    assert status(url) == 401

    kill(program)

    until("the server is gone", lambda: status(url) == 0)


def test_a_forked_process_does_not_stop_the_server() -> None:
    with mlctl.serve() as server:
        child = os.fork()
        if child == 0:
            server.stop()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert status(server.url, server.token) == 200


def test_the_module_runs_the_program() -> None:
    command = [sys.executable, "-m", "mlctl"]

    version = subprocess.run([*command, "--version"], capture_output=True, text=True)
    wrong = subprocess.run([*command, "no-such-command"], capture_output=True, text=True)

    assert version.stdout.startswith("mlctl ") and version.returncode == 0
    assert wrong.returncode == 2 and "no-such-command" in wrong.stderr


def test_the_program_is_the_one_that_came_with_the_package() -> None:
    assert Path(mlctl.find_binary()).parent == Path(sys.executable).parent


def end_of_input(program: subprocess.Popen[str]) -> str:
    assert program.stdin
    program.stdin.write("\n")
    return end(program)
