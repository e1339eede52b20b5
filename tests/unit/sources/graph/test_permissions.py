from __future__ import annotations

from typing import Any

import pytest

from reconciler.errors import SourceError
from reconciler.sources.graph.permissions import PEOPLE, Permission, check_permissions, find_missing, list_granted

ALL = tuple(Permission)


@pytest.mark.parametrize(
    ("claims", "missing"),
    [
        ({"roles": [*ALL]}, ()),
        ({"roles": ["Directory.Read.All"]}, (Permission.SYNCHRONIZATION, Permission.AUDIT_LOG, *ALL[7:])),
        ({"scp": "User.ReadWrite.All Group.Read.All Application.Read.All"}, ALL[4:]),
        ({"scp": "Directory.AccessAsUser.All openid"}, (Permission.AUDIT_LOG, *ALL[7:])),
        ({"roles": ["user.read.all", "User.Read.AllX", 7, None]}, ALL),
        ({"roles": "User.Read.All", "scp": ["User.Read.All"]}, ALL),
        ({}, ALL),
    ],
)
def test_permissions_are_those_named_and_those_that_they_include(
    claims: dict[str, Any], missing: tuple[Permission, ...]
) -> None:
    assert find_missing(claims, ALL) == missing


def test_granted_permissions_are_listed() -> None:
    assert list_granted({"roles": ["A", 1], "scp": "B C"}) == {"A", "B", "C"}


def test_one_error_names_every_missing_permission_and_how_to_grant_them() -> None:
    with pytest.raises(SourceError) as raised:
        check_permissions({"roles": ["GroupMember.Read.All"]}, PEOPLE, "AZURE_CLIENT_SECRET")
    assert raised.value.summary == (
        "the token from AZURE_CLIENT_SECRET lacks permissions of Microsoft Graph: User.Read.All, Application.Read.All"
    )
    assert "as application permissions" in raised.value.detail
    assert "Grant admin consent" in raised.value.detail
    with pytest.raises(SourceError) as raised:
        check_permissions({"scp": "User.Read"}, PEOPLE, "az")
    assert "as delegated permissions" in raised.value.detail


def test_a_token_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(SourceError, match=r"RECONCILER_GRAPH_TOKEN cannot be read: it is no JWT$"):
        check_permissions(None, PEOPLE, "RECONCILER_GRAPH_TOKEN")
