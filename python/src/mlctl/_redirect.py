"""Sets the tracking URI of MLflow, and restores it."""

from __future__ import annotations

import os
import sys
from typing import Any

_TRACKING = "mlflow.tracking._tracking_service.utils"
_REGISTRY = "mlflow.tracking._model_registry.utils"


class Redirect:
    """Sets the variables of MLflow, and the URIs in an mlflow that is imported, until ``undo``.

    It does not import mlflow, which takes seconds: an mlflow that is imported later reads the
    variables.
    """

    def __init__(self, url: str, token: str) -> None:
        changed: dict[str, str | None] = {"MLFLOW_TRACKING_URI": url, "MLFLOW_REGISTRY_URI": None}
        if token:
            # MLflow sends user and password instead of the token if both are set.
            changed.update(MLFLOW_TRACKING_TOKEN=token, MLFLOW_TRACKING_PASSWORD=token)
        changed.update(without_proxy())
        self._before = {name: os.environ.get(name) for name in changed}
        # What a program has passed to set_tracking_uri overrides the variables.
        self._tracking = _in_memory(_TRACKING, "_tracking_uri")
        self._registry = _in_memory(_REGISTRY, "_registry_uri")
        if self._tracking is not None:
            sys.modules["mlflow"].set_tracking_uri(url)
        if self._registry is not None:
            sys.modules["mlflow"].set_registry_uri(url)
        for name, value in changed.items():
            _put(name, value)

    def undo(self) -> None:
        """Restore the settings."""
        if self._tracking is not None:
            sys.modules["mlflow"].set_tracking_uri(self._tracking)
        if self._registry is not None:
            sys.modules["mlflow"].set_registry_uri(self._registry)
        for name, value in self._before.items():
            _put(name, value)


def without_proxy() -> dict[str, str]:
    """Return the variables with which requests to this machine do not use a proxy."""
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
