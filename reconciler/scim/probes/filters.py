"""Which filters a service takes (RFC 7644 section 3.4.2.2), and whether it ignores those that it does not take."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from reconciler.core.check import Answer
from reconciler.core.model import Resource
from reconciler.core.paths import get
from reconciler.core.profile import Comparison, TargetProfile
from reconciler.core.text import pluralize
from reconciler.core.values import fold_case
from reconciler.scim.probes.asking import Asker, Grounds, ProbedUsers, Reply
from reconciler.scim.probes.lists import FEW
from reconciler.scim.probes.verdicts import Fact, ask_to_report, fail, ok, skip, warn

_DANGER = (
    "Do not apply: a name that is taken, and a creation whose answer was lost, cannot be looked up.",
    "Ask the service's makers for filters by userName and externalId: Entra ID needs them too.",
)
_NOT_LOOKED_UP = "Plans rely on the list alone then; apply cannot look up who has a name that is refused (409)."


QUESTIONS = tuple(f"filter_{each}" for each in ("nobody", "user_name", "case", "external_id", "id", "others"))


class FilterOutcome(StrEnum):
    """What a filter by one user's value, or by a value that no user has, brought."""

    FOUND = "found"
    NOBODY = "nobody"
    IGNORED = "ignored"
    """Users that the filter excludes."""
    REFUSED = "refused"
    UNCLEAR = "unclear"
    """Another answer than a list, or one that contradicts itself."""


@dataclass(frozen=True)
class FilterResult:
    """One filter: its answer and what that means."""

    reply: Reply
    outcome: FilterOutcome


@dataclass(frozen=True)
class FilterFindings:
    """Answers to filters. `nobody`: by a userName of no user. `others`: of other kinds, by values that no user has.

    The rest: by a value of one listed user; None: not asked, because that user has no such value.
    """

    nobody: FilterResult
    user_name: FilterResult | None = None
    other_case: FilterResult | None = None
    external_id: FilterResult | None = None
    identity: FilterResult | None = None
    others: Mapping[str, FilterResult] = field(default_factory=dict)

    @property
    def grounds(self) -> Grounds:
        """The replies that each answer rests on."""
        results = {
            "filter_nobody": (self.nobody,),
            "filter_user_name": (self.user_name, self.nobody),
            "filter_case": (self.user_name, self.other_case),
            "filter_external_id": (self.external_id, self.nobody),
            "filter_id": (self.identity,),
            "filter_others": tuple(self.others.values()),
        }
        return {name: [each.reply if each is not None else None for each in found] for name, found in results.items()}


def read_filters(asker: Asker, user: Resource | None) -> FilterFindings:
    """Ask with filters, with 10 requests at most. `user`: one that was listed."""
    absent = f"reconciler-check-{secrets.token_hex(8)}@example.invalid"
    nobody = _ask(asker, "userName", absent)
    others = {name: _judge_other(asker.list(filter=text, count=FEW)) for name, text in _write_others(absent).items()}
    if user is None:
        return FilterFindings(nobody, others=others)
    return FilterFindings(
        nobody,
        user_name=_ask_for(asker, user, "userName"),
        other_case=_ask_in_other_case(asker, user),
        external_id=_ask_for(asker, user, "externalId"),
        identity=_ask_for(asker, user, "id"),
        others=others,
    )


def _write_others(absent: str) -> dict[str, str]:
    return {
        "sw": f'userName sw "{absent}"',
        "and": f'userName eq "{absent}" and active eq true',
        "pr": f'externalId pr and userName eq "{absent}"',
        "date": 'meta.lastModified gt "2999-01-01T00:00:00Z"',
        "nonsense": f'noSuchAttribute eq "{absent}"',
    }


def _ask_for(asker: Asker, user: Resource, attribute: str) -> FilterResult | None:
    value = get(user, attribute)
    return _ask(asker, attribute, value) if isinstance(value, str) and value else None


def _ask_in_other_case(asker: Asker, user: Resource) -> FilterResult | None:
    value = get(user, "userName")
    other = value.swapcase() if isinstance(value, str) else ""
    # Some letters have no other case, and some change their number with it.
    return _ask(asker, "userName", other) if other != value and fold_case(other) == fold_case(str(value)) else None


def _ask(asker: Asker, attribute: str, value: str) -> FilterResult:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    reply = asker.list(filter=f'{attribute} eq "{escaped}"', count=FEW)
    return FilterResult(reply, _judge_values(reply, attribute, value))


def _judge_values(reply: Reply, attribute: str, value: str) -> FilterOutcome:
    listed = reply.listed
    if listed is None:
        return _judge_refusal(reply)
    values = [fold_case(str(get(user, attribute))) for user in listed.users]
    if any(each != fold_case(value) for each in values):
        return FilterOutcome.IGNORED
    return _judge_count(listed)


def _judge_count(listed: ProbedUsers) -> FilterOutcome:
    if listed.users:
        return FilterOutcome.FOUND
    return FilterOutcome.UNCLEAR if listed.total else FilterOutcome.NOBODY


def _judge_other(reply: Reply) -> FilterResult:
    """Judge a filter that no user matches."""
    if reply.listed is None:
        return FilterResult(reply, _judge_refusal(reply))
    none = not reply.listed.users and not reply.listed.total
    return FilterResult(reply, FilterOutcome.NOBODY if none else FilterOutcome.IGNORED)


