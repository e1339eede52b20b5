"""The configuration changes of a change set: settings, mappings, scope and protected users, a line each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.core.planning.offline import count_affected
from reconciler.core.text import format_names, pluralize, quote, shorten
from reconciler.core.values import fold_case
from reconciler.desired.loader import DesiredState, load_users
from reconciler.session.workspace import Workspace

_NAMED = 5


def describe_config_changes(workspace: Workspace, state: DesiredState, base: DesiredState) -> tuple[str, ...]:
    """Describe the changes from `base` to `state`. Untrusted values are quoted."""
    return (
        *_describe_settings(base.settings, state.settings),
        *_describe_mappings(workspace, state, base),
        *_describe_scope(workspace, state, base),
        *_describe_protection(state, base),
    )


# --- settings -----------------------------------------------------------------------


def _describe_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Describe every setting that differs; defaults count as values."""
    one, other = dict(_flatten(before)), dict(_flatten(after))
    for path in sorted(one.keys() | other.keys()):
        if path == "approvals":
            yield from _describe_approvals(one.get(path, []), other.get(path, []))
        elif one.get(path) != other.get(path):
            yield f"settings.yaml: {path} = {_format_value(one.get(path))} -> {_format_value(other.get(path))}"


def _flatten(section: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _describe_approvals(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for word, those, others in (("removed", before, after), ("added", after, before)):
        for entry in those:
            if entry not in others:
                shown = ", ".join(f"{key}: {_format_value(value)}" for key, value in entry.items())
                yield f"settings.yaml: approval {word}: {shown}"


def _format_value(value: Any) -> str:
    if isinstance(value, str):
        return quote(shorten(value))
    if isinstance(value, list):
        more = f" and {len(value) - _NAMED} more" if len(value) > _NAMED else ""
        return f"[{', '.join(map(_format_value, value[:_NAMED]))}{more}]"
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)


# --- rules ----------------------------------------------------------------------------


def _describe_mappings(workspace: Workspace, state: DesiredState, base: DesiredState) -> Iterator[str]:
    if state.files.get("mappings.yaml") == base.files.get("mappings.yaml") and state.profile is base.profile:
        return
    before = load_users(workspace.state, state, workspace.now, mappings=base.mappings, cache=workspace.cache)
    _, values = count_affected(before, state.users)
    yield f"mappings.yaml changed: {pluralize(values, 'user')} affected by that alone"


def _describe_scope(workspace: Workspace, state: DesiredState, base: DesiredState) -> Iterator[str]:
    changed = _list_changed_files(state, base)
    if not changed:
        return
    before = load_users(workspace.state, state, workspace.now, rules=base.rules, cache=workspace.cache)
    moved, _ = count_affected(before, state.users)
    yield f"{' and '.join(changed)} changed: {pluralize(moved, 'user')} in or out of scope by that alone"


def _list_changed_files(state: DesiredState, base: DesiredState) -> list[str]:
    differ = {name for name, digest in {*state.files.items()} ^ {*base.files.items()}}
    groups = any(name.startswith("groups/") for name in differ)
    return [name for name, is_changed in (("scope.yaml", "scope.yaml" in differ), ("groups/", groups)) if is_changed]


def _describe_protection(state: DesiredState, base: DesiredState) -> Iterator[str]:
    """Describe users whose own `lifecycle.protected` differs, and protected users that were removed."""
    was = {fold_case(user.key): user.key for user in base.users if user.lifecycle.protected}
    now = {fold_case(user.key): user.key for user in state.users if user.lifecycle.protected}
    for word, names in (("no longer protected", was.keys() - now.keys()), ("now protected", now.keys() - was.keys())):
        if names:
            shown = format_names([(was | now)[name] for name in sorted(names)])
            yield f"{word}: {pluralize(len(names), 'user')} ({shown})"
