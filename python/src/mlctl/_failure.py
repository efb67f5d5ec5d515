"""The one error of this package."""

from __future__ import annotations


class MlctlError(RuntimeError):
    """mlctl failed; the text is its own message."""
