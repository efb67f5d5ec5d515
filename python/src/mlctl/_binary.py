"""Finds the program mlctl, which the wheel contains."""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path
from typing import Iterator

from mlctl._failure import MlctlError

_PROGRAM = "mlctl"


def find_binary() -> str:
    """Return the path of the program mlctl.

    The program that was installed with this package comes before one on ``PATH``.
    """
    for folder in _script_folders():
        program = folder / _PROGRAM
        if program.is_file() and os.access(program, os.X_OK):
            return str(program)
    found = shutil.which(_PROGRAM)
    if found is None:
        raise MlctlError(
            "the program mlctl is neither beside this Python nor on PATH: "
            "install the package again (pip install --force-reinstall mlctl-*.whl)"
        )
    return found


def _script_folders() -> Iterator[Path]:
    package = Path(__file__).resolve().parent
    # `pip install --target DIR` puts programs into DIR/bin, `--prefix DIR` beside DIR/lib.
    yield package.parent / "bin"
    if len(package.parents) > 3:
        yield package.parents[3] / "bin"
    yield Path(sysconfig.get_path("scripts"))
    if "posix_user" in sysconfig.get_scheme_names():
        yield Path(sysconfig.get_path("scripts", scheme="posix_user"))
