"""One server for all programs of a user that use a store of this machine.

Three files, in a folder that only the user can open, belong to a store:

- ``KEY.users``: every program that uses the server holds a shared lock on it. The server waits for
  an exclusive one, gets it when the last of them has ended, in whatever way, and ends too.
- ``KEY.server``: the server's address. The server inherits a locked descriptor of it, so that the
  lock tells whether it lives: no other program can pass for it after its end.
- ``KEY.start``: held by the one program that looks for a server, or starts one.

Forked processes share their parent's lock on ``KEY.users`` and so are users as well. The kernel
releases the locks of a killed program. Two servers of one store, where the files were deleted or
programs see different folders, harm nobody: mlctl works on one store with many processes. Files
that nobody has used for a day are removed when a server starts.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import json
import os
import secrets
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
# How long a server that is about to end may still look alive.
_ENDING_SECONDS = 5
# How long the files of a store stay when nobody uses it.
_KEPT_SECONDS = 24 * 60 * 60


@dataclass(frozen=True)
class Address:
    """Where a server is, and the token that it asks for."""

    url: str
    token: str

    @property
    def with_token(self) -> str:
        """The address with the token as a password, for clients that take nothing else."""
        return self.url.replace("://", f"://mlctl:{self.token}@", 1)


class SharedServer:
    """The server of a store, which is found or started when its address is asked for."""

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
        """Return where the server is; a server that has ended is started again.

        Raises MlctlError with the server's own message when it cannot start.
        """
        with self._lock:
            if self._address is None or not self._is_alive():
                self._address = self._join()
            return self._address

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def _is_alive(self) -> bool:
        """Tell by its lock, which costs a microsecond, whether the server lives."""
        assert self._server is not None
        if not _try_lock(self._server):
            return True
        fcntl.flock(self._server, fcntl.LOCK_UN)
        return False

    def _join(self) -> Address:
        files = _files(self._store)
        if self._users is None:
            # This waits for a server that is about to end.
            self._users = _open_locked(files.users, fcntl.LOCK_SH)
        if self._process is not None:
            # Takes note of its end, if it was this program's.
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
                # Its address is unknown or wrong: whoever started it was killed meanwhile.
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
            # The server keeps the lock by the descriptor that it has inherited.
            os.close(server)

    def _launch(self, files: _Files, server: int, before: Address | None) -> Address:
        if before is not None:
            # With its old address, what clients remember of a server that was killed stays right.
            try:
                return self._launch_at(files, server, urlsplit(before.url).port or 0, before.token)
            except MlctlError as error:
                if "cannot listen on" not in str(error):
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
    # As without a server: where any program finds them again, whatever its current folder is.
    return ["--default-artifact-root", str(store.path.parent / "mlruns")]


@dataclass(frozen=True)
class _Files:
    users: str
    server: str
    start: str
    log: str


def _files(store: Store) -> _Files:
    # Another version's server may speak differently.
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
    """Return the address of the server that lives and answers."""
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
            # It releases its locks one after the other when it ends.
            time.sleep(0.01)
        return None
    finally:
        # A lock that was obtained goes with the descriptor.
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
    """Wait for a lock on the file at ``path``, and not on one that was removed meanwhile."""
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
    """Remove the files of stores that nobody has used for a while."""
    for record in folder.glob("*.server"):
        try:
            if time.time() - record.stat().st_mtime > _KEPT_SECONDS:
                _remove_unused(record)
        except FileNotFoundError:
            # Another program does the same.
            continue


def _remove_unused(record: Path) -> None:
    # Whoever begins to use the store takes the first of these locks, and looks whether the file is
    # still there when it has it.
    names = [record.with_suffix(kind) for kind in (".users", ".start", ".server")]
    locks = [_open(str(name)) for name in names]
    try:
        if all(_try_lock(lock) for lock in locks):
            for name in [*names, record.with_suffix(".log")]:
                name.unlink(missing_ok=True)
    finally:
        for lock in locks:
            os.close(lock)
