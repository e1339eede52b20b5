"""Random desired and live users, most of them equal, with everything that a record and settings can say about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from reconciler.core.model import AwaitedAccount, Deactivation, DesiredUser, Flow, LiveUser, ScopeReason, Verdict
from reconciler.core.plan import Action
from reconciler.core.planning.guards.context import AccountEvidence, RecentChange
from reconciler.core.planning.protection import AccountNames
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.planning.temporary_names import make_temporary_name
from reconciler.core.planning.unconfirmed_writes import UnconfirmedWrite
from reconciler.core.policy import Limit, Policy, RelinkRules, Removal
from reconciler.core.values import fold_case
from support.builders import DEPARTMENT, NOW, OUT, SCIM, change, desired, live, mapping, mappings, name_of, request

PEOPLE = 9
EMAIL = 'emails[type eq "work"].value'
LOCALE = "locale"
TITLE = "title"
ROWS = mappings(
    mapping(EMAIL, "mail", profile=SCIM),
    mapping(LOCALE, "preferredLanguage", profile=SCIM),
    mapping(TITLE, "jobTitle", profile=SCIM, flow=Flow.IF_EMPTY),
)


@dataclass
class SettledCompany:
    """Users by number, on both sides; None: there is none. `fields`: of the request, `state`: of the live state."""

    desired: list[DesiredUser | None]
    live: list[LiveUser | None]
    more: list[LiveUser] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)

    def build(self) -> tuple[PlanRequest, LiveState]:
        """What a plan is made from."""
        people = [user for user in self.desired if user is not None]
        accounts = {user.id: user for user in [*self.live, *self.more] if user is not None}
        hidden = {live_id: when for live_id, when in self.state.get("hidden", {}).items() if live_id in accounts}
        state = LiveState(list(accounts.values()), **{**self.state, "hidden": hidden})
        return request(people, rows=ROWS, policy=Policy(**self.policy), **self.fields), state


def equal_company() -> SettledCompany:
    """Every account is as desired; half of them show locales in another form, some have a title of their own."""
    names = [who(number) for number in range(PEOPLE)]
    values = [{EMAIL: name_of(name), "given": name.capitalize(), "family": f"Of {name}"} for name in names]
    forms = [
        {LOCALE: ("de_DE", "de-DE")[number % 2], **({TITLE: "Head"} if number % 3 else {})} for number in range(PEOPLE)
    ]
    wanted = [desired(name, line=number + 1, locale="de-DE", **values[number]) for number, name in enumerate(names)]
    shown = [
        live(name, last_modified="2026-01-01T00:00:00Z", **values[number], **forms[number])
        for number, name in enumerate(names)
    ]
    return SettledCompany(list(wanted), list(shown))


def who(number: int) -> str:
    """The name of a person."""
    return f"p{number}"


def _live_id(number: int) -> str:
    return f"live-{who(number)}"


Edit = Callable[[SettledCompany, int, int], None]


def _wanted(**changed: Any) -> Edit:
    def edit(company: SettledCompany, one: int, _other: int) -> None:
        user = company.desired[one]
        if user is not None:
            company.desired[one] = replace(user, **changed)

    return edit


def _shown(**changed: Any) -> Edit:
    def edit(company: SettledCompany, one: int, _other: int) -> None:
        user = company.live[one]
        if user is not None:
            company.live[one] = replace(user, **changed)

    return edit


def _set_wanted(path: str, name: Callable[[int, int], str]) -> Edit:
    """Give a desired user a value, and what it is matched by with it."""

    def edit(company: SettledCompany, one: int, other: int) -> None:
        user = company.desired[one]
        if user is None:
            return
        value = name(one, other)
        match = list(user.match)
        match[0 if path == "externalId" else 1] = fold_case(value) if path == "userName" else value
        changed: dict[str, Any] = {"match": tuple(match), "attributes": {**user.attributes, path: value}}
        if path == "externalId":
            changed["anchor"] = value
        else:
            changed["key"] = value
        company.desired[one] = replace(user, **changed)

    return edit


def _set_shown(path: str, name: Callable[[int, int], str | None]) -> Edit:
    def edit(company: SettledCompany, one: int, other: int) -> None:
        user = company.live[one]
        if user is None:
            return
        value = name(one, other)
        match = list(user.match)
        match[0 if path == "externalId" else 1] = fold_case(value) if value and path == "userName" else value
        attributes = {key: each for key, each in user.attributes.items() if key != path}
        if value is not None:
            attributes[path] = value
        changed: dict[str, Any] = {"match": tuple(match), "attributes": attributes}
        if path == "externalId":
            changed |= {"external_id": value, "managed": value is not None, "adoptable": value is None}
        else:
            changed["user_name"] = value or ""
        company.live[one] = replace(user, **changed)

    return edit


def _set_both(path: str, name: Callable[[int, int], str]) -> Edit:
    first, second = _set_wanted(path, name), _set_shown(path, name)

    def edit(company: SettledCompany, one: int, other: int) -> None:
        first(company, one, other)
        second(company, one, other)

    return edit


def _set_attribute(path: str, value: str) -> Edit:
    def edit(company: SettledCompany, one: int, _other: int) -> None:
        user = company.live[one]
        if user is not None:
            company.live[one] = replace(user, attributes={**user.attributes, path: value})

    return edit


def _leave(company: SettledCompany, one: int, _other: int) -> None:
    company.desired[one] = None


def _join(company: SettledCompany, one: int, _other: int) -> None:
    company.live[one] = None


def _deactivate(company: SettledCompany, one: int, _other: int) -> None:
    user = company.live[one]
    if user is not None:
        company.live[one] = replace(user, active=False, attributes={**user.attributes, "active": False})


def _omit_active(company: SettledCompany, one: int, _other: int) -> None:
    user = company.live[one]
    if user is not None:
        company.live[one] = replace(user, active=True, omits_active=True, lacks_active=True)


def _lose_label(company: SettledCompany, one: int, other: int) -> None:
    user = company.live[one]
    if user is not None:
        attributes = {path: value for path, value in user.attributes.items() if path != EMAIL}
        elements = ({"value": name_of(who(one))}, {"value": name_of(who(other))})[: 1 + other % 2]
        company.live[one] = replace(user, attributes=attributes, unselected={EMAIL: elements})


def _show_other_email(company: SettledCompany, one: int, other: int) -> None:
    _lose_label(company, one, 0)
    user = company.live[one]
    if user is not None:
        company.live[one] = replace(user, unselected={EMAIL: ({"value": name_of(who(other))},)})


def _drop_email(company: SettledCompany, one: int, _other: int) -> None:
    for side in (company.desired, company.live):
        user = side[one]
        if user is not None:
            left = {path: value for path, value in user.attributes.items() if path != EMAIL}
            side[one] = replace(user, attributes=left)  # type: ignore[call-overload]


def _exchange_begun(company: SettledCompany, one: int, other: int) -> None:
    """An account has the temporary name that the exchange of names with another one gave it."""
    before = name_of(who(one))
    taken = change(who(one), before={"userName": before}, after={"userName": name_of(who(other))})
    _set_shown("userName", lambda _one, _other: make_temporary_name(taken, ()))(company, one, other)
    company.fields.setdefault("original_names", {})[_live_id(one)] = before
    _set_wanted("userName", lambda _one, _other: name_of(who(other)))(company, one, other)


def _swap_names(company: SettledCompany, one: int, other: int) -> None:
    _set_wanted("userName", lambda _one, _other: name_of(who(other)))(company, one, other)
    _set_wanted("userName", lambda _one, _other: name_of(who(one)))(company, other, one)


def _take_full_name(company: SettledCompany, one: int, other: int) -> None:
    user, target = company.desired[one], company.live[other]
    if user is not None and target is not None:
        names = {path: target.attributes[path] for path in ("name.givenName", "name.familyName")}
        company.desired[one] = replace(user, attributes={**user.attributes, **names})


def _stranger(company: SettledCompany, one: int, other: int) -> None:
    """Another account, without a user, whose names may be those of one."""
    names = (f"stranger{one}", who(other), _live_id(other), f"id-{who(other)}", who(other).upper())
    external_id = (None, f"foreign-{one}", f"id-{who(other)}", f"ID-{who(other)}")[one % 4]
    company.more.append(
        live(f"s{one}", user_name=names[(one + other) % len(names)], external_id=external_id, id=f"Live-{who(one)}")
    )


def _same_account(company: SettledCompany, one: int, other: int) -> None:
    """A second account that is as desired too."""
    user = company.live[one]
    if user is not None:
        company.more.append(replace(user, id=f"again-{other}"))


def _same_user(company: SettledCompany, one: int, other: int) -> None:
    """A second entry of a user."""
    user = company.desired[one]
    if user is not None:
        company.desired.append(replace(user, key=user.key if other % 2 else f"again-{other}"))


def _recent(company: SettledCompany, one: int, other: int) -> None:
    action = list(Action)[other % len(Action)]
    known = RecentChange(
        f'user["{name_of(who(one))}"]',
        _live_id(one),
        action,
        was_active=bool(other % 2),
        reactivated=action is Action.REACTIVATE,
        attributes=frozenset({"userName", "name.givenName", "name.familyName"}),
        user_names=(name_of(who(other)),),
        full_names=(f"{who(other)} of {who(other)}",),
    )
    company.fields["recent"] = [*company.fields.get("recent", ()), known]


def _names_on_record(company: SettledCompany, one: int, other: int) -> None:
    names = AccountNames(frozenset({name_of(who(other))}), frozenset({f"id-{who((one + other) % PEOPLE)}"}))
    company.fields.setdefault("names", {})[_live_id(one)] = names


def _protect(company: SettledCompany, one: int, other: int) -> None:
    entries = (
        name_of(who(one)),
        _live_id(one),
        f"id-{who(one)}",
        f"{who(one)}@elsewhere.example",
        "nobody@example.com",
    )
    entry = entries[other % len(entries)]
    company.policy["protected"] = company.policy.get("protected", frozenset()) | {entry}


def _hide(company: SettledCompany, one: int, other: int) -> None:
    company.state.setdefault("hidden", {})[_live_id(one)] = NOW - timedelta(days=other)


def _await(company: SettledCompany, one: int, _other: int) -> None:
    account = AwaitedAccount(f"new-{one}", NOW - timedelta(minutes=5), NOW + timedelta(minutes=55))
    company.state.setdefault("awaited", {})[name_of(who(one))] = account


def _doubt_write(company: SettledCompany, one: int, other: int) -> None:
    write = UnconfirmedWrite(NOW, NOW + timedelta(hours=1), lambda path, _value: path == "userName" or other % 2 == 0)
    company.fields.setdefault("unconfirmed", {})[_live_id(one)] = write


def _collect(name: str, value: Callable[[int, int], str]) -> Edit:
    def edit(company: SettledCompany, one: int, other: int) -> None:
        company.fields[name] = [*(company.fields.get(name) or ()), value(one, other)]

    return edit


def _record_all(company: SettledCompany, one: int, other: int) -> None:
    company.fields["recorded"] = [*map(_live_id, range(one)), *(f"lost-{number}" for number in range(other * 20))]
    company.fields["seen"] = [_live_id(number) for number in range(other)]


def _settle_forms(company: SettledCompany, one: int, _other: int) -> None:
    company.fields["settled_forms"] = lambda live_id, _path, _sent, _shown: live_id == _live_id(one)


def _fail(company: SettledCompany, one: int, other: int) -> None:
    user = company.desired[one]
    if user is not None:
        match = (None, *user.match[1:]) if other % 2 else user.match
        anchor = None if other % 2 else user.anchor
        company.desired[one] = replace(user, attributes={}, failed=True, match=match, anchor=anchor)


def _policy(**fields: Any) -> Edit:
    return lambda company, _one, _other: company.policy.update(fields)


def _state(**fields: Any) -> Edit:
    return lambda company, _one, _other: company.state.update(fields)


def _fields(**fields: Any) -> Edit:
    return lambda company, _one, _other: company.fields.update(fields)


def _other_name(_one: int, other: int) -> str:
    return name_of(who(other))


_OUT_OF_SCOPE = {"verdict": OUT, "attributes": {}}

EDITS: dict[str, Edit] = {
    "leaves": _leave,
    "joins": _join,
    "is out of scope": _wanted(**_OUT_OF_SCOPE),
    "is not assigned": _wanted(verdict=Verdict(ScopeReason.NOT_ASSIGNED, "not assigned"), attributes={}),
    "scope by date": _wanted(verdict=Verdict(ScopeReason.IN_SCOPE, by_date=True)),
    "is protected": lambda company, one, _other: _protect_entry(company, one),
    "fails": _fail,
    "is doubtful": _wanted(doubtful=frozenset({"externalId"})),
    "has another name": _set_wanted("userName", lambda one, _other: f"new-{one}@example.com"),
    "wants another's name": _set_wanted("userName", _other_name),
    "wants another's id": _set_wanted("externalId", lambda _one, other: f"id-{who(other)}"),
    "wants capitals": _set_wanted("userName", lambda one, _other: name_of(who(one)).upper()),
    "has capitals": _set_both("userName", lambda one, _other: name_of(who(one)).title()),
    "is called by another's id": _set_both("userName", lambda _one, other: f"id-{who(other)}"),
    "shows another's name": _set_shown("userName", _other_name),
    "shows no name": _set_shown("userName", lambda _one, _other: None),
    "shows no id": _set_shown("externalId", lambda _one, _other: None),
    "shows another's id": _set_shown("externalId", lambda _one, other: f"id-{who(other)}"),
    "shows a foreign id": _set_shown("externalId", lambda one, _other: f"foreign-{one}"),
    "has another department": _set_attribute(DEPARTMENT, "Sales"),
    "has another family name": _set_attribute("name.familyName", "Of nobody"),
    "has another given name": _set_attribute("name.givenName", "Nobody"),
    "is inactive": _deactivate,
    "omits active": _omit_active,
    "cannot be read": _shown(unreadable="title holds list, not a string"),
    "was modified at an unknown time": _shown(last_modified=None),
    "is not managed": _shown(managed=False, adoptable=False),
    "loses labels": _lose_label,
    "has another unlabelled email": _show_other_email,
    "has no email": _drop_email,
    "is called as before": _set_both("userName", _other_name),
    "has a temporary name": _set_shown(
        "userName",
        lambda one, other: make_temporary_name(
            change(who(one), before={"userName": name_of(who(other))}, after={"userName": name_of(who(one))}), ()
        ),
    ),
    "begins an exchange": _exchange_begun,
    "exchanges names": _swap_names,
    "takes a full name": _take_full_name,
    "a stranger": _stranger,
    "a second account": _same_account,
    "a second entry": _same_user,
    "changed lately": _recent,
    "had a name": _names_on_record,
    "an entry of guards.protected": _protect,
    "is hidden": _hide,
    "is awaited": _await,
    "an account that is not shown": lambda company, one, _other: company.state.update(
        unshown=[AwaitedAccount(_live_id(one), NOW, NOW + timedelta(hours=1))]
    ),
    "a write that is not shown": _doubt_write,
    "may be inactive": _collect("doubtful", lambda one, _other: _live_id(one)),
    "was protected": _collect("noted", lambda one, _other: _live_id(one)),
    "was replaced": _collect("replaced", lambda one, _other: _live_id(one)),
    "is inactive by a filter": lambda company, one, _other: company.state.update(inactive={_live_id(one)}),
    "was deactivated": lambda company, one, _other: company.fields.setdefault("deactivated", {}).update(
        {_live_id(one): Deactivation(NOW - timedelta(days=40), "receipt")}
    ),
    "its name is reserved": lambda company, one, _other: company.fields.setdefault("recently_deleted", {}).update(
        {name_of(who(one)): NOW.date()}
    ),
    "an original name": lambda company, one, other: company.fields.setdefault("original_names", {}).update(
        {_live_id(one): name_of(who(other))}
    ),
    "accounts on record": _record_all,
    "forms on record": _settle_forms,
    "evidence": lambda company, one, _other: company.fields.update(evidence=AccountEvidence({_live_id(one)})),
    "selects": _collect("only", _other_name),
    "moved": _fields(moved_from="https://other.example/scim"),
    "unseen files": _fields(unseen="a file was not read"),
    "names cannot be read": _fields(unreadable=True),
    "a problem": _state(problem="page 2 is missing"),
    "a wrong clock": _state(clock_problem="the clock is ahead"),
    "deletes": _policy(removed=Removal.DELETE, out_of_scope=Removal.DELETE),
    "keeps": _policy(removed=Removal.KEEP),
    "keeps who is out of scope": _policy(out_of_scope=Removal.KEEP),
    "deletes after a time": _policy(delete_after_days=30),
    "limits": _policy(removals=Limit(0, 10), updates=Limit(2, 20), creates=Limit(1, 10), reactivations=Limit(1, 20)),
    "domains": _policy(domains=("example.com",)),
    "other domains": _policy(domains=("other.example",)),
    "relinks": _policy(relink=RelinkRules(by_user_name=True)),
}


def _protect_entry(company: SettledCompany, one: int) -> None:
    user = company.desired[one]
    if user is not None:
        company.desired[one] = replace(user, lifecycle=replace(user.lifecycle, protected=True))


def settled_companies(most: int = 6) -> st.SearchStrategy[SettledCompany]:
    """Companies with up to `most` edits."""
    numbers = st.integers(0, PEOPLE - 1)
    edits = st.lists(st.tuples(st.sampled_from(sorted(EDITS)), numbers, numbers), max_size=most)
    return edits.map(_make)


def _make(edits: list[tuple[str, int, int]]) -> SettledCompany:
    company = equal_company()
    for name, one, other in edits:
        EDITS[name](company, one, other)
    return company
