"""Questions about the people of the desired state, answered by its files alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.core.base_url import suggest_host
from reconciler.core.check import Answer
from reconciler.core.model import DesiredUser, Diagnostic, Origin, Severity, SourceUser
from reconciler.core.paths import shorten_path
from reconciler.core.text import pluralize, quote
from reconciler.core.values import fold_case, normalize_domain
from reconciler.desired.directory import Directory
from reconciler.desired.loader import DesiredState
from reconciler.scim.probes.verdicts import ok, skip, warn
from reconciler.session.checks.context import CheckContext

QUESTIONS = ("domains", "mail_addresses", "required_names")
_NAMES = ("name.givenName", "name.familyName")
_SHOWN = 3
_DOMAINS = "target.domains"


def ask_people(context: CheckContext) -> Iterator[Answer]:
    """Ask whether the users are as the service needs them: verified domains, userName and mail, both names.

    What the service does not need is left out.
    """
    state = context.state
    if state is None:  # pragma: no cover - `needs` says so
        return
    profile = state.profile
    # A new sandbox has the domains of the users.
    if state.policy.domains or (profile.verified_domains.value and not context.workspace.sandbox):
        yield _judge_domains(state)
    if profile.user_name_is_email.value:
        yield _judge_mail(context, state)
    required = [row.path for row in profile.attributes if row.required and row.path in _NAMES]
    if required:
        yield _judge_names(state, required)


def show_places(people: Iterable[tuple[str, Origin | None]]) -> tuple[str, ...]:
    """Return a line for each of the first few users, with its place. All of it is quoted, so that it can be hidden."""
    found = list(people)
    lines = [f"{quote(name)} in {quote(f'{at.file}:{at.line}')}" if at else quote(name) for name, at in found[:_SHOWN]]
    left = len(found) - len(lines)
    return (*lines, f"and {left:,} more") if left > 0 else tuple(lines)


# --- domains -------------------------------------------------------------------------------------


def _judge_domains(state: DesiredState) -> Answer:
    name, domains = "domains", state.policy.domains
    used = _count_domains(user for user in state.users if user.verdict.in_scope)
    if not domains:
        summary = f"target.domains is not set, so {pluralize(len(used), 'domain')} of users cannot be compared with it"
        return warn(name, summary, f"List the domains that are verified in {state.profile.title}.", domains=len(used))
    outside = [item for item in _list_errors(state.diagnostics) if item.cause == _DOMAINS]
    facts = {"domains": len(domains), "outside": len(outside)}
    if not outside:
        return ok(name, f"every userName in scope is in {pluralize(len(domains), 'verified domain')}", **facts)
    users = {item.address: item.origin for item in outside}
    shown = show_places((_name_user(address), origin) for address, origin in users.items())
    advice = (*_name_look_alikes(used, domains), state.profile.domain_hint, *shown)
    return warn(name, f"{pluralize(len(users), 'user')} outside the verified domains, not applied", *advice, **facts)


def _count_domains(users: Iterable[DesiredUser]) -> set[str]:
    """Return the domains of the users' names; of a user in error, those of its matching values."""
    names = (name for user in users for name in (user.user_names or map(str, filter(None, user.match))))
    return {normalize_domain(name.rpartition("@")[2]) for name in names if "@" in name}


def _name_look_alikes(used: Iterable[str], domains: Sequence[str]) -> list[str]:
    known = [normalize_domain(each) for each in domains]
    near = [(each, suggest_host(each, known)) for each in sorted(used) if each not in known]
    return [f"{quote(each)} looks like {quote(other)}: correct one of them." for each, other in near[:_SHOWN] if other]


def _name_user(address: str | None) -> str:
    """Return the key in an address such as `user["ada@example.com"]`."""
    return (address or "").removeprefix('user["').removesuffix('"]')


def _list_errors(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [item for item in diagnostics if item.severity is Severity.ERROR and item.address is not None]


# --- mail and names ------------------------------------------------------------------------------


def _judge_mail(context: CheckContext, state: DesiredState) -> Answer:
    name = "mail_addresses"
    in_scope = {(user.key, user.origin): user for user in state.users if user.verdict.in_scope and not user.failed}
    sources = (
        user
        for user in Directory(context.workspace.state, cache=context.workspace.cache).read_users()
        if (user.key, user.origin) in in_scope
    )
    compared, differing = 0, []
    for source in sources:
        mail = _read_mail(source)
        if mail is None:
            continue
        compared += 1
        names = map(fold_case, in_scope[source.key, source.origin].user_names)
        if fold_case(mail) not in names:
            differing.append((source.key, source.at("mail")))
    facts = {"compared": compared, "differing": len(differing)}
    if not compared:
        return skip(name, "not asked: no user in scope has a mail")
    if not differing:
        return ok(name, f"mail is the userName of all {pluralize(compared, 'user')} in scope who have one", **facts)
    advice = (
        f"{state.profile.title} signs people in with the address that is their userName, and knows no aliases.",
        "For single sign-on both must be the same: correct userPrincipalName or mail where the people come from.",
        *show_places(differing),
    )
    return warn(name, f"{pluralize(len(differing), 'user')} in scope have another mail than userName", *advice, **facts)


def _read_mail(user: SourceUser) -> str | None:
    mail = user.attributes.get("mail")
    return mail.strip() or None if isinstance(mail, str) else None


def _judge_names(state: DesiredState, required: Sequence[str]) -> Answer:
    name = "required_names"
    starts = tuple(f"{shorten_path(path)} is required by " for path in required)
    missing = {item.address: item.origin for item in _list_errors(state.diagnostics) if item.summary.startswith(starts)}
    if not missing:
        return ok(name, "every user in scope has a first and a last name", missing=0)
    advice = (
        f"{state.profile.title} needs both: these users are not applied.",
        *show_places((_name_user(address), origin) for address, origin in missing.items()),
    )
    return warn(
        name, f"{pluralize(len(missing), 'user')} in scope without first or last name", *advice, missing=len(missing)
    )
