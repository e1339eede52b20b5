"""Hatchling's hook: the addresses of the repository that builds the package, and the README with them.

The project's files name no address: a fork, a mirror and a private copy each have their own. GitHub tells it to every
step of a workflow; a build elsewhere has none. A wheel that is built from the sdist has what the sdist says.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_SERVER = re.compile(r"https://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.)[A-Za-z0-9._-]{1,100}")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_RELATIVE_LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?![a-z]+:|#|/)(?P<path>[^)\s]+)\)")


class ProjectAddresses(MetadataHookInterface):
    """Sets `urls` and `readme`, which pyproject.toml lists as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the addresses of GITHUB_SERVER_URL and GITHUB_REPOSITORY; none if either is missing or odd."""
        if Path(self.root, "PKG-INFO").is_file():
            metadata.setdefault("urls", {})
            return
        address = make_address(os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", ""))
        metadata["urls"] = make_addresses(address)
        text = Path(self.root, "README.md").read_text("utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": make_description(text, address, os.environ.get("GITHUB_SHA", "")),
        }


def make_address(server: str, repository: str) -> str:
    """Return the address of the repository; an empty string if there is none."""
    if not _SERVER.fullmatch(server) or not _REPOSITORY.fullmatch(repository):
        return ""
    return f"{server}/{repository}"


def make_addresses(address: str) -> dict[str, str]:
    """Return the addresses by their label on PyPI."""
    if not address:
        return {}
    return {
        "Source": address,
        "Documentation": f"{address}/blob/main/docs/index.md",
        "Changelog": f"{address}/blob/main/CHANGELOG.md",
        "Issues": f"{address}/issues",
    }


def make_description(readme: str, address: str, commit: str) -> str:
    """Return the README for a page that has none of the repository's files.

    Relative links and pictures go to the repository at the commit. Without these, a link is its text, and a picture is
    left out.
    """

    def replace(link: re.Match[str]) -> str:
        picture, text = link["picture"], link["text"]
        if not address or not _COMMIT.fullmatch(commit):
            return "" if picture else text
        return f"{picture}[{text}]({address}/{'raw' if picture else 'blob'}/{commit}/{link['path']})"

    return _RELATIVE_LINK.sub(replace, readme)
