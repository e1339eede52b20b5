"""Format the result of a translation for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.model import Diagnostic, warning
from reconciler.core.text import pluralize
from reconciler.entra.translation import Finding, FindingKind, ImportedSchema
from reconciler.entra.yaml_writer import render_lifecycle

_HEADS = {
    FindingKind.NO_EQUIVALENT: "No equivalent, so left out:",
    FindingKind.DIFFERS: "Translated with differences:",
    FindingKind.IGNORED: "Ignored on purpose:",
}


def format_findings(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the lines of all findings, by kind."""
    for kind, head in _HEADS.items():
        found = [finding for finding in findings if finding.kind is kind]
        if found:
            yield ""
            yield head
            for finding in found:
                yield f"  - {finding.subject}: {finding.reason}"


def list_next_steps(imported: ImportedSchema) -> Iterator[str]:
    """Yield the settings that follow from the schema, and the source attributes that users need."""
    yield ""
    yield "According to its flowTypes, settings.yaml should have:"
    yield ""
    yield from (f"  {line}" for line in render_lifecycle(imported.actions).splitlines())
    yield ""
    yield f"Source attributes that it reads and users/ should have: {', '.join(imported.attributes) or 'none'}"


def build_warnings(imported: ImportedSchema) -> list[Diagnostic]:
    """Build the warnings about an incomplete translation."""
    found = []
    filters = imported.filters
    if filters.closed:
        detail = (
            "A limit of the schema has no equivalent here. To provision no users in error, "
            "scope.yaml has a group that no user passes: decide which users pass, then remove it."
        )
        found.append(warning("the scope is INCOMPLETE: no user passes the filters", detail))
    elif filters.incomplete:
        left_out = sum(not group.active for group in filters.groups)
        detail = "Users that pass only these are out of scope and would be deactivated: fix them in scope.yaml first."
        groups = f"{left_out} of {pluralize(len(filters.groups), 'filter group')}"
        found.append(warning(f"the scope is INCOMPLETE: {groups} left out", detail))
    missing = sum(finding.kind is FindingKind.NO_EQUIVALENT for finding in imported.findings)
    if missing:
        found.append(warn_untranslated(f"{pluralize(missing, 'part')} of the schema"))
    return found


def warn_untranslated(what: str) -> Diagnostic:
    """Build the warning that `what` could not be translated."""
    detail = "Each one is listed with its reason in the report and, where possible, in the files."
    return warning(f"{what} could not be translated", detail)
