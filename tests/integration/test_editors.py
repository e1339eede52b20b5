"""The schemas in a real editor's server: nothing to complain about, keys and values to complete, errors in place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.language_server import SERVER, LanguageServer
from support.workspace import run

from reconciler.desired.source_attributes import ENTRA_ATTRIBUTES

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not SERVER.exists() or shutil.which("node") is None,
    reason="needs the YAML language server: npm ci --prefix tests/editors",
)
USER = '- objectId: "1"\n  userPrincipalName: ada@example.com\n  '


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    with LanguageServer() as found:
        yield found


def with_schema(kind: str, text: str) -> str:
    return f"# yaml-language-server: $schema=../schemas/{kind}.json\n{text}"


def position(text: str) -> tuple[int, int]:
    """The line and column, from 0, of the end of a text."""
    return text.count("\n"), len(text.rpartition("\n")[2])


def test_the_sample_has_no_diagnostics(server: LanguageServer) -> None:
    files = sorted((ROOT / "desired-state").rglob("*.yaml"))
    assert len(files) > 15
    assert {path.name: found for path in files if (found := server.open(path))} == {}


@pytest.mark.parametrize("options", [(), ("--fleet",)])
def test_a_new_repository_names_its_schemas_and_has_no_diagnostics(
    options: tuple[str, ...], server: LanguageServer, tmp_path: Path
) -> None:
    assert run(["reconciler", "init", str(tmp_path / "new"), *options]).code == 0
    files = [path for path in (tmp_path / "new").rglob("*.yaml") if ".github" not in path.parts]
    assert len(files) > 4
    unnamed = [path for path in files if not path.read_text("utf-8").startswith("# yaml-language-server: $schema=../")]
    assert [path.name for path in unnamed if path.name != "fleet.yaml"] == []
    assert {path.name: found for path in files if (found := server.open(path))} == {}


@pytest.mark.parametrize(
    ("kind", "before", "offered"),
    [
        ("users", USER, set(ENTRA_ATTRIBUTES) - {"objectId", "userPrincipalName"}),
        ("settings", "guards:\n  ", {"removals", "reactivations", "updates", "foreign_accounts"}),
        ("settings", "lifecycle:\n  ", {"actions", "out_of_scope", "removed", "delete_after_days"}),
        ("settings", "target:\n  profile: ", {"apple-business-manager", "apple-school-manager", "scim"}),
        ("scope", "sync: ", {"assigned", "all"}),
        ("mappings", "- target: ", {"userName", "name.givenName"}),
        ("mappings", "- target: userName\n  source: ", {"userPrincipalName", "mail"}),
    ],
)
def test_keys_and_values_are_offered(
    kind: str, before: str, offered: set[str], server: LanguageServer, tmp_path: Path
) -> None:
    path = ROOT / "desired-state" / f"{tmp_path.name}.yaml"
    text = with_schema(kind, before)
    server.open(path, text + "\n")
    assert offered - server.complete(path, *position(text)).keys() == set()


def test_a_key_shows_what_it_means(server: LanguageServer) -> None:
    path = ROOT / "desired-state/settings.yaml"
    lines = path.read_text("utf-8").splitlines()
    server.open(path.with_name("hover.yaml"), "\n".join(lines))
    line = next(number for number, each in enumerate(lines) if each.startswith("ownership"))
    assert "which live users are managed" in server.hover(path.with_name("hover.yaml"), line, 2)


@pytest.mark.parametrize(
    ("kind", "text", "place", "message"),
    [
        ("settings", "gards:\n  removals: {count: 1}\n", (1, 0), "gards"),
        ("settings", "target:\n  profile: azure\n", (2, 11), "apple-business-manager"),
        ("settings", "guards:\n  removals: {count: many}\n", (2, 20), "integer"),
        ("users", f"{USER}accountEnabled: maybe\n", (3, 18), "boolean"),
    ],
)
def test_an_error_is_shown_where_it_is(
    kind: str, text: str, place: tuple[int, int], message: str, server: LanguageServer
) -> None:
    found = server.open(ROOT / "desired-state" / f"error-{message}.yaml", with_schema(kind, text))
    starts = [each["range"]["start"] for each in found if message in each["message"]]
    assert place in [(each["line"], each["character"]) for each in starts], found
