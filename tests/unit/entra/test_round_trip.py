"""Laws: a schema means what it meant after import, and import after export gives the same desired state."""

from __future__ import annotations

import json
import tempfile
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.builders import NOW, TODAY, source_user
from support.entra_schemas import USUAL, attribute, clause, constant, function, group, passes, row, schema, users
from support.laws import examples

from reconciler.commands.export_entra_schema import run_export_entra_schema
from reconciler.core.model import AttributeMapping, ScopeReason, SourceUser
from reconciler.core.paths import shorten_path
from reconciler.core.planning.mapping import Projector
from reconciler.core.scope.verdict import decide_scope
from reconciler.desired.directory import Directory
from reconciler.desired.mappings import compile_mappings
from reconciler.desired.scope import read_scope
from reconciler.entra.schema_import import import_schema
from reconciler.entra.synchronization_schema import read_schema
from reconciler.entra.translation import FindingKind, ImportedSchema
from reconciler.entra.yaml_writer import render_mappings, render_scope
from reconciler.errors import ExitCode
from reconciler.profiles import PROFILES
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace

SCIM = PROFILES["scim"]
SETTINGS = "target: {profile: scim, base_url: 'https://scim.example.com'}\n"
SOURCES = ("department", "jobTitle", "city", "level", "extension_0f_Cost Centre")
VALUES = (
    "Sales",
    "sales",
    "Sales East",
    "10",
    "9",
    "  x ",
    "Zoë 👩🏽‍💻",
    "True",
    "false",
    "a@example.com",
    "O'Neil: #1",
)
TARGETS = (
    "title",
    "displayName",
    "nickName",
    "name.givenName",
    "name.familyName",
    'emails[type eq "work"].value',
    'addresses[type eq "work"].locality',
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:core:2.0:User:userType",
)
EXPRESSIONS = (
    "ToUpper([department])",
    'Join(", ", [department], [city])',
    'Append([jobTitle], " \\"x\\" \\\\ y")',
    'Switch([department], "none", "Sales", [city], "sales", "")',
    'IIF([level] = "10", "ten", [level])',
    'Replace([jobTitle], "a", , , "b", , )',
    'Coalesce([jobTitle], [department], "nobody")',
    "IgnoreFlowIfNullOrEmpty([jobTitle])",
    'Mid("[city]", 1, 3)',
    "[accountEnabled]",
)
REFUSED = "the constant cannot be used: "
REFUSED_DEFAULT = "the default cannot be used: "
"""The row stays, without its default."""
# Any untrusted text, except lone surrogates, which are not text.
hostile = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
awkward = st.sampled_from(
    ["null", "~", "- a", "a: b", "'", '"', "a #b", "\n- x", "\u2028", "\u202e", "##[x]", "{{ a }}", "!!x"]
)
texts = st.one_of(st.sampled_from(VALUES), awkward, hostile)
visible = texts.filter(lambda text: bool(text.strip()))
attributes = st.sampled_from(SOURCES)


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    targets = draw(st.lists(st.sampled_from(TARGETS), unique=True, max_size=5))
    sources = st.one_of(
        attributes.map(attribute), visible.map(constant), st.sampled_from(EXPRESSIONS).map(function), st.none()
    )
    found = []
    for target in targets:
        source = draw(sources)
        default = draw(visible if source is None else st.one_of(st.none(), st.sampled_from(VALUES)))
        flow = draw(st.sampled_from(["Always", "ObjectAddOnly", "AttributeAddOnly"]))
        found.append(row(target, source, defaultValue=default, flowType=flow))
    return [*USUAL, *found]


UNARY = st.builds(clause, attributes, st.sampled_from(["IS NULL", "IS NOT NULL", "IS TRUE", "IS FALSE"]))
BINARY = st.builds(clause, attributes, st.sampled_from(["EQUALS", "NOT EQUALS", "Includes", "ENDS_WITH"]), texts)
NUMERIC = st.builds(
    clause, attributes, st.sampled_from(["Greater_Than", "Greater_Than_OR_EQUALS"]), st.sampled_from(["0", "9", "10"])
)
clauses = st.lists(st.one_of(UNARY, BINARY, NUMERIC), min_size=1, max_size=3)
groups = st.lists(st.builds(lambda name, each: group(name, *each), texts, clauses), max_size=3)
schemas = st.builds(lambda given, scope: schema(users(given, scope)), rows(), groups)
people = st.lists(
    st.dictionaries(attributes, st.sampled_from(VALUES), max_size=5).map(lambda given: source_user(**given)),
    min_size=1,
    max_size=4,
)


