"""Each block of YAML in a document is what the program accepts as the file that it shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.snippets import Snippet, find_errors, find_kind, read_snippets

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "reconciler/**/*.md")
    for path in ROOT.glob(pattern)
)
SNIPPETS = list(read_snippets(ROOT, DOCUMENTS))


@pytest.mark.parametrize("snippet", SNIPPETS, ids=[snippet.place for snippet in SNIPPETS])
def test_a_block_of_yaml_is_accepted(snippet: Snippet, tmp_path: Path) -> None:
    assert find_errors(snippet, tmp_path) == []


def test_there_are_blocks() -> None:
    assert len(SNIPPETS) > 30


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("# desired-state/settings.yaml\nguards: {}\n", "settings"),
        ("# defaults/settings.yaml\nfinal: [ownership]\n", "layer-settings"),
        ("# tenants/acme/tenant.yaml\ndomains: [acme.example]\n", "tenant"),
        ("# .github/workflows/x.yml\non: push\n", "workflow"),
        ("sync: all\n", "scope"),
        ("record: {values: digest}\n", "settings"),
        ("- {name: all, members: {}}\n", "groups"),
        ("- run: make\n", "steps"),
        ("# only a comment\n", "comment"),
        ("colour: blue\n", ""),
    ],
)
def test_the_file_is_found_by_its_name_or_its_keys(text: str, kind: str) -> None:
    assert find_kind(Snippet("x.md:1", text)) == kind


@pytest.mark.parametrize(
    "text",
    [
        "colour: blue\n",
        "record: {values: digests}\n",
        "# desired-state/settings.yaml\nguard: {}\n",
        "sync: some\n",
        "- {target: nickName, sources: x}\n",
        "- {userPrincipalName: ada}\n- {userPrincipalName: ada}\n",
        "- {name: all, members: {users: [nobody@example.com]}}\n",
        "# fleet.yaml\ntenant: tenants/*\n",
        "# tenants/acme/tenant.yaml\ndomain: [acme.example]\n",
        "# defaults/settings.yaml\nfinals: [ownership]\n",
        "jobs: {read: {environments: x}}\n",
        "- {run: make, uses: actions/checkout@v4}\n",
        "groups: [{name: a, rules: [{alert: A, exp: up}]}]\n",
        "repos: [{repo: local, hooks: [{id: a, file: x}]}]\n",
        "a: [\n",
    ],
)
def test_a_wrong_block_is_found(text: str, tmp_path: Path) -> None:
    assert find_errors(Snippet("x.md:1", text), tmp_path) != []
