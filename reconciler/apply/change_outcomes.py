"""The outcomes of one change, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.core.model import AttributePath, LiveUser, Value
from reconciler.core.paths import Path, parse, shorten_path
from reconciler.core.plan import Action, Change, FormDifference, Outcome, Result
from reconciler.core.planning.forms import name_form
from reconciler.core.text import quote, shorten
from reconciler.errors import ReconcilerError


def complete(
    change: Change, live: LiveUser | None, message: str = "", forms: tuple[FormDifference, ...] = ()
) -> Outcome:
    """Return the outcome of a change that is in effect for `live`; `forms`: values that it has in another form."""
    return Outcome(change, Result.DONE, message, live.id if live is not None else change.live_id, forms=forms)


def describe_forms(forms: Sequence[FormDifference]) -> str:
    """Say which values the service stored in another form than they were sent in; empty if none."""
    stored = [f"{shorten_path(each.path)} {name_form(each.sent, each.shown)}" for each in forms]
    return f"stored {', '.join(stored)}" if stored else ""


def cannot_patch(change: Change, why: str) -> Outcome:
    """Return the outcome of a change that the service offers no way to make."""
    return Outcome(change, Result.SKIPPED, f"not changed: {why}", permanent=True)


def partly_sent(change: Change, left_out: Mapping[AttributePath, str]) -> Outcome:
    """Return the outcome of a change in effect but for attributes that the service offers no way to change."""
    message = describe_left_out(left_out)
    return Outcome(change, Result.NOT_IN_EFFECT, message, change.live_id, tuple(left_out), permanent=True)


def describe_left_out(left_out: Mapping[AttributePath, str]) -> str:
    """Say why attributes were not sent: `left_out` has the reason for each."""
    whys = {why: [shorten_path(path) for path in left_out if left_out[path] == why] for why in left_out.values()}
    return "; ".join(f"{why}: {', '.join(paths)}" for why, paths in whys.items())


def hidden(change: Change) -> Outcome:
    """Return the outcome of a deactivation after which the service does not show the account any more."""
    message = "the service does not show it any more"
    return Outcome(change, Result.DONE, message, change.live_id, unseen=change.live_id or "")


def unconfirmed(outcome: Outcome, identity: str | None) -> Outcome:
    """Return the outcome of a create whose account is not shown yet. `identity`: the one in the answer, if any."""
    if identity is None:
        return outcome
    message = f"{outcome.message} (id {quote(identity)}). Plan again later: no second one is created"
    return replace(outcome, live_id=identity, message=message)


def unverified(change: Change, error: ReconcilerError) -> Outcome:
    """Return the outcome of a write that was sent, but whose user cannot be read."""
    paths = ("id",) if change.action is Action.DELETE else tuple(row.path for row in change.attribute_changes())
    message = f"sent, but it could not be verified: {error.summary}"
    return Outcome(change, Result.UNKNOWN, message, unconfirmed=paths)


def not_in_effect(change: Change, live: LiveUser | None, paths: Sequence[AttributePath], reason: str) -> Outcome:
    """Return the outcome of a write after which the attributes at `paths` have other values than planned."""
    what = describe_survivor(change, live) or _describe_missing(change, live, paths)
    message = f"{reason}, but {what}"
    identity = live.id if live is not None else change.live_id
    return Outcome(change, Result.NOT_IN_EFFECT, message, identity, tuple(paths))


def _describe_missing(change: Change, live: LiveUser | None, paths: Sequence[AttributePath]) -> str:
    if live is None and tuple(paths) == ("id",) and change.action is not Action.DELETE:
        yet = " yet" if change.action is Action.CREATE else ""
        return f"it does not show the account{yet}"
    if live is not None and live.lacks_active and tuple(paths) == ("active",):
        return "it does not show active: whether the account is active is not known"
    return f"it is not in effect: {_describe_shown(live, paths)}"


def _describe_shown(live: LiveUser | None, paths: Sequence[AttributePath]) -> str:
    """Name the attributes, with the values that the service shows instead."""
    return ", ".join(
        f"{shorten_path(path)} (the service {_describe_value(live, path)})"
        if live is not None and path != "id"
        else shorten_path(path)
        for path in paths
    )


def _describe_value(live: LiveUser, path: AttributePath) -> str:
    if path == "active" and live.lacks_active:
        return "does not show it"
    return f"shows {_format_value(live.attributes.get(path))}"


def _format_value(value: Value | None) -> str:
    return "no value" if value is None else str(value).lower() if isinstance(value, bool) else quote(shorten(value, 80))


def describe_survivor(change: Change, live: LiveUser | None) -> str:
    """Say that an account which was to be deleted is deactivated; empty if it was not, or is not."""
    if change.action is not Action.DELETE or live is None or live.active:
        return ""
    return "the service keeps the account, deactivated; set lifecycle.removed to deactivate to plan no deletion again"


def describe_unlabelled(path: AttributePath) -> str:
    """Say that a service does not keep what the filter of `path` names."""
    parsed = parse(path)
    names = " and ".join(name for name, _ in parsed.filter or ())
    return (
        f"The service does not keep {names} of {Path(parsed.urn, parsed.attribute)}: "
        f"an element without it counts as {shorten_path(path)}."
    )


def skip_drifted(change: Change, paths: Sequence[AttributePath]) -> Outcome:
    """Return the outcome of a change whose account changed since the plan was made."""
    names = ", ".join(shorten_path(path) for path in paths)
    what = "the account is gone" if tuple(paths) == ("id",) else f"{names} changed in the meantime"
    return Outcome(change, Result.SKIPPED, f"no longer as planned: {what}; plan again", attributes=tuple(paths))


def describe_name_holder(change: Change, holder: LiveUser) -> str:
    """Say which account has the user name that the change wants."""
    owner = f"externalId {quote(holder.external_id)}" if holder.external_id else "no externalId"
    return f"user name {quote(str(change.after.get('userName')))} belongs to account {quote(holder.id)} ({owner})"


def describe_refused_case(holder: LiveUser) -> str:
    """Say that the service refuses a change of a user name because the account has it in another case."""
    fix = f"Keep {quote(holder.user_name)} in the desired state."
    return f"The account itself has the name: the service refuses a change of case alone. {fix}"
