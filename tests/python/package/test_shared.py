"""One server for all programs that use a store as ``mlctl:…``."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

import pytest
from conftest import end, kill, line, python, status, until

from mlctl._failure import MlctlError
from mlctl._shared import SharedServer
from mlctl._stores import parse

USE = """
import sys
from mlctl._shared import SharedServer
from mlctl._stores import parse
server = SharedServer(parse(sys.argv[1]))
for _ in sys.stdin:
    address = server.address()
    print(address.url, address.token, server._process and server._process.pid, flush=True)
"""


class User:
    """A program that uses a store."""

    def __init__(self, store: str = "mlctl:./mlruns") -> None:
        self.program = python(USE, store)

    def ask(self) -> None:
        assert self.program.stdin
        self.program.stdin.write("\n")
        self.program.stdin.flush()

    def answer(self) -> tuple[str, str, str]:
        url, token, pid = line(self.program).split()
        return url, token, pid

    def address(self) -> tuple[str, str]:
        self.ask()
        return self.answer()[:2]

    def end(self) -> None:
        end(self.program)


def test_programs_that_begin_at_once_share_one_server_that_ends_with_the_last() -> None:
    users = [User() for _ in range(6)]
    for user in users:
        user.ask()
    answers = [user.answer() for user in users]

    assert len({answer[:2] for answer in answers}) == 1
    assert sum(answer[2] != "None" for answer in answers) == 1, "one of them started it"
    (url, token, _) = answers[0]
    starter = next(n for n, answer in enumerate(answers) if answer[2] != "None")
    for user in [users.pop(starter), *users[1:]]:
        user.end()
    assert users[0].address() == (url, token)
    assert status(url, token) == 200
    users[0].end()
    until("the server is gone", lambda: status(url) == 0)


def test_every_spelling_of_a_store_has_the_same_server() -> None:
    here = os.getcwd()
    Path("link").symlink_to("mlruns")
    spellings = ["mlctl:./mlruns", "mlctl:mlruns", f"mlctl:{here}/mlruns", f"mlctl:file://{here}/mlruns"]

    servers = [SharedServer(parse(uri)) for uri in [*spellings, "mlctl:link"]]

    assert len({server.address() for server in servers}) == 1
    other = SharedServer(parse("mlctl:./other"))
    assert other.address() not in {server.address() for server in servers}


def test_the_server_ends_when_its_only_user_is_killed() -> None:
    user = User()
    url, _ = user.address()

    kill(user.program)

    until("the server is gone", lambda: status(url) == 0)


def test_a_notebook_that_is_restarted_has_a_server_again() -> None:
    url = ""
    for _ in range(5):
        kernel = User()
        kernel.ask()
        found, token, _ = kernel.answer()
        assert status(found, token) == 200
        assert url in ("", found), "the address stays, for whoever has a page open"
        url = found
        kill(kernel.program)


def test_a_server_that_was_killed_is_started_again_at_its_address() -> None:
    server = SharedServer(parse("mlctl:./mlruns"))
    before = server.address()
    assert server._process
    server._process.kill()
    server._process.wait()

    assert server.address() == before
    assert status(before.url, before.token) == 200


def test_a_server_whose_port_was_taken_meanwhile_gets_another(place: Path) -> None:
    user = User()
    before, token = user.address()
    kill(user.program)
    until("the server is gone", lambda: status(before) == 0)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(before.rpartition(":")[2])))
        other.listen()

        address = SharedServer(parse("mlctl:./mlruns")).address()

        assert address.url != before
        assert address.token != token, "whoever has the port may have been sent the old one"
        assert status(address.url, address.token) == 200


def test_a_user_that_is_killed_while_it_starts_a_server_holds_nobody_up(place: Path) -> None:
    user = User()
    user.address()
    # As if it had been killed before it could write down the address.
    (record,) = place.parent.glob("tmp/mlctl-*/*.server")
    os.truncate(record, 0)

    server = SharedServer(parse("mlctl:./mlruns"))

    assert status(server.address().url, server.address().token) == 200
    user.end()


def test_a_forked_process_keeps_the_server_when_its_parent_ends() -> None:
    script = """
import os, sys
from mlctl._shared import SharedServer
from mlctl._stores import parse
server = SharedServer(parse("mlctl:./mlruns"))
url = server.address().url
if os.fork() == 0:
    sys.stdin.readline()
    assert server.address().url == url
    print(url, server.address().token, flush=True)
    sys.stdin.readline()
os._exit(0)
"""
    program = python(script)
    assert program.stdin
    assert program.wait() == 0

    program.stdin.write("\n")
    program.stdin.flush()
    url, token = line(program).split()
    assert status(url, token) == 200

    program.stdin.write("\n")
    program.stdin.close()
    until("the server is gone", lambda: status(url) == 0)
    for pipe in (program.stdout, program.stderr):
        assert pipe
        pipe.close()


def test_a_server_that_cannot_start_says_why_and_can_start_later(place: Path) -> None:
    store = place / "mlruns"
    store.touch()
    server = SharedServer(parse("mlctl:./mlruns"))

    with pytest.raises(MlctlError, match="cannot open the store"):
        server.address()

    store.unlink()
    assert status(server.address().url, server.address().token) == 200


def test_files_of_stores_that_nobody_uses_any_more_are_removed(place: Path) -> None:
    user, used = User("mlctl:unused"), SharedServer(parse("mlctl:used"))
    user.address()
    (unused,) = place.parent.glob("tmp/mlctl-*/*.server")
    address = used.address()
    user.end()
    for file in place.parent.glob("tmp/mlctl-*/*"):
        os.utime(file, (0, 0))
    # A server that has ended has released its lock when the next one starts.
    until("the server is gone", lambda: not_locked(unused))

    SharedServer(parse("mlctl:other")).address()

    assert not list(unused.parent.glob(f"{unused.stem}.*"))
    assert len(list(unused.parent.glob("*.server"))) == 2
    assert used.address() == address
    assert status(address.url, address.token) == 200


def not_locked(file: Path) -> bool:
    with open(file) as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_addresses_are_not_kept_where_others_can_write(place: Path) -> None:
    folder = place.parent / "tmp" / f"mlctl-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)

    with pytest.raises(MlctlError, match="must be a folder of yours"):
        SharedServer(parse("mlctl:./mlruns")).address()


@pytest.mark.parametrize(
    ("uri", "want"),
    [
        ("mlctl:", "names no store"),
        ("mlctl:http://localhost:5000", "use `http://localhost:5000` itself"),
        ("mlctl://mlruns", "names a host"),
        ("mlctl:sqlite://", "names no file"),
        ("mlctl:sqlite:///:memory:", "names no file"),
    ],
)
def test_what_names_no_store_of_this_machine_is_refused(uri: str, want: str) -> None:
    with pytest.raises(MlctlError, match=want):
        parse(uri)


def test_paths_are_relative_to_the_current_folder(place: Path) -> None:
    assert parse("mlctl:a/b").uri == f"{place}/a/b"
    assert parse("mlctl:a/b").folder == place
    assert parse("mlctl:///srv/runs").uri == "/srv/runs"
    assert parse("mlctl:sqlite:///x.db?timeout=9").uri == f"sqlite:///{place}/x.db?timeout=9"
    assert parse("mlctl:sqlite:////srv/x.db").uri == "sqlite:////srv/x.db"
