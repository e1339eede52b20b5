"""Questions about this program and the desired state."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence

from reconciler import __version__
from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.model import Diagnostic, Severity
from reconciler.core.text import pluralize
from reconciler.desired.directory import Directory
from reconciler.desired.loader import BrokenState, load
from reconciler.desired.missing_state import describe_missing_state
from reconciler.profiles import PROFILES
from reconciler.session.checks.context import CheckContext
from reconciler.session.workspace import approval_date, resolve_target

_VALIDATE = "`reconciler validate` shows all of them, with what to do."


def ask_version(_context: CheckContext) -> Iterator[Answer]:
    """Say which program runs on what."""
    python = platform.python_version()
    facts = (("reconciler", __version__), ("python", python), ("system", platform.system()))
    yield Answer("version", CheckVerdict.OK, f"Reconciler {__version__}, Python {python}", facts=facts)


def ask_files(context: CheckContext) -> Iterator[Answer]:
    """Ask whether the desired state is valid, and which target its settings name.

    With errors in other files, the settings alone are enough for most of the later questions.
    """
    if not context.workspace.state.is_dir():
        missing = describe_missing_state(context.workspace.state)
        yield Answer("desired_state", CheckVerdict.FAILED, missing.summary, tuple(missing.detail.splitlines()))
    else:
        yield _ask_desired_state(context)
    yield _ask_target(context)


def _ask_desired_state(context: CheckContext) -> Answer:
    workspace = context.workspace
    state = load(workspace.state, workspace.now, approval_date(workspace), cache=workspace.cache)
    settings = Directory(workspace.state).read_settings()
    context.settings = None if settings is None else settings.value
    context.state = None if isinstance(state, BrokenState) else state
    errors = [item for item in state.diagnostics if item.severity is Severity.ERROR]
    warnings = [item for item in state.diagnostics if item.severity is not Severity.ERROR]
    facts: tuple[tuple[str, int | None], ...] = (("errors", len(errors)), ("warnings", len(warnings)))
    if isinstance(state, BrokenState):
        found = pluralize(len(errors), "error")
        return Answer("desired_state", CheckVerdict.FAILED, f"{found}, {_describe_first(errors)}", (_VALIDATE,), facts)
    facts = (("users", len(state.users)), ("in_scope", state.in_scope), *facts)
    users = f"{pluralize(len(state.users), 'user')} in {workspace.state}, {state.in_scope:,} of them in scope"
    if errors or warnings:
        kinds = ((errors, "error", "of a single user"), (warnings, "warning", ""))
        counts = " and ".join(f"{pluralize(len(items), word)} {of}".rstrip() for items, word, of in kinds if items)
        first = _describe_first(errors or warnings)
        return Answer("desired_state", CheckVerdict.WARNING, f"{users}; {counts}, {first}", (_VALIDATE,), facts)
    return Answer("desired_state", CheckVerdict.OK, users, facts=facts)


def _describe_first(items: Sequence[Diagnostic]) -> str:
    """Return the first diagnostic with its place; with several, say that it is the first."""
    first = items[0]
    place = f" on {first.origin}" if first.origin is not None else ""
    return f"{'the first' if len(items) > 1 else 'namely'}{place}: {first.summary}"


def _ask_target(context: CheckContext) -> Answer:
    if context.settings is None:
        return Answer("target", CheckVerdict.SKIPPED, "not asked: settings.yaml cannot be read")
    context.target = target = resolve_target(context.workspace, context.settings)
    facts = (("profile", target.profile), ("base_url", target.base_url), ("tenant", target.tenant))
    title = PROFILES[target.profile].title
    if context.workspace.sandbox:
        return Answer("target", CheckVerdict.OK, f"the embedded sandbox, which behaves like {title}", facts=facts)
    return Answer("target", CheckVerdict.OK, f"{title} at {target.base_url}", facts=facts)
