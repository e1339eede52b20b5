"""What the one file begins with, before shiv's code: a sentence where it cannot run or cannot unpack itself.

.ci/zipapp writes into MADE_FOR what the file is made for. Python 3.7 can read this and say that it is too old.
"""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

MADE_FOR = ""
SET_ROOT = "Set SHIV_ROOT to a folder that only you can write to."


def main() -> None:
    """Unpack the program on its first run, and run it."""
    minor = ".".join(platform.python_version_tuple()[:2])
    here = f"{sys.implementation.name} {minor} {sys.platform} {platform.machine()}"
    if here != MADE_FOR:
        sys.exit(f"Error: this file was made for {MADE_FOR}, and this is {here}.")
    if not os.environ.get("SHIV_ROOT") and os.path.expanduser("~") == "~":
        sys.exit(f"Error: this file unpacks itself into your home, and you have none. {SET_ROOT}")
    import _bootstrap

    unpack = _bootstrap.extract_site_packages

    def unpack_or_explain(archive: Any, folder: Any, *options: Any) -> None:
        try:
            unpack(archive, folder, *options)
        except OSError as exc:
            sys.exit(f"Error: this file cannot unpack itself into {folder.parent}: {exc.strerror}. {SET_ROOT}")

    _bootstrap.extract_site_packages = unpack_or_explain
    _bootstrap.bootstrap()


main()
