"""The one error of this package."""

from __future__ import annotations


class MlctlError(RuntimeError):
    """mlctl could not do what it was asked for; the text is mlctl's own message."""
