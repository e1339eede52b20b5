"""The sandbox imports nothing of the client, and the SCIM models only when they are needed."""

import subprocess
import sys

import pytest

PROBE = """
import sys
import {module}
names = sorted(sys.modules)
print(*[name for name in names if name.split(".")[0] in ("scim2_models", "scim2_server", "pydantic")])
print(*[name for name in names if name.startswith("reconciler.") and name.split(".")[1] != "sandbox"])
"""


@pytest.mark.parametrize("module", ["reconciler.sandbox", "reconciler.sandbox.seed", "reconciler.sandbox.server"])
def test_what_an_import_costs(module: str) -> None:
    code = PROBE.format(module=module)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "\n\n"


def test_the_core_shares_nothing_with_the_client() -> None:
    code = PROBE.format(module="reconciler.sandbox.protocol")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[1] == ""
