"""Fleets to test with: files by name, written below a directory."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

SETTINGS = """
    target:
      profile: scim
      base_url: https://scim.example.com/v2
    """
ADA = """
    - userPrincipalName: ada@acme.example
      objectId: "1"
      givenName: Ada
      surname: Lovelace
    """
SMALL: Mapping[str, str] = {
    "fleet.yaml": "tenants: tenants/*\n",
    "defaults/settings.yaml": SETTINGS,
    "groups/schools/settings.yaml": "guards: {removals: {count: 5}}\n",
    "tenants/acme/tenant.yaml": "group: schools\ndomains: [acme.example]\n",
    "tenants/acme/users/all.yaml": ADA,
    "tenants/beta/tenant.yaml": "domains: [beta.example]\n",
    "tenants/beta/settings.yaml": "ownership: externalId pr\n",
}


def write_files(root: Path, files: Mapping[str, str]) -> Path:
    """Write files, their content without common indentation, and return `root`."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content).removeprefix("\n"), "utf-8")
    return root


def write_fleet(root: Path, **changes: str | None) -> Path:
    """Write the small fleet; `changes` by name, with __ for /; None leaves a file out."""
    files: dict[str, str] = dict(SMALL)
    for key, content in changes.items():
        name = key.replace("__", "/") + ".yaml"
        files.pop(name, None)
        if content is not None:
            files[name] = content
    return write_files(root, files)


def with_domains(files: Mapping[str, str]) -> dict[str, str]:
    """Return the files, and tenant.yaml with a domain for each tenant of them that has none."""
    names = {name.split("/")[1] for name in files if name.startswith("tenants/")}
    return {**{f"tenants/{name}/tenant.yaml": f"domains: [{name}.example]\n" for name in sorted(names)}, **files}
