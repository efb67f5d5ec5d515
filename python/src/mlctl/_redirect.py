"""Points MLflow to a server, and back."""

from __future__ import annotations

import os
import sys
from typing import Any

_TRACKING = "mlflow.tracking._tracking_service.utils"
_REGISTRY = "mlflow.tracking._model_registry.utils"


class Redirect:
    """MLflow's settings until ``undo``: its variables, and what a loaded mlflow has in memory.

    mlflow is not imported for this, which takes seconds: when it is imported later, it reads the
    variables.
    """

    def __init__(self, url: str, token: str) -> None:
        changed: dict[str, str | None] = {"MLFLOW_TRACKING_URI": url, "MLFLOW_REGISTRY_URI": None}
        if token:
            # MLflow sends a user and a password, where both are set, in place of the token.
            changed.update(MLFLOW_TRACKING_TOKEN=token, MLFLOW_TRACKING_PASSWORD=token)
        changed.update(without_proxy())
        self._before = {name: os.environ.get(name) for name in changed}
        # A program may have called set_tracking_uri, which comes before the variables.
        self._tracking = _in_memory(_TRACKING, "_tracking_uri")
        self._registry = _in_memory(_REGISTRY, "_registry_uri")
        if self._tracking is not None:
            sys.modules["mlflow"].set_tracking_uri(url)
        if self._registry is not None:
            sys.modules["mlflow"].set_registry_uri(url)
        for name, value in changed.items():
            _put(name, value)

    def undo(self) -> None:
        """Point MLflow to where it pointed before."""
        if self._tracking is not None:
            sys.modules["mlflow"].set_tracking_uri(self._tracking)
        if self._registry is not None:
            sys.modules["mlflow"].set_registry_uri(self._registry)
        for name, value in self._before.items():
            _put(name, value)


def without_proxy() -> dict[str, str]:
    """Return the variables that keep requests to this machine away from a proxy."""
    names = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
    if not any(os.environ.get(name) for name in names):
        return {}
    kept = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = [host.strip() for host in kept.split(",") if host.strip()]
    if "*" in hosts or "127.0.0.1" in hosts:
        return {}
    value = ",".join([*hosts, "127.0.0.1"])
    return {"no_proxy": value, "NO_PROXY": value}


def _put(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _in_memory(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, None)
