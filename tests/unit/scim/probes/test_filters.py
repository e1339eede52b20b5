from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from support.builders import APPLE, SCIM
from support.probing import ProbedService, facts
from support.servers.server_faults import ServerFaults
from support.servers.users import make_user

from reconciler.core.check import CheckVerdict
from reconciler.core.profile import Comparison, TargetProfile
from reconciler.scim.probes.filters import FilterOutcome
from reconciler.scim.probes.verdicts import REPORT

OK, WARNING, FAILED, SKIPPED = CheckVerdict
Answering = Callable[[str, Mapping[str, str], httpx.Response], httpx.Response]


def answer_filters(matches: str, answer: httpx.Response) -> Answering:
    """Answer filters that have this text with another answer."""

    def change(_path: str, parameters: Mapping[str, str], response: httpx.Response) -> httpx.Response:
        return answer if matches in parameters.get("filter", "") else response

    return change


def listing(*users: dict[str, Any], total: int | None = None) -> httpx.Response:
    return httpx.Response(200, json={"totalResults": len(users) if total is None else total, "Resources": list(users)})


REFUSAL = httpx.Response(400, json={"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"]})


def test_a_service_that_filters() -> None:
    answers = ProbedService().check()
    names = ("filter_nobody", "filter_user_name", "filter_case", "filter_external_id", "filter_id", "filter_others")
    assert {answers[name].verdict for name in names} == {OK}
    assert answers["filter_nobody"].summary == "a userName that no user has: 200 with totalResults 0"
    assert facts(answers["filter_user_name"]) == {"outcome": "found", "status": 200, "scim_type": ""}
    assert facts(answers["filter_others"])["scim_type"] == "invalidFilter"


def test_a_service_that_ignores_filters_fails() -> None:
    answers = ProbedService(ServerFaults(ignore_filter=True)).check()
    assert answers["filter_nobody"].verdict is FAILED
    assert answers["filter_nobody"].summary == "filters are ignored: a userName that no user has brings 5 users"
    assert answers["filter_user_name"].summary == "userName eq is ignored"
    assert {answers[name].verdict for name in ("filter_user_name", "filter_external_id")} == {FAILED}
    assert answers["filter_case"].verdict is SKIPPED
    assert answers["filter_others"].summary.startswith("5 other filters: 0 taken, 5 ignored, 0 refused")


def test_the_only_user_is_no_evidence_for_a_filter() -> None:
    answers = ProbedService(ServerFaults(ignore_filter=True), [make_user(1)]).check()
    asked = ("filter_nobody", "filter_user_name", "filter_external_id")
    assert {answers[name].verdict for name in asked} == {FAILED}
    assert facts(answers["filter_id"])["outcome"] == FilterOutcome.IGNORED


@pytest.mark.parametrize("status", [400, 501])
def test_a_service_without_filters(status: int) -> None:
    answers = ProbedService(ServerFaults(filter_unsupported=status)).check()
    assert {answers[name].verdict for name in ("filter_nobody", "filter_user_name", "filter_external_id")} == {WARNING}
    assert answers["filter_user_name"].summary == f"userName eq is answered with {status}"
    assert answers["filter_nobody"].advice
    assert facts(answers["filter_nobody"])["outcome"] == FilterOutcome.REFUSED


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (httpx.Response(404, json={}), WARNING),
        (httpx.Response(500), WARNING),
        (httpx.Response(200, content=b"<html>"), WARNING),
        (httpx.Response(200, content=b'{"totalRes'), WARNING),
        (httpx.Response(200, json=[]), WARNING),
        (listing(total=3), WARNING),
        (listing(make_user(1)), FAILED),
        (listing({}), FAILED),
        (listing({"userName": ["ada"]}), FAILED),
    ],
)
def test_a_name_that_nobody_has(answer: httpx.Response, verdict: CheckVerdict) -> None:
    found = ProbedService(change=answer_filters('userName eq "reconciler-check', answer)).check()
    assert found["filter_nobody"].verdict is verdict


def test_without_users_an_ignored_filter_looks_like_one_that_works() -> None:
    found = ProbedService(ServerFaults(ignore_filter=True), []).check()
    assert found["filter_nobody"].verdict is SKIPPED
    assert found["filter_user_name"].summary == "not asked: no listed user has a userName"
    assert found["filter_external_id"].summary == "not asked: no listed user has an externalId"


@pytest.mark.parametrize(
    ("question", "text", "attribute"),
    [("filter_user_name", "userName eq", "userName"), ("filter_external_id", "externalId eq", "externalId")],
)
def test_a_listed_user_must_be_found(question: str, text: str, attribute: str) -> None:
    found = ProbedService(change=answer_filters(text, listing())).check()[question]
    assert (found.verdict, found.summary) == (WARNING, f"{attribute} eq does not find a user that is listed")
    other = ProbedService(change=answer_filters(text, listing(make_user(3)))).check()[question]
    assert other.verdict is FAILED


def exact(profile: TargetProfile) -> TargetProfile:
    rows = [replace(row, comparison=Comparison.EXACT) if row.path == "userName" else row for row in profile.attributes]
    return replace(profile, attributes=tuple(rows))


@pytest.mark.parametrize(
    ("profile", "answer", "verdict"),
    [
        (SCIM, None, OK),
        (exact(SCIM), None, WARNING),
        (SCIM, listing(), WARNING),
        (exact(SCIM), listing(), OK),
        (SCIM, REFUSAL, WARNING),
        (APPLE, listing(), WARNING),
    ],
)
def test_names_in_another_case(profile: TargetProfile, answer: httpx.Response | None, verdict: CheckVerdict) -> None:
    change = answer_filters('"ADA.0@EXAMPLE.COM"', answer) if answer is not None else lambda *given: given[-1]
    found = ProbedService(change=change).check(profile)["filter_case"]
    assert found.verdict is verdict
    assert (REPORT in found.advice) == (profile is APPLE)


def test_a_name_without_letters_has_no_other_case() -> None:
    found = ProbedService(users=[make_user(1, userName="1234")]).check()["filter_case"]
    assert found.verdict is SKIPPED


@pytest.mark.parametrize("name", ['quote"d\\@example.com', "ß@example.com", "\u0130@example.com", "x" * 100_000])
def test_any_name_can_be_asked_for(name: str) -> None:
    found = ProbedService(users=[make_user(1, userName=name)]).check()
    assert found["filter_user_name"].verdict in (OK, WARNING)


@pytest.mark.parametrize("value", [None, "", 7, [], {"a": 1}])
def test_a_user_whose_values_are_no_text(value: Any) -> None:
    def change(path: str, parameters: Mapping[str, str], response: httpx.Response) -> httpx.Response:
        if path != "/Users" or "filter" in parameters:
            return response
        return listing({"id": value, "userName": value, "externalId": value})

    found = ProbedService(change=change).check()
    names = ("filter_user_name", "filter_case", "filter_external_id", "filter_id")
    assert {found[name].verdict for name in names} == {SKIPPED}


def test_other_filters_that_are_taken() -> None:
    found = ProbedService(change=answer_filters("userName sw", listing())).check()["filter_others"]
    assert found.summary == "5 other filters: 1 taken, 0 ignored, 4 refused; Reconciler needs none of them"
    assert facts(found)["sw"] == "nobody"