def _judge_refusal(reply: Reply) -> FilterOutcome:
    return FilterOutcome.REFUSED if reply.status in (400, 403, 404, 405, 422, 501) else FilterOutcome.UNCLEAR


# --- answers -------------------------------------------------------------------------------------


def judge_filters(found: FilterFindings, profile: TargetProfile, total: int) -> list[Answer]:
    """Return the answers about filters of a service with so many users."""
    if found.nobody.outcome in (FilterOutcome.IGNORED, FilterOutcome.FOUND):
        found = replace(
            found,
            user_name=_doubt(found.user_name),
            other_case=_doubt(found.other_case),
            external_id=_doubt(found.external_id),
            identity=_doubt(found.identity),
        )
    return [
        _judge_nobody(found.nobody, total),
        _judge_one("filter_user_name", "userName", found.user_name),
        _judge_case(found, profile),
        _judge_one("filter_external_id", "externalId", found.external_id),
        _judge_identity(found.identity),
        _judge_others(found.others),
    ]


def _doubt(result: FilterResult | None) -> FilterResult | None:
    """Return the result of a filter that is ignored: if the only user came, that is not because of the filter."""
    found = result is not None and result.outcome is FilterOutcome.FOUND
    return replace(result, outcome=FilterOutcome.IGNORED) if result is not None and found else result


def _facts(result: FilterResult) -> dict[str, Fact]:
    return {"outcome": str(result.outcome), "status": result.reply.status, "scim_type": result.reply.scim_type}


def _judge_nobody(result: FilterResult, total: int) -> Answer:
    name, facts = "filter_nobody", _facts(result)
    if not total and result.outcome is FilterOutcome.NOBODY:
        return skip(name, "not learnt: the service has no users, so an ignored filter looks like one that works")
    match result.outcome:
        case FilterOutcome.NOBODY:
            return ok(name, "a userName that no user has: 200 with totalResults 0", **facts)
        case FilterOutcome.IGNORED | FilterOutcome.FOUND:
            listed = result.reply.listed
            came = pluralize(listed.total, "user") if listed is not None else "users"
            return fail(name, f"filters are ignored: a userName that no user has brings {came}", *_DANGER, **facts)
    summary = f"a userName that no user has is answered with {result.reply.describe()}, not with an empty list"
    return warn(name, summary, _NOT_LOOKED_UP, **facts)


def _judge_one(name: str, attribute: str, result: FilterResult | None) -> Answer:
    if result is None:
        return skip(name, f"not asked: no listed user has {'a' if attribute == 'userName' else 'an'} {attribute}")
    facts = _facts(result)
    match result.outcome:
        case FilterOutcome.FOUND:
            return ok(name, f"{attribute} eq finds the user", **facts)
        case FilterOutcome.IGNORED:
            return fail(name, f"{attribute} eq is ignored", *_DANGER, **facts)
        case FilterOutcome.NOBODY:
            return warn(name, f"{attribute} eq does not find a user that is listed", _NOT_LOOKED_UP, **facts)
    return warn(name, f"{attribute} eq is answered with {result.reply.describe()}", _NOT_LOOKED_UP, **facts)


def _judge_case(found: FilterFindings, profile: TargetProfile) -> Answer:
    name, result = "filter_case", found.other_case
    if result is None or found.user_name is None or found.user_name.outcome is not FilterOutcome.FOUND:
        return skip(name, "not learnt: userName eq did not find a user")
    facts = _facts(result)
    (row,) = (each for each in profile.attributes if each.path == "userName")
    same = row.comparison is not Comparison.EXACT
    finds = result.outcome is FilterOutcome.FOUND
    says = f"the profile says that userName is compared {'without' if same else 'with'} regard to case"
    if result.outcome not in (FilterOutcome.FOUND, FilterOutcome.NOBODY):
        return warn(name, f"userName eq in another case is answered with {result.reply.describe()}", **facts)
    if finds == same:
        return ok(
            name, f"userName eq {'finds' if finds else 'does not find'} the user in another case: {says}", **facts
        )
    advice = "A user name that differs in case alone may be found free, and then be refused (409)."
    summary = f"{says}, the service {'finds' if finds else 'does not find'} a user in another case"
    return warn(name, summary, advice, *ask_to_report(profile), **facts)


def _judge_identity(result: FilterResult | None) -> Answer:
    name = "filter_id"
    if result is None:
        return skip(name, "not asked: no user is listed whose id is text")
    return ok(name, f"id eq: {result.outcome}; Reconciler reads by id without a filter", **_facts(result))


def _judge_others(others: Mapping[str, FilterResult]) -> Answer:
    facts = {name: str(result.outcome) for name, result in others.items()}
    refused = others.get("nonsense")
    facts["scim_type"] = refused.reply.scim_type if refused is not None else ""
    words = {FilterOutcome.NOBODY: "taken", FilterOutcome.IGNORED: "ignored", FilterOutcome.REFUSED: "refused"}
    counts = {word: sum(each.outcome is outcome for each in others.values()) for outcome, word in words.items()}
    shown = ", ".join(f"{count} {word}" for word, count in counts.items())
    return ok("filter_others", f"{len(others)} other filters: {shown}; Reconciler needs none of them", **facts)
