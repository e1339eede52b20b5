from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from support.probing import Change, ProbedService, facts
from support.servers.cursors import CursorFaults
from support.servers.server_faults import ServerFaults
from support.servers.service_habits import ServiceHabits

from reconciler.core.check import CheckVerdict
from reconciler.scim.probes.discovery import list_claims

OK, WARNING, FAILED, SKIPPED = CheckVerdict


def answer_path(wanted: str, answer: httpx.Response) -> Change:
    def change(path: str, _parameters: Mapping[str, str], response: httpx.Response) -> httpx.Response:
        return answer if path.startswith(wanted) else response

    return change


def test_what_a_service_says_about_itself() -> None:
    answers = ProbedService().check()
    assert answers["discovery"].summary == "the service has /ServiceProviderConfig, /ResourceTypes, not /Schemas"
    said = "the service says that it has patch, filter, etag, not bulk, sort, changePassword"
    assert (answers["service_config"].verdict, answers["service_config"].summary) == (OK, said)
    assert facts(answers["service_config"])["filter_max_results"] == 1000
    assert facts(answers["service_config"])["authentication"] == "oauthbearertoken"
    assert answers["patch"].summary.startswith("the service says that it takes PATCH; which forms of PATCH")
    assert (answers["groups"].verdict, answers["unknown_endpoint"].verdict) == (OK, OK)


def test_a_service_without_discovery() -> None:
    answers = ProbedService(ServerFaults(without_discovery=True)).check()
    assert answers["discovery"].summary == "the service has no discovery documents (404), and none is needed"
    assert facts(answers["discovery"]) == {"config": 404, "schemas": 404, "resource_types": 404}
    assert (answers["discovery"].verdict, answers["service_config"].verdict) == (OK, SKIPPED)
    assert answers["patch"].summary.startswith("the service does not say whether it takes PATCH")


def test_a_service_that_says_no_to_patch() -> None:
    found = ProbedService(habits=ServiceHabits(says_no_patch=True)).check()["patch"]
    assert (found.verdict, found.summary) == (WARNING, "the service says that it does not take PATCH")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, content=b"{"),
        httpx.Response(403, json={}),
    ],
)
def test_a_document_that_is_none(answer: httpx.Response) -> None:
    answers = ProbedService(change=answer_path("/ServiceProviderConfig", answer)).check()
    assert answers["discovery"].verdict is WARNING
    assert answers["service_config"].verdict is SKIPPED


@pytest.mark.parametrize(
    "config",
    [
        {"patch": True, "bulk": [], "filter": {"supported": "yes", "maxResults": "Quux"}},
        {"authenticationSchemes": "Quux", "pagination": 7},
        {"patch": None},
    ],
)
def test_a_config_of_other_types_says_nothing(config: dict[str, Any]) -> None:
    found = ProbedService(change=answer_path("/ServiceProviderConfig", httpx.Response(200, json=config))).check()
    assert found["service_config"].verdict is WARNING
    assert "Quux" not in repr(found)


def test_claims_are_read_in_any_case_and_in_words_of_ours() -> None:
    config = {
        "Patch": {"Supported": False},
        "pagination": {"cursor": True, "index": False},
        "authenticationSchemes": [{"type": "oauth2"}, {"type": "Quux"}, {"type": ["oauth"]}, "x", {}],
    }
    claims = list_claims(config)
    assert (claims["patch"], claims["cursor"], claims["index"], claims["bulk"]) == (False, True, False, None)
    assert claims["authentication"] == "oauth2, other"


def test_cursors_are_claimed() -> None:
    faults = ServerFaults(cursors=CursorFaults(page=2, announced=True))
    assert facts(ProbedService(faults).check()["service_config"])["cursor"] is True


def test_endpoints() -> None:
    page = httpx.Response(200, json={"totalResults": 0, "Resources": []})
    answers = ProbedService(change=answer_path("/Groups", page)).check()
    assert answers["groups"].summary == "/Groups is answered with 200; Reconciler does not use it"
    answers = ProbedService(change=answer_path("/ReconcilerCheck", page)).check()
    assert (answers["unknown_endpoint"].verdict, len(answers["unknown_endpoint"].advice)) == (WARNING, 1)
    html = httpx.Response(404, content=b"<html>")
    assert ProbedService(change=answer_path("/ReconcilerCheck", html)).check()["unknown_endpoint"].verdict is WARNING
