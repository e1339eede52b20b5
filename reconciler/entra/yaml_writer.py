"""Render mappings.yaml and scope.yaml. Text of the schema is untrusted: it must not end a line or a scalar."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from reconciler.core.text import escape_control, shorten
from reconciler.desired.yaml_format import format_scalar
from reconciler.entra.translation import ImportedSchema, TranslatedFilterGroup, TranslatedFilters, TranslatedMapping

_WIDTH = 116
_MAX_LINE = 60_000
"""Bytes; the loader accepts lines up to 65,536."""
_MAX_COMMENT = 12_000
_CLOSED = (
    "A limit of the schema has no equivalent here (see below). Without this group, which "
    "no user passes, too many users would be in scope. Remove it when you have decided which users pass."
)
CLOSED_GROUP = TranslatedFilterGroup(
    "no user, until the groups below are fixed",
    ({"attribute": "userPrincipalName", "operator": "IS NULL"},),
    (_CLOSED,),
)

SCHEMA_COMMAND, ENTRA_COMMAND = "import entra-schema", "import entra"
_BY = " of Microsoft Entra, by `reconciler "
_FILTERS = "Scoping filters"
_HEADER_START = f"{_FILTERS}{_BY}import entra"
"""Of both commands."""
_HEADER_END = "Each entry names its path in the schema. Commented entries were left out, with the reason."
_NO_FILTER = "The schema has no scoping filter: every assigned user passes."
_HEADER_ENDS = (
    _HEADER_END,
    "Each entry names its place in the schema. What stands as a comment was left out, and why.",
)
_NO_FILTERS = (_NO_FILTER, "The schema has no scoping filter: every assigned user passes.")
"""With the wording of version 0.1, whose files are imported again."""


def format_comment(text: str, indent: str = "") -> Iterator[str]:
    """Yield `text` as comment lines."""
    escaped = "".join(
        each if each.isprintable() else f"\\u{{{ord(each):x}}}" for each in escape_control(shorten(text, _MAX_COMMENT))
    )
    for line in textwrap.wrap(escaped, _WIDTH - len(indent), break_on_hyphens=False) or [""]:
        yield f"{indent}# {line}".rstrip()


def format_flow_mapping(entries: Mapping[str, str | int]) -> str:
    """Format a flow mapping, such as `{target: userName, source: userPrincipalName}`."""
    pairs = ", ".join(
        f"{key}: {value if isinstance(value, int) else format_scalar(value)}" for key, value in entries.items()
    )
    return "{" + pairs + "}"


def fits_on_line(entries: Mapping[str, str | int]) -> bool:
    """Whether the loader accepts a line with `entries`."""
    return len(format_flow_mapping(entries).encode()) <= _MAX_LINE


def _format_entries(entries: Mapping[str, str | int], head: str) -> Iterator[str]:
    """Yield the entries as one line, or as comment lines if it would be too long."""
    if fits_on_line(entries):
        yield head + format_flow_mapping(entries)
    else:
        yield from format_comment(format_flow_mapping(entries), head[: len(head) - len(head.lstrip())])


def render_mappings(imported: ImportedSchema, file: str, command: str = SCHEMA_COMMAND) -> str:
    """Render mappings.yaml. `file`: where the schema is from; `command`: the one that writes it."""
    lines = list(_render_header("Attribute mappings", imported, file, command))
    for row in imported.rows:
        lines += ["", *_render_row(row)]
    if not any(row.active for row in imported.rows):
        lines += ["", "[]"]
    lines += ["", "# About the schema as a whole:"]
    for finding in imported.findings:
        if not finding.subject.startswith(("attributeMappings[", "scope.")):
            lines += format_comment(f"{finding.subject}: {finding.kind}. {finding.reason}.")
    return "\n".join(lines) + "\n"


def _render_row(row: TranslatedMapping) -> Iterator[str]:
    for text in row.comments:
        yield from format_comment(text)
    yield from _format_entries(row.entries, "- " if row.active else "# - ")


def _render_header(what: str, imported: ImportedSchema, file: str, command: str) -> Iterator[str]:
    yield from format_comment(f"{what}{_BY}{command}` from {file}.")
    for text in imported.provenance:
        yield from format_comment(f"{text}.")
    yield from format_comment(_HEADER_END)


def remove_header(text: str) -> str:
    """Remove the header of an earlier import from the text of a scope.yaml; other comments stay."""
    lines = [line for line in text.splitlines(keepends=True) if line.rstrip().removeprefix("# ") not in _NO_FILTERS]
    start = next((at for at, line in enumerate(lines) if line.startswith(f"# {_HEADER_START}")), len(lines))
    for end, line in enumerate(lines[start:], start + 1):
        if not line.startswith("#"):
            break
        if line.rstrip().removeprefix("# ") in _HEADER_ENDS:
            return "".join([*lines[:start], *lines[end:]]).lstrip("\n")
    return "".join(lines)


def render_scope(imported: ImportedSchema, file: str) -> str:
    """Render a new scope.yaml."""
    sync = (
        "Entra keeps this choice outside of the schema (the secret SyncAll; in the portal: Provisioning, Settings, "
        "Scope). assigned is the safe choice: no user is in scope until users and groups are listed here. Look the "
        "choice up in Entra, then list the users and groups that are assigned to the application, or write all."
    )
    lines = [
        *_render_header(_FILTERS, imported, file, SCHEMA_COMMAND),
        "",
        *format_comment(sync),
        "sync: assigned",
        "assigned:",
        "  users: []",
        "  groups: []",
        "",
        *_render_filter_groups(imported.filters),
    ]
    return "\n".join(lines) + "\n"


def render_filters(imported: ImportedSchema, file: str, command: str) -> str:
    """Render `filters:` with its header, for an existing scope.yaml. `file`, `command`: as of `render_mappings`."""
    header = _render_header(_FILTERS, imported, file, command)
    return "\n".join([*header, *_render_filter_groups(imported.filters)]) + "\n"


def _render_filter_groups(filters: TranslatedFilters) -> Iterator[str]:
    if not filters.groups and not filters.closed:
        yield from format_comment(_NO_FILTER)
        return
    groups = [CLOSED_GROUP, *(_comment_out(group) for group in filters.groups)] if filters.closed else filters.groups
    yield "filters:"
    for group in groups:
        yield from _render_group(group)


def _comment_out(group: TranslatedFilterGroup) -> TranslatedFilterGroup:
    comments = (*group.comments, "Left out because the scope is closed, see above.") if group.active else group.comments
    return TranslatedFilterGroup(group.name, group.clauses, comments, active=False)


def _render_group(group: TranslatedFilterGroup) -> Iterator[str]:
    for text in group.comments:
        yield from format_comment(text, "  ")
    off = "" if group.active else "# "
    yield f"  {off}- name: {format_scalar(group.name)}"
    yield f"  {off}  clauses:"
    for clause in group.clauses:
        yield from _format_entries(clause, f"  {off}    - ")


def render_lifecycle(actions: Iterable[str]) -> str:
    """Render the `lifecycle:` block for settings.yaml."""
    return f"lifecycle:\n  actions: [{', '.join(actions)}]\n  out_of_scope: deactivate\n  removed: deactivate\n"
