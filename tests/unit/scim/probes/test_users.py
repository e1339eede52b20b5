from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from support.builders import APPLE, SCIM
from support.probing import USERS, ProbedService, facts
from support.servers.patching import ENTERPRISE
from support.servers.server_faults import ServerFaults
from support.servers.service_habits import ServiceHabits
from support.servers.users import make_user

from reconciler.core.check import CheckVerdict
from reconciler.core.profile import TargetProfile
from reconciler.scim.probes.verdicts import REPORT

OK, WARNING, FAILED, SKIPPED = CheckVerdict
QUESTIONS = """read_by_id list_attributes etag projection unknown_user error_form media_type active user_name_case
    external_id enterprise last_modified primary""".split()
ENTERPRISE_UNSEEN = (
    "no user shows enterprise attributes: they are not set, or the service does not show them; the first apply tells"
)
NAME = make_user(0)["userName"]
Change = Callable[[str, Mapping[str, str], httpx.Response], httpx.Response]


def answer_reads(answer: httpx.Response, *, unknown: bool = False) -> Change:
    """Answer reads by id with another answer: those of users, or those of an id that no user has."""

    def change(path: str, _parameters: Mapping[str, str], response: httpx.Response) -> httpx.Response:
        by_id = path.startswith("/Users/")
        return answer if by_id and ("reconciler-check" in path) == unknown else response

    return change


def test_a_service_that_follows_the_rfc() -> None:
    answers = ProbedService().check()
    assert {answers[name].verdict for name in QUESTIONS} == {OK}
    assert answers["etag"].summary == "users have ETag and meta.version; Reconciler needs none"
    assert facts(answers["read_by_id"]) == {"status": 200, "id_is_text": True, "id_begins_with_gn": False}
    assert facts(answers["projection"]) == {"attributes": False, "excluded_attributes": False}
    assert facts(answers["enterprise"]) == {"users": USERS, "with_enterprise": USERS}


@pytest.mark.parametrize(
    ("faults", "question", "verdict", "summary"),
    [
        (
            ServerFaults(wrong_id_for=NAME),
            "read_by_id",
            FAILED,
            "a listed user, read by its id, has another id or none",
        ),
        (
            ServerFaults(garbage_for=NAME),
            "read_by_id",
            FAILED,
            "a listed user, read by its id, is answered with 200 with something that is not JSON",
        ),
        (
            ServerFaults(rotate_user_names=True),
            "read_by_id",
            FAILED,
            "the list and a read by id show one user with different values of userName",
        ),
        (ServerFaults(id_as_integer=True), "read_by_id", OK, "a listed user, read by its id, is the same"),
        (
            ServerFaults(drop_enterprise_in_lists=True),
            "list_attributes",
            WARNING,
            "lists leave out 1 attribute that a read by id shows",
        ),
        (
            ServerFaults(no_etag=True),
            "etag",
            OK,
            "users have neither ETag nor meta.version; Reconciler needs none",
        ),
        (ServerFaults(omit_meta=True), "etag", OK, "users have ETag; Reconciler needs none"),
        (ServerFaults(omit_meta=True), "last_modified", WARNING, "0 of 5 users show meta.lastModified"),
        (
            ServerFaults(active_as_string=True),
            "active",
            OK,
            "of 5 users, 5 show true, 0 show false, 0 leave active out",
        ),
        (
            ServerFaults(drop_enterprise_in_lists=True),
            "enterprise",
            OK,
            ENTERPRISE_UNSEEN,
        ),
    ],
)
def test_how_a_service_shows_users(faults: ServerFaults, question: str, verdict: CheckVerdict, summary: str) -> None:
    found = ProbedService(faults).check()[question]
    assert (found.verdict, found.summary) == (verdict, summary)


@pytest.mark.parametrize(
    ("answer", "summary"),
    [
        (httpx.Response(404, json={}), "a listed user, read by its id, is answered with 404"),
        (httpx.Response(501), "a listed user, read by its id, is answered with 501 with no body"),
        (httpx.Response(200, json=[]), "a listed user, read by its id, is answered with 200 with JSON that is not"),
        (httpx.Response(200, json={}), "a listed user, read by its id, has another id or none"),
    ],
)
def test_a_service_without_reads_by_id_fails(answer: httpx.Response, summary: str) -> None:
    found = ProbedService(change=answer_reads(answer)).check()
    assert found["read_by_id"].verdict is FAILED
    assert found["read_by_id"].summary.startswith(summary)
    assert found["list_attributes"].verdict in (SKIPPED, OK)


@pytest.mark.parametrize(
    ("answer", "verdict", "form"),
    [
        (httpx.Response(410, json={}), OK, WARNING),
        (httpx.Response(404, content=b"<html>"), WARNING, WARNING),
        (httpx.Response(500, json={}), WARNING, WARNING),
        (httpx.Response(200, json={"id": "1"}), FAILED, SKIPPED),
        (httpx.Response(204), FAILED, SKIPPED),
    ],
)
def test_an_id_that_nobody_has(answer: httpx.Response, verdict: CheckVerdict, form: CheckVerdict) -> None:
    found = ProbedService(change=answer_reads(answer, unknown=True)).check()
    assert (found["unknown_user"].verdict, found["error_form"].verdict) == (verdict, form)


