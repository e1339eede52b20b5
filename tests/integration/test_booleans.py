"""Booleans in attribute paths: sent as JSON booleans, and recognized however a service writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, ServerFaults
from support.servers.plain_scim import PlainScim
from support.workspace import OpenWorkspace

MAPPINGS = """\
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: active, expression: 'Not([IsSoftDeleted])', default: "True"}
"""
PEOPLE = [
    {"objectId": f"o-{number}", "userPrincipalName": f"u{number}@example.com", "appRole": f"role-{number}"}
    for number in range(3)
]
SERVICES: dict[str, Callable[[], FakeScimServer | PlainScim]] = {
    "RFC 7643": FakeScimServer,
    "booleans as text": lambda: FakeScimServer(ServerFaults(active_as_string=True)),
    "scim2-server": PlainScim,
}


def list_users(service: Any) -> list[dict[str, Any]]:
    """The live users by name, read without our client."""
    found = service.users.values() if isinstance(service, FakeScimServer) else service.users()
    return sorted(found, key=lambda user: str(user["userName"]))


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("target", "attribute", "element"),
    [
        ('roles[primary eq "True"].value', "roles", {"primary": True}),
        ("roles[primary eq true].value", "roles", {"primary": True}),
        ('roles[primary eq "False"].value', "roles", {"primary": False}),
        ('emails[type eq "work" and primary eq true].value', "emails", {"type": "work", "primary": True}),
        ('emails[primary eq "true" and type eq "work"].value', "emails", {"type": "work", "primary": True}),
    ],
)
def test_an_element_is_created_changed_and_cleared(
    open_workspace: OpenWorkspace, service: str, target: str, attribute: str, element: dict[str, Any]
) -> None:
    running = SERVICES[service]()
    workspace = open_workspace(running)
    workspace.write("mappings.yaml", f"{MAPPINGS}- {{target: '{target}', source: appRole, when_null: clear}}\n")
    workspace.users(PEOPLE)
    created = workspace.apply()
    assert created.code == 0, created.out + created.err
    assert [user[attribute] for user in list_users(running)] == [
        [{**element, "value": person["appRole"]}] for person in PEOPLE
    ]
    assert workspace.plan().plan["resource_changes"] == []

    workspace.users([{**PEOPLE[0], "appRole": "other"}, PEOPLE[1], {**PEOPLE[2], "appRole": ""}])
    changed = workspace.apply()
    assert changed.code == 0, changed.out + changed.err
    assert [user.get(attribute, []) for user in list_users(running)] == [
        [{**element, "value": "other"}],
        [{**element, "value": "role-1"}],
        [],
    ]
    assert workspace.plan().plan["resource_changes"] == []
