"""`version`: the version, and with `--verbose` what a bug report needs."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.util import find_spec

from reconciler import __version__

MODULES: Mapping[str, str] = {
    "sandbox": "scim2_server",
    "oauth": "cryptography",
    "otel": "opentelemetry",
    "cluster": "procrastinate",
}
"""A module by which each extra is recognized."""


def render_version(*, verbose: bool) -> str:
    """Return lines of text. With `verbose`: also Python, the system, and the extras that are installed."""
    lines = [f"reconciler {__version__}"]
    if verbose:
        extras = [extra for extra, module in MODULES.items() if find_spec(module) is not None]
        lines += [
            f"Python {platform.python_version()} ({platform.python_implementation()})",
            platform.platform(),
            f"Extras: {', '.join(extras) or 'none'}",
        ]
    return "".join(f"{line}\n" for line in lines)
