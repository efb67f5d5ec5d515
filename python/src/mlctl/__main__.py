"""``python -m mlctl`` runs the program mlctl."""

from __future__ import annotations

import os
import sys

from mlctl._binary import find_binary
from mlctl._failure import MlctlError


def main() -> None:
    try:
        program = find_binary()
    except MlctlError as error:
        sys.exit(f"error: {error}")
    # Replacing this process keeps signals and the exit code as they are.
    os.execv(program, ["mlctl", *sys.argv[1:]])


if __name__ == "__main__":
    main()
