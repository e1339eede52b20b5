"""What a translation says on the screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.model import Diagnostic, warning
from reconciler.core.text import pluralize
from reconciler.entra.translation import Finding, FindingKind, ImportedSchema
from reconciler.entra.yaml_writer import render_lifecycle

_HEADS = {
    FindingKind.NO_EQUAL: "No equal, so left out:",
    FindingKind.DIFFERS: "Translated, with something to know:",
    FindingKind.IGNORED: "Ignored on purpose:",
}


def format_findings(findings: Sequence[Finding]) -> Iterator[str]:
    """All findings, by kind."""
    for kind, head in _HEADS.items():
        found = [finding for finding in findings if finding.kind is kind]
        if found:
            yield ""
            yield head
            for finding in found:
                yield f"  - {finding.subject}: {finding.reason}"


def list_next_steps(imported: ImportedSchema) -> Iterator[str]:
    """What the schema says for settings.yaml, and what people have to carry."""
    yield ""
    yield "By its flowTypes, settings.yaml should say:"
    yield ""
    yield from (f"  {line}" for line in render_lifecycle(imported.actions).splitlines())
    yield ""
    yield f"Source attributes that it reads, which users/ should have: {', '.join(imported.attributes) or 'none'}"


def build_warnings(imported: ImportedSchema) -> list[Diagnostic]:
    """What must not be overlooked."""
    found = []
    filters = imported.filters
    if filters.closed:
        detail = (
            "The schema limits it in a way that has no equal here. So that nobody is provisioned by mistake, "
            "scope.yaml has a group that is true for nobody: decide who passes, then remove it."
        )
        found.append(warning("the scope is INCOMPLETE: nobody passes the filters", detail))
    elif filters.incomplete:
        left = sum(not group.active for group in filters.groups)
        detail = "Whoever passes only those is out of scope, and would be deactivated: mend them in scope.yaml first."
        groups = f"{left} of {pluralize(len(filters.groups), 'filter group')}"
        found.append(warning(f"the scope is INCOMPLETE: {groups} left out", detail))
    lost = sum(finding.kind is FindingKind.NO_EQUAL for finding in imported.findings)
    if lost:
        found.append(warn_untranslated(f"{pluralize(lost, 'part')} of the schema"))
    return found


def warn_untranslated(what: str) -> Diagnostic:
    """That `what` is missing in the result."""
    detail = "Each is named with its reason in the report and, where it has a place there, in the files."
    return warning(f"{what} could not be translated", detail)
