"""`validate` for programs: JSON by its published schema, SARIF in a repository, and the problem matcher of the docs."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from support.workspace import run

from reconciler.render.validation import ValidationDocument

ROOT = Path(__file__).parents[2]
PEOPLE = """\
- userPrincipalName: ada@example.com
  lifecycle: {starts: 2026-13-01}
- 7
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert run(["reconciler", "init", "sub dir"]).code == 0
    (tmp_path / "sub dir/desired-state/users/people.yaml").write_text(PEOPLE, "utf-8")
    return tmp_path


def test_json_is_what_the_schema_says(repository: Path) -> None:
    answer = run(["reconciler", "validate", "--state", "sub dir/desired-state", "--format", "json"])
    assert (answer.code, answer.err) == (1, "")
    document = ValidationDocument.model_validate_json(answer.out)
    assert (document.valid, document.summary.errors) == (False, 2)
    schema = json.loads(run(["reconciler", "schema", "validation"]).out)
    assert set(schema["required"]) == set(json.loads(answer.out))


@pytest.mark.parametrize(("directory", "state"), [(".", "sub dir/desired-state"), ("sub dir/desired-state", ".")])
def test_places_in_sarif_are_relative_to_the_repository(
    directory: str, state: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository / directory)
    answer = run(["reconciler", "validate", "--state", state, "--format", "sarif"])
    assert (answer.code, answer.err) == (1, "")
    results = json.loads(answer.out)["runs"][0]["results"]
    places = [each["locations"][0]["physicalLocation"] for each in results]
    assert {each["artifactLocation"]["uri"] for each in places} == {"sub%20dir/desired-state/users/people.yaml"}
    assert sorted(each["region"]["startLine"] for each in places) == [2, 3]
    assert str(repository) not in answer.out


def test_the_problem_matcher_of_the_docs_finds_each_error_of_the_text(repository: Path) -> None:
    text = (ROOT / "docs/pull-requests.md").read_text("utf-8")
    tasks = json.loads(re.findall(r"```json\n(\{\n  \"version\".*?)```", text, re.DOTALL)[0])
    pattern = tasks["tasks"][0]["problemMatcher"]["pattern"]
    lines = run(["reconciler", "validate", "--state", "sub dir/desired-state", "--no-color"]).err.splitlines()
    found = []
    for number in range(len(lines) - len(pattern) + 1):
        matches = [re.match(part["regexp"], lines[number + step]) for step, part in enumerate(pattern)]
        if all(matches):
            heading, _, place = matches
            assert heading is not None
            assert place is not None
            found.append((heading[1], place[1], place[2], place[3]))
    assert sorted(found) == [("Error", "users/people.yaml", "2", "23"), ("Error", "users/people.yaml", "3", "3")]
