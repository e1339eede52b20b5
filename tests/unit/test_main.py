"""Where the program cannot run, it says so in a sentence, before it imports anything that is missing there."""

from __future__ import annotations

import subprocess
import sys

import pytest

WINDOWS = """
import signal, sys
sys.modules["fcntl"] = None
del signal.SIGHUP
from reconciler import __main__
import os
os.name = "nt"
__main__.main()
"""
OLD = """
import sys
sys.version_info, sys.version, sys.executable = (3, 10, 14), "3.10.14 (main)", "/usr/bin/python3"
from reconciler import __main__
__main__.main()
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (WINDOWS, "reconciler runs on Linux and macOS. On Windows, install and run it in WSL (wsl --install)."),
        (OLD, "reconciler needs Python 3.11 or newer. This is 3.10.14: /usr/bin/python3"),
    ],
)
def test_an_unsupported_system_is_told_in_one_sentence(code: str, said: str) -> None:
    ran = subprocess.run([sys.executable, "-c", code, "version"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", f"Error: {said}\n")
