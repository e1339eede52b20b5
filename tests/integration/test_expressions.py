"""Mappings in Entra's language, from YAML to the service."""

from __future__ import annotations

from support.servers.fake_scim import FakeScimServer, make_user
from support.workspace import ENTERPRISE, OpenWorkspace, source

MAPPINGS = r"""
- {target: externalId, source: objectId, match: 1}
- {target: userName, expression: 'ToLower([userPrincipalName])', match: 2}
- {target: active, expression: 'Switch([IsSoftDeleted], , "False", "True", "True", "False")'}
- {target: name.givenName, expression: 'Coalesce([nickname], [givenName])'}
- {target: name.familyName, expression: 'IIF([surname] = "No", "Noh", [surname])'}
- {target: locale, expression: 'Replace([preferredLanguage], "-", , , "_", , )', default: en_US}
- {target: "enterprise:department", expression: 'IgnoreFlowIfNullOrEmpty([department])'}
- {target: "enterprise:costCenter", expression: 'Mid([costCenter], 1, 2)'}
"""


def test_an_entra_mapping_works_unchanged(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[make_user(2)])
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", MAPPINGS)
    ada = source(make_user(1), userPrincipalName="Ada@Example.com", surname="No", preferredLanguage="de-DE")
    kept = source(make_user(2), department=None, nickname="Zed")
    workspace.users([ada, kept])
    assert workspace.apply().code == 0
    made = service.find("ada@example.com")
    assert (made["userName"], made["locale"], made["name"]["familyName"]) == ("ada@example.com", "de_DE", "Noh")
    assert made[ENTERPRISE]["costCenter"] == "CC"
    other = service.find(str(kept["userPrincipalName"]))
    assert other["name"]["givenName"] == "Zed"
    assert other[ENTERPRISE]["department"] == make_user(2)[ENTERPRISE]["department"], (
        "an ignored flow keeps the current value"
    )
    assert workspace.plan().code == 0


def test_a_user_rejected_by_an_expression_is_not_changed(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(users=[make_user(1), make_user(2)])
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", MAPPINGS + "- {target: title, expression: 'Error(\"no title\")'}\n")
    workspace.users([source(make_user(1)), source(make_user(2))])
    result = workspace.apply()
    assert result.code == 5
    assert 'title cannot be mapped: "no title"' in result.out
    assert service.writes == []


def test_an_invalid_expression_is_reported_with_its_position(open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(FakeScimServer())
    workspace.write("mappings.yaml", MAPPINGS + "- {target: title, expression: 'Replac([jobTitle])'}\n")
    workspace.users([])
    result = workspace.run("validate")
    assert result.code == 1
    assert "there is no function Replac. Did you mean Replace?" in result.err
    assert "mappings.yaml:10:" in result.err
