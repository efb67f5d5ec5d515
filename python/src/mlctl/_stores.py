"""Parses ``mlctl:…`` URIs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlctl._failure import MlctlError

SCHEME = "mlctl:"
_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Store:
    """A store of this machine."""

    #: For the program mlctl, with an absolute path.
    uri: str
    #: The folder or the file, with symbolic links resolved.
    path: Path
    is_database: bool

    @property
    def folder(self) -> Path:
        """The nearest folder around the store that exists."""
        return next(folder for folder in self.path.parents if folder.is_dir())


def parse(uri: str) -> Store:
    """Parse ``mlctl:./mlruns`` or ``mlctl:sqlite:///mlflow.db``; paths are relative to the current
    folder."""
    rest = uri[len(SCHEME) :] if uri.startswith(SCHEME) else uri
    if not rest:
        raise MlctlError(f"`{uri}` names no store: write mlctl:./mlruns")
    if rest.startswith(("http:", "https:")):
        raise MlctlError(f"`{uri}` names a server: use `{rest}` itself as the tracking URI")
    if rest.startswith("sqlite:"):
        return _database(uri, rest)
    if rest.startswith("file:"):
        rest = unquote(urlsplit(rest).path)
    elif rest.startswith("//") and not rest.startswith("///"):
        raise MlctlError(
            f"`{uri}` names a host, and a store is on this machine: write mlctl:./mlruns, or "
            "mlctl:/srv/mlruns"
        )
    path = Path("/" + rest.lstrip("/") if rest.startswith("/") else rest)
    return Store(os.path.abspath(path), path.resolve(), is_database=False)


def _database(uri: str, rest: str) -> Store:
    file, _, query = rest[len(_SQLITE) :].partition("?")
    if not rest.startswith(_SQLITE) or not file or file == ":memory:":
        raise MlctlError(f"`{uri}` names no file: write mlctl:sqlite:///mlflow.db")
    path = Path(file)
    absolute = _SQLITE + os.path.abspath(path)
    return Store(f"{absolute}?{query}" if query else absolute, path.resolve(), is_database=True)
