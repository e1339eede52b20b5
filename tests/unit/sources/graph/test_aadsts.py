from __future__ import annotations

from typing import Any

import pytest
from support.jwt import make_jwt

from reconciler.sources.graph.aadsts import explain_token_refusal, find_code, find_other_subject

GITHUB = {
    "iss": "https://token.actions.githubusercontent.com",
    "aud": "api://AzureADTokenExchange",
    "sub": "repo:acme/people:environment:import",
    "repository": "acme/people",
    "repository_owner": "acme",
    "repository_id": "77",
    "repository_owner_id": "42",
}
WITH_IDS = "repo:acme@42/people@77:environment:import"


@pytest.mark.parametrize(
    ("code", "why", "next_step"),
    [
        (700024, "the assertion is not valid at this time", "Check the clock"),
        (7000215, "the client secret is wrong", "the secret's value and not its id"),
        (7000222, "the client secret has expired", "or a federated credential"),
        (700016, "the tenant has no such app registration", "source.entra.client_id"),
        (90002, "there is no such tenant", "source.entra.tenant and source.entra.cloud"),
        (53003, "a Conditional Access policy blocks the app", "exclude the app"),
        (999999, '"AADSTS999999: odd"', "Check source.entra"),
    ],
)
def test_each_code_has_its_sentence_and_a_way_out(code: int, why: str, next_step: str) -> None:
    error = explain_token_refusal({"error_codes": [code]}, "AZURE_CLIENT_SECRET", "", '"AADSTS999999: odd"')
    assert error.summary == f"Microsoft Entra ID refuses AZURE_CLIENT_SECRET (AADSTS{code}): {why}"
    assert next_step in error.detail


@pytest.mark.parametrize("code", [700213, 7002138, 700211, 700212, 70021])
def test_a_federated_identity_is_shown_as_it_was_presented(code: int) -> None:
    error = explain_token_refusal(
        {"error_codes": [code], "trace_id": "t-1"}, "GitHub's OIDC token", make_jwt(**GITHUB), ""
    )
    lines = error.detail.splitlines()
    start = lines.index("The assertion presents")
    assert lines[start + 1 : start + 4] == [
        "  issuer    https://token.actions.githubusercontent.com",
        "  subject   repo:acme/people:environment:import",
        "  audience  api://AzureADTokenExchange",
    ]
    assert f"  {WITH_IDS}" in lines
    assert lines[-1] == "trace_id t-1"
    assert make_jwt(**GITHUB) not in str(error) + error.detail


def test_what_was_presented_is_escaped() -> None:
    claims = {**GITHUB, "sub": "a\n::set-env\x1b[2J", "aud": ["x"], "iss": None}
    error = explain_token_refusal({"error_codes": [700213]}, "x", make_jwt(**claims), "")
    assert "  subject   a\\n::set-env\\u{1b}[2J" in error.detail.splitlines()
    assert "  issuer    (none)" in error.detail


def test_an_opaque_assertion_is_not_shown() -> None:
    error = explain_token_refusal({"error_codes": [700213]}, "x", "opaque-s3cret", "")
    assert error.detail == "The assertion is no JWT: check where it comes from."


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error_codes": [700213], "error_description": "AADSTS1: x"}, 700213),
        ({"error_description": "AADSTS7002138: The subject"}, 7002138),
        ({"error_codes": ["x"], "error_description": 7}, 0),
        ({"error_codes": [10**12]}, 0),
        ({"error_codes": [], "error_description": "x" * 2000 + "AADSTS700213"}, 0),
        ({}, 0),
    ],
)
def test_codes_are_read_leniently(body: dict[str, Any], code: int) -> None:
    assert find_code(body) == code


def test_both_forms_of_githubs_subject() -> None:
    assert find_other_subject(GITHUB) == WITH_IDS
    assert find_other_subject({**GITHUB, "sub": WITH_IDS}) == GITHUB["sub"]
    assert find_other_subject({**GITHUB, "sub": "repo:acme/people:ref:refs/heads/a:b"}).endswith(
        "@77:ref:refs/heads/a:b"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "system:serviceaccount:a:b"},
        {"sub": "repo:acme/other:ref:x"},
        {"sub": "repo:acme/people"},
        {"sub": None},
        {"repository_id": None},
        {"repository": "people"},
        {"repository_owner": ""},
    ],
)
def test_other_subjects_have_one_form(changes: dict[str, Any]) -> None:
    assert find_other_subject({**GITHUB, **changes}) == ""