UNSEEN = "Zoë 👩🏽\u200d💻"
"""With a character that no address may have."""
with_unseen_default = schema(
    users([*USUAL, row('emails[type eq "work"].value', attribute("department"), defaultValue=UNSEEN)], [])
)


class State:
    """A directory that was imported: its rows compiled, its scope read."""

    def __init__(self, root: Path, document: dict[str, Any]) -> None:
        self.root = root
        root.mkdir()
        self.imported: ImportedSchema = import_schema(read_schema(json.dumps(document).encode()), SCIM, None, NOW)
        (root / "settings.yaml").write_text(SETTINGS, "utf-8")
        (root / "mappings.yaml").write_text(render_mappings(self.imported, "a\nb.json"), "utf-8")
        text = render_scope(self.imported, "a\nb.json").replace("\nsync: assigned\n", "\nsync: all\n")
        (root / "scope.yaml").write_text(text, "utf-8")
        directory = Directory(root)
        self.rows: tuple[AttributeMapping, ...] = compile_mappings(directory, SCIM, NOW).rows
        self.rules = read_scope(directory, TODAY).rules
        assert [item for item in directory.diagnostics if item.severity == "error"] == []

    def lost(self) -> list[str]:
        return [
            f"{each.subject}: {each.reason}"
            for each in self.imported.findings
            if each.kind is FindingKind.NO_EQUIVALENT
        ]

    def of(self, user: SourceUser) -> Any:
        """Everything that the desired state says of a user."""
        # The text of an error has the line of its clause, and files differ in theirs.
        verdict = decide_scope(user, self.rules, TODAY)
        if verdict.reason is ScopeReason.UNJUDGED:
            verdict = replace(verdict, text="")
        desired, mistakes = Projector(SCIM, self.rows, ()).project(user, verdict)
        flows = {row.target: row.flow for row in self.rows}
        attributes, once = dict(desired.attributes), dict(desired.create_only)
        return verdict, attributes, once, desired.match, desired.failed, [item.summary for item in mistakes], flows

    def exported(self) -> dict[str, Any]:
        out = self.root / "schema.out"
        terminal = Terminal(no_color=True, redact=False, quiet=True, verbose=False)
        place = Workspace(self.root, self.root, sandbox=False, now=NOW)
        assert run_export_entra_schema(place, out, terminal) is ExitCode.OK
        found: dict[str, Any] = json.loads(out.read_text("utf-8"))
        return found


@settings(max_examples=examples(120), deadline=None)
@example(with_unseen_default, [source_user()])
@given(schemas, people)
def test_import_after_export_gives_the_same_desired_state(document: dict[str, Any], persons: list[SourceUser]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first = State(Path(folder, "first"), document)
        second = State(Path(folder, "second"), first.exported())
        assert second.lost() == []
        assert all(REFUSED in said or REFUSED_DEFAULT in said for said in first.lost())
        for user in persons:
            assert first.of(user) == second.of(user)


@settings(max_examples=examples(120), deadline=None)
@example(with_unseen_default, [source_user()])
@given(schemas, people)
def test_an_imported_schema_means_what_the_document_says(document: dict[str, Any], persons: list[SourceUser]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = State(Path(folder, "state"), document)
    mappings = document["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]
    for user in persons:
        verdict, attributes, once, _match, failed, _mistakes, _flows = state.of(user)
        assert verdict.in_scope == passes(document, user)
        if failed or not verdict.in_scope:
            continue
        for given_row, written in zip(mappings, state.imported.rows, strict=True):
            if any(comment.startswith(f"No equivalent: {REFUSED}") for comment in written.comments):
                assert not written.active
                assert written.entries["target"] not in {shorten_path(path) for path in (*attributes, *once)}
                continue
            source, target = given_row["source"], given_row["targetAttributeName"]
            if source is not None and source["type"] == "Function":
                continue
            value = (
                given_row["defaultValue"]
                if source is None
                else source["name"]
                if source["type"] == "Constant"
                else user.attributes.get(source["name"])
            )
            # A default counts on create only, and only where there is no value.
            refused = any(REFUSED_DEFAULT in comment for comment in written.comments)
            on_create = value or (None if refused else given_row["defaultValue"])
            always = None if given_row["flowType"] == "ObjectAddOnly" else value
            path = target.replace("urn:ietf:params:scim:schemas:core:2.0:User:", "")
            assert attributes.get(path) == _stripped(always)
            assert {**attributes, **once}.get(path) == _stripped(on_create)


def _stripped(value: Any) -> Any:
    return unicodedata.normalize("NFC", str(value).strip()) if value else None
