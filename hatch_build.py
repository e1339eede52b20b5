"""Hatchling's hook: the addresses of the repository that builds the package.

The project's files name no address: a fork, a mirror and a private copy each have their own. GitHub tells it to every
step of a workflow; a build elsewhere has none. A wheel that is built from the sdist keeps what the sdist says.
"""

from __future__ import annotations

import os
import re
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_SERVER = re.compile(r"https://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.)[A-Za-z0-9._-]{1,100}")


class ProjectAddresses(MetadataHookInterface):
    """Sets `urls`, which pyproject.toml lists as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the addresses of GITHUB_SERVER_URL and GITHUB_REPOSITORY; none if either is missing or odd."""
        metadata["urls"] = make_addresses(
            os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", "")
        )


def make_addresses(server: str, repository: str) -> dict[str, str]:
    """Return the addresses by their label on PyPI."""
    if not _SERVER.fullmatch(server) or not _REPOSITORY.fullmatch(repository):
        return {}
    address = f"{server}/{repository}"
    return {
        "Source": address,
        "Documentation": f"{address}/blob/main/docs/index.md",
        "Changelog": f"{address}/blob/main/CHANGELOG.md",
        "Issues": f"{address}/issues",
    }
