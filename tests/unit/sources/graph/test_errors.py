from __future__ import annotations

import httpx
import pytest

from reconciler.sources.graph.errors import Reading, explain_answer, explain_refusal, find_permission, read_graph_error

READING = Reading("/users", 3)


def answer(status: int, code: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": "m"}}, headers=headers)


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (403, "Authorization_RequestDenied", "Grant User.Read.All"),
        (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "needs Microsoft Entra ID P1"),
        (401, "InvalidAuthenticationToken", "Check the credential"),
        (404, "Request_ResourceNotFound", "does not exist in this tenant"),
        (400, "Request_UnsupportedQuery", "does not support the query"),
        (400, "Directory_ExpiredPageToken", "Run the same command again."),
        (400, "syncStateNotFound", "The delta link has expired"),
        (410, "syncStateNotFound", "The delta link has expired"),
        (503, "Directory_ReplicaUnavailable", "not available now"),
        (500, "", "Check the state of Microsoft Graph."),
        (302, "", "Redirects are not followed"),
        (429, "TooManyRequests", "run the same command again later"),
    ],
)
def test_each_code_has_a_way_out(status: int, code: str, advice: str) -> None:
    error = explain_refusal(answer(status, code), READING)
    assert error.summary == f'Microsoft Graph refused page 3 of /users ({f"{status} {code}".strip()}): "m"'
    assert advice in error.detail
    assert (error.status, error.code) == (status, code)


def test_the_request_id_is_in_every_error() -> None:
    for error in (
        explain_refusal(answer(400, "x", **{"request-id": "a\x1b[1m"}), READING),
        explain_answer(httpx.Response(200, headers={"request-id": "a\x1b[1m"}), READING, "is odd"),
    ):
        assert error.detail.endswith('request-id "a\\u{1b}[1m".')


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"error": {"code": "A", "message": "b"}}', ("A", "b")),
        (b'{"error": {"code": 1, "message": null}}', ("", "")),
        (b'{"error": "x"}', ("", "")),
        (b"[]", ("", "")),
        (b"<html>", ("", "")),
    ],
)
def test_errors_are_read_leniently(content: bytes, found: tuple[str, str]) -> None:
    assert read_graph_error(httpx.Response(400, content=content)) == found


def test_the_provisioning_log_needs_two_permissions() -> None:
    error = explain_refusal(answer(403, "Authorization_RequestDenied"), Reading("/auditLogs/provisioning", 1))
    assert error.detail.startswith("Grant AuditLog.Read.All, Directory.Read.All as application permissions")


def test_a_web_page_is_not_graph() -> None:
    error = explain_refusal(httpx.Response(403, content=b"<html>Blocked"), READING)
    assert error.summary == "Microsoft Graph refused page 3 of /users (403)"
    assert "a proxy or a firewall" in error.detail


def test_a_code_that_is_no_word_is_not_shown() -> None:
    error = explain_refusal(answer(400, "::set-env x"), READING)
    assert error.summary.startswith("Microsoft Graph refused page 3 of /users (400): ")


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/users/1", "User.Read.All"),
        ("/groups/1/members", "GroupMember.Read.All"),
        ("/servicePrincipals/1/appRoleAssignedTo", "Application.Read.All"),
        ("/servicePrincipals/1/synchronization/jobs", "Synchronization.Read.All"),
        ("/directory/deletedItems/microsoft.graph.user", "User.Read.All"),
        ("/directory/deletedItems/microsoft.graph.group", "Group.Read.All"),
        ("/auditLogs/provisioning", "AuditLog.Read.All"),
        ("/directoryObjects/getByIds", "Directory.Read.All"),
        ("/anything", "Directory.Read.All"),
    ],
)
def test_the_least_permission_of_each_path(path: str, permission: str) -> None:
    assert find_permission(path) == permission
