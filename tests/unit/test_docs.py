"""The documents name tests as their witnesses: each must exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`((?:unit|integration|e2e|chaos|benchmarks)/[\w/]+\.py)(?:::(\w+))?`")
ROW = re.compile(r"^\| (\d+) \|", re.MULTILINE)


def witnesses(document: str) -> list[tuple[str, str]]:
    return NAMED.findall((ROOT / "docs" / document).read_text("utf-8"))


@pytest.mark.parametrize("document", ["entra.md", "security.md"])
def test_each_witness_of_a_document_exists(document: str) -> None:
    found = witnesses(document)
    assert found
    missing = [f"{file}::{test}" for file, test in found if not exists(file, test)]
    assert missing == []


def exists(file: str, test: str) -> bool:
    path = ROOT / "tests" / file
    return path.is_file() and (not test or f"def {test}(" in path.read_text("utf-8"))


def test_every_feature_of_entra_has_its_row() -> None:
    rows = [int(number) for number in ROW.findall((ROOT / "docs" / "entra.md").read_text("utf-8"))]
    assert rows == list(range(1, 37))
