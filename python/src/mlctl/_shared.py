"""Shares one server between all programs of a user that use the same local store.

Each store has three files, in a folder that only the user can open:

- ``KEY.users``: every program that uses the server holds a shared lock on it. The server waits for
  an exclusive lock, which it gets when the last program has ended, and then stops.
- ``KEY.server``: the address of the server. The server inherits a locked descriptor of this file: as
  long as the file is locked, the server runs, and no other program can use its address.
- ``KEY.start``: locked by the program that searches for a server or starts one.

A forked process shares the lock of its parent on ``KEY.users``, so it counts as a program. The
kernel releases the locks of a killed program. Two servers of one store, for example because somebody
deleted the files, are harmless: several processes of mlctl can use a store at the same time. Files
that were not used for a day are removed when a server starts.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import json
import os
import secrets
import socket
import stat
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Iterator, Sequence
from urllib.parse import urlsplit

from mlctl._failure import MlctlError
from mlctl._process import Process, launch
from mlctl._stores import Store

# Opening a database may wait a minute for the lock of another program.
_START_SECONDS = 120
# A server that ends releases its locks one after the other.
_ENDING_SECONDS = 5
# Unused files are removed after this time.
_KEPT_SECONDS = 24 * 60 * 60


@dataclass(frozen=True)
class Address:
    """The address of a server, and its token."""

    url: str
    token: str

    @property
    def with_token(self) -> str:
        """The address with the token as password, for clients that accept only a URL."""
        return self.url.replace("://", f"://mlctl:{self.token}@", 1)


class SharedServer:
    """The server of a store, which is found or started on demand."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._address: Address | None = None
        self._users: int | None = None
        self._server: int | None = None
        self._process: Process | None = None
        self._lock = threading.Lock()
        # Another thread may hold the lock at the moment of the fork.
        os.register_at_fork(after_in_child=self._renew_lock)

    def address(self) -> Address:
        """Return the address of the server; a server that has ended is started again.

        Raises MlctlError with the server's own message when it cannot start.
        """
        with self._lock:
            if self._address is None or not self._is_alive():
                self._address = self._join()
            return self._address

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def _is_alive(self) -> bool:
        """Check by its lock, which takes a microsecond, whether the server runs."""
        assert self._server is not None
        if not _try_lock(self._server):
            return True
        fcntl.flock(self._server, fcntl.LOCK_UN)
        return False

    def _join(self) -> Address:
        files = _files(self._store)
        if self._users is None:
            # Waits until a server that is about to end has ended.
            self._users = _open_locked(files.users, fcntl.LOCK_SH)
        if self._process is not None:
            # Reaps the process of a server that this program has started.
            self._process.poll()
        if self._server is not None:
            os.close(self._server)
            self._server = None
        with _exclusive(files.start):
            address = _find(files.server) or self._start(files)
            self._server = _open(files.server)
        return address

    def _start(self, files: _Files) -> Address:
        server = _open(files.server)
        try:
            if not _try_lock(server):
                # Nobody knows its address: the program that started it was killed before it wrote the file.
                os.unlink(files.server)
                os.close(server)
                server = _open(files.server)
                fcntl.flock(server, fcntl.LOCK_EX)
            before = _read(server)
            os.ftruncate(server, 0)
            address = self._launch(files, server, before)
            os.pwrite(server, json.dumps(vars(address)).encode(), 0)
            _sweep(Path(files.server).parent)
            return address
        finally:
            # The server keeps the lock through the descriptor that it has inherited.
            os.close(server)

    def _launch(self, files: _Files, server: int, before: Address | None) -> Address:
        if before is not None:
            # With the old address and token, clients that have stored them keep working.
            port = urlsplit(before.url).port or 0
            try:
                return self._launch_at(files, server, port, before.token)
            except MlctlError:
                if _is_free(port):
                    raise
        return self._launch_at(files, server, 0, secrets.token_urlsafe(24))

    def _launch_at(self, files: _Files, server: int, port: int, token: str) -> Address:
        with open(files.log, "w+b", opener=_opener) as log:
            self._process, url = launch(
                self._store.uri,
                lock=files.users,
                log=log,
                token=token,
                port=port,
                options=_options(self._store),
                folder=str(self._store.folder),
                inherited=[server],
                timeout=_START_SECONDS,
            )
        return Address(url, token)


def _options(store: Store) -> Sequence[str]:
    if not store.is_database:
        return []
    # The location without a server, which programs find from any current folder.
    return ["--default-artifact-root", str(store.path.parent / "mlruns")]


@dataclass(frozen=True)
class _Files:
    users: str
    server: str
    start: str
    log: str


def _files(store: Store) -> _Files:
    # The server of another version may have another API.
    text = f"{metadata.version('mlctl')}\n{store.is_database}\n{store.path}"
    key = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32]
    start = str(_private_folder() / key)
    return _Files(f"{start}.users", f"{start}.server", f"{start}.start", f"{start}.log")


def _private_folder() -> Path:
    """Return the folder for the files of this user, which nobody else can open."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.access(runtime, os.W_OK | os.X_OK) and os.stat(runtime).st_uid == os.getuid():
        folder = Path(runtime) / "mlctl"
    else:
        folder = Path(tempfile.gettempdir()) / f"mlctl-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    is_private = found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077
    if not stat.S_ISDIR(found.st_mode) or not is_private:
        raise MlctlError(
            f"`{folder}` must be a folder of yours that nobody else can open, since the addresses "
            "of servers are kept there: remove it, or set TMPDIR to another folder"
        )
    return folder


def _find(path: str) -> Address | None:
    """Return the address of the server if it runs and answers."""
    deadline = time.monotonic() + _ENDING_SECONDS
    server = _open(path)
    try:
        while not _try_lock(server):
            address = _read(server)
            if address is None:
                return None
            if _answers(address):
                return address
            if time.monotonic() > deadline:
                return None
            time.sleep(0.01)
        return None
    finally:
        # This also releases a lock.
        os.close(server)


def _answers(address: Address) -> bool:
    place = urlsplit(address.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    try:
        connection.request("GET", "/health", headers={"Authorization": f"Bearer {address.token}"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _read(server: int) -> Address | None:
    try:
        return Address(**json.loads(os.pread(server, 65536, 0)))
    except (ValueError, TypeError):
        return None


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_locked(path: str, how: int) -> int:
    """Wait for a lock on the file at ``path``; try again if the file was removed meanwhile."""
    while True:
        file = _open(path)
        fcntl.flock(file, how)
        try:
            if os.path.samestat(os.fstat(file), os.stat(path)):
                return file
        except FileNotFoundError:
            pass
        os.close(file)


@contextmanager
def _exclusive(path: str) -> Iterator[None]:
    file = _open_locked(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(file)


def _sweep(folder: Path) -> None:
    """Remove the files of stores that were not used for a day."""
    for record in folder.glob("*.server"):
        try:
            if time.time() - record.stat().st_mtime > _KEPT_SECONDS:
                _remove_unused(record)
        except FileNotFoundError:
            # Another program has removed it.
            continue


def _remove_unused(record: Path) -> None:
    # A program that starts to use the store takes the first of these locks, and then checks that the
    # file still exists.
    names = [record.with_suffix(kind) for kind in (".users", ".start", ".server")]
    locks = [_open(str(name)) for name in names]
    try:
        if all(_try_lock(lock) for lock in locks):
            for name in [*names, record.with_suffix(".log")]:
                name.unlink(missing_ok=True)
    finally:
        for lock in locks:
            os.close(lock)
