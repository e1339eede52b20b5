"""Errors to seed in a fleet: each is a file by name, in a layer, in a tenant, or in both."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from support.fleets import ADA, SETTINGS, write_files

_TENANTS = {"acme": "schools", "beta": None, "gamma": "schools", "delta": "firms"}
_BASE = {
    "fleet.yaml": "tenants: tenants/*\n",
    "defaults/settings.yaml": SETTINGS,
    "defaults/scope.yaml": "sync: all\n",
    "groups/schools/settings.yaml": "guards: {removals: {count: 5}}\nfinal: [ownership]\n",
    "groups/firms/mappings.yaml": """
        - {target: externalId, source: objectId, match: 1}
        - {target: userName, source: userPrincipalName}
        """,
    **{
        f"tenants/{name}/tenant.yaml": f"{f'group: {group}' if group else '# none'}\ndomains: [{name}.example]\n"
        for name, group in _TENANTS.items()
    },
    **{f"tenants/{name}/users/all.yaml": ADA for name in _TENANTS},
}
SEEDS: tuple[dict[str, str], ...] = (
    {"defaults/settings.yaml": SETTINGS + "\n    gards: {}\n"},
    {"defaults/settings.yaml": "target: {profile: scim}\n"},
    {"defaults/settings.yaml": "target: [\n"},
    {"defaults/settings.yaml": ""},
    {"defaults/settings.yaml": SETTINGS + "\n    final: [nothing, scope.sync, mappings]\n"},
    {"defaults/settings.yaml": SETTINGS + "\n    ownership: null\n"},
    {"defaults/settings.yaml": "target: {profile: scim, base_url: 'http://scim.example.com/v2', tenant: acme}\n"},
    {"defaults/scope.yaml": "sync: some\n"},
    {"defaults/scope.yaml": "- a\n"},
    {"defaults/scope.yaml": "sync: assigned\nassigned: {users: [x@y.example], groups: [none]}\n"},
    {"defaults/mappings.yaml": "- {target: nickname, source: mail}\n- {target: nickname, source: mail}\n"},
    {"defaults/mappings.yaml": "".join(f"- {{target: wrong{number}, source: mail}}\n" for number in range(60))},
    {"defaults/mappings.yaml": "- {target: [}\n"},
    {
        "defaults/mappings.yaml": "- {target: userName, source: mail, match: 1, misspelt: x@y.example}\n",
        "defaults/scope.yaml": "sync: assigned\nassigned: {users: [x@y.example]}\n",
    },
    {"defaults/mappings.yaml": "- {target: userName, source: userPrincipalNam, match: 1}\n"},
    {"groups/schools/settings.yaml": "ownership: externalId pr\nguards: {removals: {count: off}}\n"},
    {"groups/schools/settings.yaml": "- x\n"},
    {"groups/schools/scope.yaml": "filters: [{clauses: [{attribute: department, operator: EQUALZ, value: x}]}]\n"},
    {"groups/schools/mappings.yaml": "[]\n"},
    {"groups/firms/scope.yaml": ""},
    {"tenants/acme/settings.yaml": "guards: {removals: {count: 50}}\nownership: userName pr\n"},
    {"tenants/acme/settings.yaml": "target: {tenant: beta}\n"},
    {"tenants/acme/settings.yaml": ""},
    {"tenants/acme/mappings.yaml": "- {target: userName, source: x, source: y}\n"},
    {"tenants/acme/scope.yaml": "sync: all\nmisc: 1\n"},
    {"tenants/beta/users/more.yaml": ADA},
    {"tenants/beta/users/more.yaml": "- {givenName: x}\n- {userPrincipalName: [}\n"},
    {"tenants/beta/user/more.yaml": ADA},
    {"tenants/gamma/groups/all.yaml": "- {name: a, members: {users: [none@x.example], groups: [b]}}\n"},
    {"tenants/gamma/scope.yml": "sync: all\n"},
    {"tenants/delta/users/all.yaml": ""},
    {"tenants/delta/mappings.yaml": "- {target: userName, source: null, match: 1}\n"},
)


def write_broken_fleet(root: Path, seeds: Iterable[int]) -> Path:
    """Write a fleet of four tenants with these errors, and return `root`. A later seed replaces a file of another."""
    files = dict(_BASE)
    for number in seeds:
        files.update(SEEDS[number])
    return write_files(root, files)
