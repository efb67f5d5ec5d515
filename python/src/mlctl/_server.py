"""Runs a server for a notebook or a test."""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import subprocess
import tempfile
from types import TracebackType
from typing import IO, Sequence

from mlctl._failure import MlctlError
from mlctl._process import Process, launch
from mlctl._redirect import Redirect

# The server itself gives unfinished requests ten seconds.
_FAREWELL_SECONDS = 15


class Server:
    """A server of mlctl in a separate process, which ends with this program at the latest.

    It ends even when this program is killed, unless a process that was forked from this program
    still runs. Not thread-safe.
    """

    def __init__(
        self,
        store: str | os.PathLike[str] = "./mlruns",
        *,
        port: int = 0,
        token: str | None = None,
        set_uri: bool = True,
        options: Sequence[str] = (),
        timeout: float = 120,
    ) -> None:
        self.store: str = os.fspath(store)
        #: Clients must send it, as a bearer token or as the password of any user. If it is empty,
        #: everybody on this machine may use the server.
        self.token: str = secrets.token_urlsafe(24) if token is None else token
        self._port = port
        self._sets_uri = set_uri
        self._options = tuple(options)
        self._timeout = timeout
        self._running: _Running | None = None

    @property
    def url(self) -> str:
        """The address of the running server."""
        if self._running is None:
            raise MlctlError(f"the server of `{self.store}` is not running: call start()")
        return self._running.url

    @property
    def is_running(self) -> bool:
        """Whether the server was started and has not ended."""
        return self._running is not None and self._running.process.poll() is None

    def start(self) -> Server:
        """Start the server, wait until it listens, and set the tracking URI of MLflow.

        Does nothing when it already runs. Raises MlctlError with the server's own message when it
        cannot start.
        """
        if self.is_running:
            return self
        self.stop()
        self._running = _Running(self)
        atexit.register(self.stop)
        return self

    def stop(self) -> None:
        """Restore the tracking URI of MLflow, and stop the server after it has answered unfinished
        requests. Does nothing when the server does not run."""
        running, self._running = self._running, None
        if running is not None:
            atexit.unregister(self.stop)
            running.end()

    def log(self) -> str:
        """Return what the running server has written to standard error: warnings, mostly."""
        return "" if self._running is None else self._running.written()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        where = f"at {self._running.url}" if self._running else "(not running)"
        return f"<mlctl.Server of {self.store} {where}>"


def serve(
    store: str | os.PathLike[str] = "./mlruns",
    *,
    port: int = 0,
    token: str | None = None,
    set_uri: bool = True,
    options: Sequence[str] = (),
    timeout: float = 120,
) -> Server:
    """Start a server of ``store`` and set the tracking URI of MLflow.

    ``store`` is a folder such as ``./mlruns`` or a database such as ``sqlite:///mlflow.db``; it is
    created when it does not exist. Use the result in a ``with`` statement, or call its ``stop()``;
    otherwise the server ends with this program.

    - ``port``: the port to listen on; 0 takes a free one.
    - ``token``: clients must send it; by default a new secret. With ``""``, everybody on this
      machine has access.
    - ``set_uri``: whether to set the tracking URI of MLflow in this program, and in programs that it
      starts, until the server is stopped.
    - ``options``: more flags of ``mlctl server``, such as ``["--mlflow-ui", folder]``.
    - ``timeout``: maximum number of seconds until the server has started.

    Raises MlctlError with the server's own message when it cannot start.
    """
    server = Server(
        store, port=port, token=token, set_uri=set_uri, options=options, timeout=timeout
    )
    return server.start()


class _Running:
    """The process of a server, its lock and its log."""

    def __init__(self, server: Server) -> None:
        self.owner = os.getpid()
        # The server stops when this lock is released, which the kernel does when this program ends.
        self.lock, path = tempfile.mkstemp(prefix="mlctl-")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_SH)
            self.errors: IO[bytes] = tempfile.TemporaryFile()
            self.process: Process
            self.url: str
            self.process, self.url = launch(
                server.store,
                lock=path,
                log=self.errors,
                token=server.token,
                port=server._port,
                options=server._options,
                timeout=server._timeout,
            )
        except BaseException:
            os.close(self.lock)
            raise
        finally:
            # The server has opened it already.
            os.unlink(path)
        self.redirect = Redirect(self.url, server.token) if server._sets_uri else None

    def written(self) -> str:
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode(errors="replace")

    def end(self) -> None:
        if os.getpid() != self.owner:
            # A forked process has a copy of this object and must not stop its parent's server.
            return
        if self.redirect is not None:
            self.redirect.undo()
        self.process.terminate()
        try:
            self.process.wait(_FAREWELL_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.lock)
        self.errors.close()
