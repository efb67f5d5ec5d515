"""Plug-ins with which mlflow accepts ``mlctl:./mlruns`` as tracking and registry URI.

mlflow loads this module during its own import, so the functions here import mlflow, and the module
does not.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Callable

from mlctl._failure import MlctlError
from mlctl._redirect import without_proxy
from mlctl._shared import Address, SharedServer
from mlctl._stores import SCHEME, Store, parse

_servers: dict[Store, SharedServer] = {}
_uris: dict[str, Store] = {}
_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


# Another thread may hold the lock at the moment of a fork.
os.register_at_fork(after_in_child=_renew_lock)


def tracking_store(store_uri: str, artifact_uri: str | None = None, **_: Any) -> Any:
    """Build the tracking store of ``mlctl:…``; entry point of ``mlflow.tracking_store``."""
    from mlflow.store.tracking.rest_store import RestStore

    # mlflow prints links to web pages, which this server does not have.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    return RestStore(_credentials(store_uri))


def registry_store(store_uri: str, tracking_uri: str | None = None, **_: Any) -> Any:
    """Build the registry store of ``mlctl:…``; entry point of ``mlflow.model_registry_store``."""
    from mlflow.store.model_registry.rest_store import RestStore

    return RestStore(_credentials(store_uri))


def artifact_repository(artifact_uri: str, *args: Any, **kwargs: Any) -> Any:
    """Build the repository of ``mlflow-artifacts:`` locations; entry point of
    ``mlflow.artifact_repository``.

    It is that of mlflow, and differs only if the tracking URI is ``mlctl:…``.
    """
    from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

    class Repository(MlflowArtifactsRepository):  # type: ignore[misc]
        @classmethod
        def resolve_uri(cls, artifact_uri: str, tracking_uri: str) -> Any:
            if tracking_uri.startswith(SCHEME):
                # mlflow builds the credentials of each request from this address.
                tracking_uri = _address(tracking_uri).with_token
            return super().resolve_uri(artifact_uri, tracking_uri)

    return Repository(artifact_uri, *args, **kwargs)


def _credentials(uri: str) -> Callable[[], Any]:
    """Return the function that mlflow calls before each request."""
    from mlflow.utils.rest_utils import MlflowHostCreds

    # A relative path is resolved now, and not at the first request.
    server = _server(uri)

    def credentials() -> Any:
        address = _ask(server)
        return MlflowHostCreds(address.url, token=address.token)

    return credentials


def _address(uri: str) -> Address:
    return _ask(_server(uri))


def _ask(server: SharedServer) -> Address:
    from mlflow.exceptions import MlflowException

    os.environ.update(without_proxy())
    try:
        return server.address()
    except MlctlError as error:
        raise MlflowException(str(error)) from None


def _server(uri: str) -> SharedServer:
    """Return the server of a store. A URI names the same store as long as the program runs, since
    mlflow caches stores by URI."""
    from mlflow.exceptions import MlflowException

    with _lock:
        if uri not in _uris:
            try:
                _uris[uri] = parse(uri)
            except MlctlError as error:
                raise MlflowException(str(error)) from None
        store = _uris[uri]
        if store not in _servers:
            _servers[store] = SharedServer(store)
        return _servers[store]
