"""Every request body, validated by an independent library: scim2-models."""

from __future__ import annotations

from typing import Any

import pytest
from scim2_models import Context, EnterpriseUser, PatchOp, User
from support.servers.fake_scim import FakeScimServer, make_user
from support.workspace import OpenWorkspace, Workspace, source

Judge = User[EnterpriseUser]


@pytest.mark.parametrize("profile", ["scim", "apple-business-manager"])
def test_every_body_is_a_valid_scim_message(profile: str, open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=live())
    workspace = open_workspace(service)
    workspace.settings(target={"profile": profile, "base_url": workspace.base_url, "domains": ["example.com"]})
    workspace.users(wanted())
    with_mail(workspace, profile)
    assert workspace.apply().code == 0
    assert {entry.method for entry in service.writes} == {"POST", "PATCH"}
    for entry in service.writes:
        validate_body(entry.method, entry.body)


def live() -> list[dict[str, Any]]:
    live_users = [make_user(number) for number in range(8)]
    live_users[1]["active"] = False
    del live_users[2]["externalId"]
    return live_users


def wanted() -> list[dict[str, Any]]:
    entries = [
        source({"externalId": "adopted", **user}, mail=f"{number}@example.com") for number, user in enumerate(live())
    ]
    entries[0]["department"] = "Moved"
    entries[3]["userPrincipalName"], entries[4]["userPrincipalName"] = (
        entries[4]["userPrincipalName"],
        entries[3]["userPrincipalName"],
    )
    del entries[5]
    del entries[5]["division"]
    return [*entries, source(make_user(20), mail="new@example.com")]


def with_mail(workspace: Workspace, profile: str) -> None:
    rows = [
        "- {target: externalId, source: objectId, match: 1}",
        "- {target: userName, source: userPrincipalName, match: 2}",
        "- {target: name.givenName, source: givenName}",
        "- {target: name.familyName, source: surname}",
        '- {target: "enterprise:department", source: department}',
        '- {target: "enterprise:division", source: division, when_null: clear}',
    ]
    if profile == "scim":
        rows.append("- {target: 'emails[type eq \"work\"].value', source: mail}")
    workspace.write("mappings.yaml", "\n".join(rows))


def validate_body(method: str, body: Any) -> None:
    """Raises `ValidationError` if scim2-models rejects the body."""
    if method == "POST":
        user = Judge.model_validate(body, scim_ctx=Context.RESOURCE_CREATION_REQUEST)
        assert user.user_name == body["userName"]
        assert EnterpriseUser.model_fields  # the extension is known, so its attributes are validated
        assert not user.model_extra
    else:
        patch = PatchOp[Judge].model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST)
        assert len(patch.operations or []) == len(body["Operations"])


def test_scim2_models_rejects_an_invalid_body() -> None:
    with pytest.raises(ValueError, match="validation error"):
        validate_body(
            "PATCH", {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "set"}]}
        )
    with pytest.raises(ValueError, match="validation error"):
        validate_body(
            "POST", {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "active": "perhaps", "userName": "x"}
        )
