from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.json_schema import find_violations
from support.untrusted_text import texts

from reconciler.core.model import Diagnostic, Origin, error, warning
from reconciler.render.sarif import render_sarif

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "sarif" / "sarif-2.1.0-rtm.5.json").read_text("utf-8")
)
"""The schema of SARIF 2.1.0, as the package @microsoft/jest-sarif 1.0.0-beta.0 has it."""


def render(*diagnostics: Diagnostic, folder: str = "desired-state") -> dict[str, Any]:
    text = render_sarif(diagnostics, folder)
    assert text.isascii()
    document: dict[str, Any] = json.loads(text)
    assert find_violations(document, SCHEMA) == []
    return document


def results(*diagnostics: Diagnostic, folder: str = "desired-state") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = render(*diagnostics, folder=folder)["runs"][0]["results"]
    return found


def test_a_valid_state_has_no_results() -> None:
    assert results() == []


def test_a_result_has_its_rule_level_text_and_place() -> None:
    (found,) = results(error("a wrong value", ("Write it", "like this."), Origin("users/sub dir/ä.yaml", 3, 5), "x"))
    assert found == {
        "ruleId": "users",
        "ruleIndex": 3,
        "level": "error",
        "message": {"text": "a wrong value\nWrite it\nlike this."},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {
                        "uri": "desired-state/users/sub%20dir/%C3%A4.yaml",
                        "uriBaseId": "%SRCROOT%",
                    },
                    "region": {"startLine": 3, "startColumn": 5},
                }
            }
        ],
    }


@pytest.mark.parametrize(
    ("origin", "rule", "uri", "line"),
    [
        (Origin("settings.yaml", 2, 1), "settings", "a/b/settings.yaml", 2),
        (Origin("scope.yaml", 2, 1), "scope", "a/b/scope.yaml", 2),
        (Origin("mappings.yaml", 2, 1), "mappings", "a/b/mappings.yaml", 2),
        (Origin("groups/g.yml", 2, 1), "groups", "a/b/groups/g.yml", 2),
        (Origin("scope.yml", 1, 1), "layout", "a/b/scope.yml", 1),
        (None, "layout", "a/b/settings.yaml", 1),
    ],
)
def test_each_part_of_the_desired_state_has_a_rule(origin: Origin | None, rule: str, uri: str, line: int) -> None:
    (found,) = results(warning("odd", origin=origin), folder="a/b")
    place = found["locations"][0]["physicalLocation"]
    assert (found["ruleId"], found["level"]) == (rule, "warning")
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (uri, line)
    rules = render()["runs"][0]["tool"]["driver"]["rules"]
    assert rules[found["ruleIndex"]]["id"] == rule


def test_the_desired_state_may_be_the_root_of_the_repository() -> None:
    (found,) = results(error("x", origin=Origin("users/a.yaml", 1, 1)), folder=".")
    assert found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "users/a.yaml"


def test_a_value_makes_no_link() -> None:
    (found,) = results(error("the value is [sign in](https://evil.example)"))
    assert "](" not in found["message"]["text"]


@given(summary=texts(), detail=texts(), file=texts())
def test_untrusted_text_stays_valid_sarif(summary: str, detail: str, file: str) -> None:
    name = "".join(file.split("/")) or "x"
    (found,) = results(error(summary or "x", detail, Origin(f"users/{name}", 1, 1)))
    text = found["message"]["text"]
    assert "\x1b" not in text
    assert "\u202e" not in text


@given(st.lists(st.sampled_from(["runs", "version", "message", "level", "extra"]), min_size=1, unique=True))
def test_the_schema_finds_what_is_wrong(broken: list[str]) -> None:
    document = json.loads(render_sarif([error("x", origin=Origin("users/a.yaml", 1, 1))], "d"))
    result = document["runs"][0]["results"][0]
    for each in broken:
        if each in document:
            del document[each]
        elif each == "level":
            result["level"] = "fatal"
        elif each == "message":
            result["message"] = "text"
        else:
            result["extra"] = 1
    assert find_violations(document, SCHEMA) != []