@pytest.mark.parametrize(
    ("media_type", "verdict", "summary"),
    [
        ("application/json", OK, "answers are application/json"),
        ("text/plain", WARNING, "answers have another media type, not application/scim+json"),
        ("", WARNING, "answers have no media type, not application/scim+json"),
    ],
)
def test_media_types(media_type: str, verdict: CheckVerdict, summary: str) -> None:
    def change(_path: str, _parameters: Mapping[str, str], response: httpx.Response) -> httpx.Response:
        response.headers["content-type"] = media_type
        return response

    found = ProbedService(change=change).check()["media_type"]
    assert (found.verdict, found.summary) == (verdict, summary)


def project(path: str, parameters: Mapping[str, str], response: httpx.Response) -> httpx.Response:
    """Honor attributes and excludedAttributes."""
    if not path.startswith("/Users/") or not response.is_success:
        return response
    body = response.json()
    if "attributes" in parameters:
        body = {name: body[name] for name in ("id", parameters["attributes"])}
    body.pop(parameters.get("excludedAttributes"), None)
    return httpx.Response(200, json=body)


def test_a_service_that_projects() -> None:
    found = ProbedService(change=project).check()["projection"]
    assert facts(found) == {"attributes": True, "excluded_attributes": True}
    assert found.summary == "attributes is honored, excludedAttributes is honored; Reconciler sends neither"


# --- what users show -----------------------------------------------------------------------------

INACTIVE, UNSET = make_user(1, active=False), make_user(2, active=None)
ODD = make_user(3, active="ada")


@pytest.mark.parametrize(
    ("profile", "users", "hides", "verdict"),
    [
        (SCIM, [make_user(0), INACTIVE], None, OK),
        (SCIM, [make_user(0), UNSET], None, WARNING),
        (SCIM, [make_user(0), INACTIVE], True, OK),
        (SCIM, [make_user(0), INACTIVE], False, WARNING),
        (SCIM, [make_user(0), ODD], None, WARNING),
        (APPLE, [make_user(0), INACTIVE], True, OK),
        (APPLE, [INACTIVE], True, OK),
        (APPLE, [make_user(0), INACTIVE], None, WARNING),
        (APPLE, [make_user(0), INACTIVE], False, WARNING),
        (APPLE, [make_user(0), ODD], True, WARNING),
    ],
)
def test_what_active_shows(profile: TargetProfile, users: list[Any], hides: bool | None, verdict: CheckVerdict) -> None:
    found = ProbedService(users=users, habits=ServiceHabits(hides_active=hides)).check(profile)["active"]
    assert found.verdict is verdict
    uncertain = profile is APPLE and verdict is WARNING and ODD not in users
    assert (REPORT in found.advice) == uncertain


def test_names_that_keep_their_case() -> None:
    users = [make_user(0, userName="Ada@example.com"), make_user(1)]
    found = ProbedService(users=users).check()["user_name_case"]
    assert (found.verdict, facts(found)["with_capitals"]) == (OK, 1)


@pytest.mark.parametrize("name", [None, "", 7, ["ada"]])
def test_a_user_without_a_name(name: Any) -> None:
    def change(path: str, _parameters: Mapping[str, str], response: httpx.Response) -> httpx.Response:
        listed = path == "/Users" and response.is_success
        user = {"id": "1", "userName": name}
        return httpx.Response(200, json={"totalResults": 1, "Resources": [user]}) if listed else response

    found = ProbedService(change=change).check()["user_name_case"]
    assert (found.verdict, found.summary) == (WARNING, "1 user without userName")


def test_no_user_shows_an_external_id() -> None:
    users = [make_user(n, externalId=None) for n in range(3)]
    found = ProbedService(users=users).check(APPLE)["external_id"]
    assert (found.verdict, found.summary) == (WARNING, "0 of 3 users show an externalId")
    assert ProbedService(users=[*users, make_user(4)]).check()["external_id"].verdict is OK


def test_primary_is_counted() -> None:
    emails = [{"value": "a@b.c", "primary": True}, {"value": "d@e.f"}]
    found = ProbedService(users=[make_user(0, emails=emails)]).check()["primary"]
    assert (found.summary, facts(found)) == (
        "1 of 2 e-mail addresses show primary: plans do not compare it",
        {"addresses": 2, "with_primary": 1},
    )


def test_without_users_nothing_is_learnt() -> None:
    found = ProbedService(users=[]).check()
    asked = ("unknown_user", "error_form", "media_type")
    assert {found[name].verdict for name in QUESTIONS if name not in asked} == {SKIPPED}
    assert {found[name].verdict for name in asked} == {OK}


def test_an_enterprise_extension_of_another_type_is_none() -> None:
    found = ProbedService(users=[make_user(0, **{ENTERPRISE: ["ada"]})]).check()["enterprise"]
    assert facts(found) == {"users": 1, "with_enterprise": 0}
