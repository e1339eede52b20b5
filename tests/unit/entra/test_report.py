from dataclasses import replace

from reconciler.core.model import Severity
from reconciler.entra.report import build_warnings, format_findings, list_next_steps
from reconciler.entra.translation import (
    Finding,
    FindingKind,
    ImportedSchema,
    TranslatedFilterGroup,
    TranslatedFilters,
)

FINDINGS = (
    Finding(FindingKind.IGNORED, "metadata", "not needed"),
    Finding(FindingKind.NO_EQUIVALENT, "manager", "a reference"),
    Finding(FindingKind.DIFFERS, "title", "another default"),
)
IMPORTED = ImportedSchema(
    provenance=(),
    rows=(),
    filters=TranslatedFilters(),
    actions=("create", "update"),
    attributes=("mail", "surname"),
    findings=(),
)
GROUP = TranslatedFilterGroup("A", ())


def test_findings_are_listed_by_kind() -> None:
    assert list(format_findings(FINDINGS)) == [
        "",
        "No equivalent, so left out:",
        "  - manager: a reference",
        "",
        "Translated with differences:",
        "  - title: another default",
        "",
        "Ignored on purpose:",
        "  - metadata: not needed",
    ]
    assert list(format_findings(())) == []


def test_the_next_steps_are_settings_and_attributes() -> None:
    assert list(list_next_steps(IMPORTED)) == [
        "",
        "According to its flowTypes, settings.yaml should have:",
        "",
        "  lifecycle:",
        "    actions: [create, update]",
        "    out_of_scope: deactivate",
        "    removed: deactivate",
        "",
        "Source attributes that it reads and users/ should have: mail, surname",
    ]
    assert list(list_next_steps(replace(IMPORTED, attributes=())))[-1].endswith("should have: none")


def test_a_complete_translation_has_no_warnings() -> None:
    assert build_warnings(IMPORTED) == []


def test_an_incomplete_translation_has_warnings() -> None:
    closed = replace(IMPORTED, filters=TranslatedFilters((GROUP,), closed=True), findings=FINDINGS)
    assert [(item.severity, item.summary) for item in build_warnings(closed)] == [
        (Severity.WARNING, "the scope is INCOMPLETE: no user passes the filters"),
        (Severity.WARNING, "1 part of the schema could not be translated"),
    ]
    partial = replace(IMPORTED, filters=TranslatedFilters((GROUP, replace(GROUP, active=False))))
    assert [item.summary for item in build_warnings(partial)] == [
        "the scope is INCOMPLETE: 1 of 2 filter groups left out"
    ]
