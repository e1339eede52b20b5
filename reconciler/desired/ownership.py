"""Which accounts are managed: `ownership` of settings.yaml, a SCIM filter."""

from __future__ import annotations

from reconciler.core.model import error
from reconciler.core.paths import is_core_attribute
from reconciler.core.scope.scim_filter import (
    DEFAULT_OWNERSHIP,
    Predicate,
    compile_filter,
    list_attributes,
    print_filter,
)
from reconciler.core.text import quote
from reconciler.desired import schema
from reconciler.desired.directory import Directory
from reconciler.desired.validation import LocatedModel


def compile_ownership(settings: LocatedModel[schema.Settings], directory: Directory) -> Predicate:
    """Compile the filter of settings.yaml; what is wrong with it is reported."""
    text, start = settings.value.ownership, settings.at("ownership")
    if text == print_filter(DEFAULT_OWNERSHIP):
        return compile_filter(DEFAULT_OWNERSHIP)
    # The parser takes 0.1 s to import and build, and most directories keep the default.
    from reconciler.desired import scim_filter_parser  # noqa: PLC0415

    try:
        tree = scim_filter_parser.parse_filter(text)
    except scim_filter_parser.FilterError as exc:
        summary = f"ownership is not a SCIM filter: {exc}"
        detail = f"At character {exc.position + 1}. An example: {print_filter(DEFAULT_OWNERSHIP)}"
        directory.report(error(summary, detail, directory.locate_in_value(start, text, exc.position) or start))
        return lambda _resource: False
    for name in list_attributes(tree):
        if not is_core_attribute(name):
            # A misspelt attribute has no value in any user, so `ne` would be true for every user.
            detail = "A User has userName, externalId, userType, roles, …; others need their extension's URN."
            directory.report(error(f"ownership: a User has no {quote(name)}", detail, start))
    return compile_filter(tree)
