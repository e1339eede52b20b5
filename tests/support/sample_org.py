"""A small organisation on a sandbox that behaves like Apple Business Manager, and direct requests past our client."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import httpx

from support.workspace import ENTERPRISE, CommandResult, Workspace

DOMAIN = "@example.com"
APPLE_MAPPINGS = """
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: active, expression: 'Not([IsSoftDeleted])', default: "True"}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
- {target: "enterprise:department", source: department, when_null: clear}
"""
_HEADERS = {"Content-Type": "application/scim+json"}
_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def person(who: str, **changed: Any) -> dict[str, Any]:
    """Return a source user; keywords set attributes, None leaves one out."""
    user = {
        "userPrincipalName": who + DOMAIN,
        "objectId": f"id-{who}",
        "givenName": who.capitalize(),
        "surname": "Lovelace",
        "department": "Engineering",
        **changed,
    }
    return {name: value for name, value in user.items() if value is not None}


def account(who: str, **changed: Any) -> dict[str, Any]:
    """Return the live user that `person(who)` should have; keywords set top-level attributes, None leaves one out."""
    user = {
        "externalId": f"id-{who}",
        "userName": who + DOMAIN,
        "active": True,
        "name": {"givenName": who.capitalize(), "familyName": "Lovelace"},
        ENTERPRISE: {"department": "Engineering"},
        **changed,
    }
    return {name: value for name, value in user.items() if value is not None}


@dataclass(frozen=True)
class SampleOrg:
    """A workspace on a service. A keeper is always desired and live, so that no other user is the last one."""

    workspace: Workspace
    profile: str = "apple-business-manager"

    def settings(self, **sections: Any) -> None:
        """Write settings.yaml."""
        target = {"profile": self.profile, "base_url": self.workspace.base_url, "domains": ["example.com"]}
        self.workspace.settings(target=target, **sections)

    def wants(self, *people: dict[str, Any]) -> None:
        """Write the desired users."""
        self.workspace.users([*people, person("keeper")])

    def actions(self, *arguments: str) -> dict[str, str]:
        """Return the planned action of each user."""
        return {key.removesuffix(DOMAIN): action for key, action in self.plan(*arguments).actions.items()}

    def plan(self, *arguments: str) -> CommandResult:
        """Plan, with JSON output."""
        return self.workspace.plan(*arguments)

    def applied(self, *arguments: str) -> CommandResult:
        """Apply, which must succeed and leave nothing to plan."""
        ended = self.workspace.apply(*arguments)
        assert ended.code == 0, ended.out + ended.err
        assert self.actions(*arguments) == {}
        return ended

    def live(self) -> dict[str, dict[str, Any]]:
        """Return the live users by name, read without the client under test."""
        answer = self._send("GET", "/Users", params={"count": 100})
        found: list[dict[str, Any]] = answer.json().get("Resources", [])
        return {user["userName"].removesuffix(DOMAIN): user for user in found}

    def edit(self, who: str, path: str, value: Any) -> None:
        """Edit a live user in the target."""
        operation = {"op": "Replace", "path": path, "value": value}
        body = {"schemas": [_PATCH], "Operations": [operation]}
        self._send("PATCH", f"/Users/{self.live()[who]['id']}", json=body)

    def delete(self, who: str) -> None:
        """Delete a live user in the target."""
        self._send("DELETE", f"/Users/{self.live()[who]['id']}")

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**_HEADERS, "Authorization": f"Bearer {os.environ['RECONCILER_TOKEN']}"}
        answer = httpx.request(method, self.workspace.base_url + path, headers=headers, timeout=30, **options)
        assert answer.is_success, answer.text
        return answer
