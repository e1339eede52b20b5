"""How a service shows users: by id and in lists, what it leaves out, and how it refuses an id that no user has."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from reconciler.core.check import Answer
from reconciler.core.identity import parse_identity
from reconciler.core.model import Resource
from reconciler.core.paths import ENTERPRISE, get
from reconciler.core.profile import TargetProfile
from reconciler.core.text import pluralize
from reconciler.core.untrusted_values import EARLIEST_MODIFICATION, parse_moment
from reconciler.core.values import fold_case
from reconciler.scim.probes.asking import Asker, BodyKind, Grounds, MediaType, Reply
from reconciler.scim.probes.verdicts import Fact, ask_to_report, fail, ok, skip, warn

ABOUT_ONE = ("read_by_id", "list_attributes", "etag", "projection", "unknown_user", "error_form", "media_type")
ABOUT_SEEN = ("active", "user_name_case", "external_id", "enterprise", "last_modified", "primary")
_GONE = (404, 410)
_NO_USER = "not asked: no user is listed"


@dataclass(frozen=True)
class UserFindings:
    """Answers about one user, `listed` as the list shows it; None: not asked, because no user is listed."""

    unknown: Reply
    """To an id that no user has."""
    listed: Resource | None = None
    alone: Reply | None = None
    """Read by id."""
    only: Reply | None = None
    """Read by id, with `attributes=userName`."""
    without: Reply | None = None
    """Read by id, with `excludedAttributes=userName`."""

    @property
    def grounds(self) -> Grounds:
        """The replies that each answer rests on."""
        return {
            "read_by_id": (self.alone,),
            "list_attributes": (self.alone,),
            "etag": (self.alone,),
            "projection": (self.alone, self.only, self.without),
            "unknown_user": (self.unknown,),
            "error_form": (self.unknown,),
            "media_type": (self.unknown if self.alone is None else self.alone,),
        }

    @property
    def is_same(self) -> bool:
        """Whether the user that was read by id is the one that was listed."""
        if self.listed is None or self.alone is None or not self.alone.is_object:
            return False
        return parse_identity(get(self.alone.body, "id")) == parse_identity(get(self.listed, "id"))


def read_user(asker: Asker, user: Resource | None) -> UserFindings:
    """Ask about one user that was listed, with 4 requests at most."""
    unknown = asker.get(f"/Users/reconciler-check-{secrets.token_hex(8)}")
    identity = parse_identity(get(user, "id")) if user is not None else None
    if user is None or identity is None:
        return UserFindings(unknown)
    path = f"/Users/{quote(identity, safe='')}"
    return UserFindings(
        unknown,
        user,
        asker.get(path),
        asker.get(path, {"attributes": "userName"}),
        asker.get(path, {"excludedAttributes": "userName"}),
    )


def judge_user(found: UserFindings, seen: Sequence[Resource], total: int, profile: TargetProfile) -> list[Answer]:
    """Return the answers about users: one read by id, and those that were `seen` in lists, of `total`."""
    answers = [
        _judge_by_id(found),
        _judge_left_out(found, total),
        _judge_version(found),
        _judge_projection(found),
        _judge_unknown(found.unknown),
        _judge_error_form(found.unknown),
        _judge_media_type(found),
    ]
    about_seen = (_judge_active, _judge_case, _judge_external_id, _judge_enterprise, _judge_modified, _judge_primary)
    if not seen:
        return [*answers, *(skip(name, _NO_USER) for name in ABOUT_SEEN)]
    return [*answers, *(judge(seen, profile) for judge in about_seen)]


# --- one user ------------------------------------------------------------------------------------


def _judge_by_id(found: UserFindings) -> Answer:
    name, advice = "read_by_id", "Apply reads each account by its id before and after a change: it cannot change any."
    if found.listed is None or found.alone is None:
        return skip(name, _NO_USER)
    facts: dict[str, Fact] = {"status": found.alone.status}
    if not found.alone.is_object:
        return fail(name, f"a listed user, read by its id, is answered with {found.alone.describe()}", advice, **facts)
    wanted, user = parse_identity(get(found.listed, "id")), found.alone.body
    if not found.is_same:
        return fail(name, "a listed user, read by its id, has another id or none", advice, **facts)
    facts["id_is_text"] = isinstance(get(user, "id"), str)
    facts["id_begins_with_gn"] = str(wanted).startswith("GN-")
    for attribute in ("userName", "externalId"):
        in_list, alone = get(found.listed, attribute), get(user, attribute)
        if in_list is not None and fold_case(str(in_list)) != fold_case(str(alone)):
            summary = f"the list and a read by id show one user with different values of {attribute}"
            return fail(name, summary, "Plans are incomplete, and blocked.", **facts)
    return ok(name, "a listed user, read by its id, is the same", **facts)


def _judge_left_out(found: UserFindings, total: int) -> Answer:
    name = "list_attributes"
    if found.listed is None or found.alone is None or not found.is_same:
        return skip(name, "not learnt: no user could be read by its id")
    left_out = found.alone.body.keys() - found.listed.keys() - {"schemas", "meta"}
    facts = {"left_out": len(left_out), "active": "active" in left_out, "enterprise": ENTERPRISE in left_out}
    if not left_out:
        return ok(name, "lists leave no attribute out that a read by id shows", **facts)
    advice = f"Nothing to do: plans then read each user by its id, {pluralize(total, 'request')} for all."
    return warn(
        name, f"lists leave out {pluralize(len(left_out), 'attribute')} that a read by id shows", advice, **facts
    )


def _judge_version(found: UserFindings) -> Answer:
    if found.alone is None or not found.is_same:
        return skip("etag", "not learnt: no user could be read by its id")
    header, version = found.alone.has_etag, isinstance(get(get(found.alone.body, "meta"), "version"), str)
    shown = {(True, True): "ETag and meta.version", (True, False): "ETag", (False, True): "meta.version"}
    what = shown.get((header, version))
    summary = f"users have {what}" if what else "users have neither ETag nor meta.version"
    return ok("etag", f"{summary}; Reconciler needs none", etag=header, version=version)


def _judge_projection(found: UserFindings) -> Answer:
    name = "projection"
    if found.only is None or found.without is None or found.alone is None or not found.is_same:
        return skip(name, "not learnt: no user could be read by its id")
    # RFC 7643 section 7: id is always returned, schemas and meta often are.
    others = found.alone.body.keys() - {"id", "userName", "schemas", "meta"}
    only = found.only.is_object and "userName" in found.only.body and others.isdisjoint(found.only.body)
    without = found.without.is_object and "userName" not in found.without.body and "id" in found.without.body
    honored = {True: "honored", False: "not honored"}
    facts: dict[str, Fact] = {"attributes": only if others else None, "excluded_attributes": without}
    summary = f"attributes is {honored[only]}, excludedAttributes is {honored[without]}; Reconciler sends neither"
    return ok(name, summary, **facts)


# --- refusals and the form of answers --------------------------------------------------------------


def _judge_unknown(reply: Reply) -> Answer:
    name = "unknown_user"
    if reply.status in _GONE and reply.kind is not BodyKind.WEB_PAGE:
        return ok(name, f"an id that no user has is answered with {reply.status}", status=reply.status)
    advice = "Accounts that are gone cannot be distinguished from those that cannot be read."
    if 200 <= reply.status < 300:  # noqa: PLR2004 - RFC 9110 §15.3
        return fail(name, f"an id that no user has is answered with {reply.describe()}", advice, status=reply.status)
    return warn(name, f"an id that no user has is answered with {reply.describe()}", advice, status=reply.status)


def _judge_error_form(reply: Reply) -> Answer:
    name = "error_form"
    if reply.status < 400:  # noqa: PLR2004 - RFC 9110 §15.5
        return skip(name, "not learnt: nothing was refused")
    detail = isinstance(reply.body.get("detail"), str)
    facts = {"scim": reply.is_scim_error, "detail": detail, "status_is_text": isinstance(reply.body.get("status"), str)}
    if reply.is_scim_error:
        return ok(name, f"errors are SCIM errors, with{'' if detail else 'out'} a detail", **facts)
    summary = f"errors are no SCIM errors (RFC 7644 section 3.12), but {reply.kind}"
    return warn(name, summary, "Nothing to do: messages then say less about why something is refused.", **facts)


def _judge_media_type(found: UserFindings) -> Answer:
    name, reply = "media_type", found.alone if found.alone is not None else found.unknown
    if not reply.status:
        return skip(name, "not learnt: no answer came")
    facts = {"media_type": str(reply.media_type)}
    if reply.media_type in (MediaType.SCIM, MediaType.JSON):
        return ok(name, f"answers are {reply.media_type}", **facts)
    other = "no media type" if reply.media_type is MediaType.NONE else "another media type"
    summary = f"answers have {other}, not {MediaType.SCIM}"
    return warn(name, summary, "Nothing to do: Reconciler reads the JSON whatever it is called.", **facts)


# --- users in lists ------------------------------------------------------------------------------


def _count(seen: Sequence[Resource], shows: Callable[[Resource], object]) -> int:
    return sum(bool(shows(user)) for user in seen)


def _judge_active(seen: Sequence[Resource], profile: TargetProfile) -> Answer:
    switch, name = profile.active_when_absent, "active"
    values = [_read_active(get(user, "active")) for user in seen]
    absent, true, false = (values.count(each) for each in (None, True, False))
    text = _count(seen, lambda user: isinstance(get(user, "active"), str))
    facts = {"absent": absent, "true": true, "false": false, "text": text, "unreadable": values.count("")}
    summary = (
        f"of {pluralize(len(seen), 'user')}, {true:,} show true, {false:,} show false, {absent:,} leave active out"
    )
    if values.count(""):
        return warn(name, f"{summary}; other values cannot be read", "Plans skip these users, with an error.", **facts)
    if switch.value is True:
        return _compare_active(summary, profile, facts)
    if absent and true:
        advice = "Set target.active_when_absent if the service's documentation says what that means."
        return warn(name, f"{summary}: what it means that it is left out is not plain", advice, **facts)
    return ok(name, f"{summary}", **facts)


def _read_active(value: Any) -> bool | str | None:
    """Read `active`; "" if it cannot be read."""
    if value is None or isinstance(value, bool):
        return value
    folded = value.casefold() if isinstance(value, str) else ""
    return {"true": True, "false": False}.get(folded, "")


def _compare_active(summary: str, profile: TargetProfile, facts: dict[str, int]) -> Answer:
    report = ask_to_report(profile, profile.active_when_absent)
    if not facts["true"]:
        said = "as the profile says" if facts["absent"] else "the profile says that it is left out when true"
        return ok("active", f"{summary}: {said}", **facts)
    summary = f"the profile says that active is left out when true; {summary}"
    if facts["absent"]:
        advice = "Look at accounts that leave it out: the profile reads them as active, and they may not be."
        return warn("active", summary, advice, *report, **facts)
    return warn("active", summary, "Nothing to do: what is shown counts.", *report, **facts)


def _judge_case(seen: Sequence[Resource], _profile: TargetProfile) -> Answer:
    capitals = _count(seen, lambda user: str(get(user, "userName")) != str(get(user, "userName")).lower())
    unnamed = _count(seen, lambda user: not isinstance(get(user, "userName"), str) or not get(user, "userName"))
    facts = {"users": len(seen), "with_capitals": capitals, "without_user_name": unnamed}
    if unnamed:
        advice = "Plans match by userName: ask the service's makers why it is not shown."
        return warn("user_name_case", f"{pluralize(unnamed, 'user')} without userName", advice, **facts)
    what = (
        f"{capitals:,} of {pluralize(len(seen), 'user name')} have capitals"
        if capitals
        else "all user names are in lower case"
    )
    return ok("user_name_case", f"{what}: plans compare them without regard to case", **facts)


def _judge_external_id(seen: Sequence[Resource], profile: TargetProfile) -> Answer:
    shown = _count(seen, lambda user: get(user, "externalId"))
    facts = {"users": len(seen), "with_external_id": shown}
    summary = f"{shown:,} of {pluralize(len(seen), 'user')} show an externalId"
    if shown:
        return ok("external_id", summary, **facts)
    advice = "Accounts without one count as not managed, and are adopted by userName: see the plan before you apply it."
    return warn("external_id", summary, advice, *ask_to_report(profile), **facts)


def _judge_enterprise(seen: Sequence[Resource], _profile: TargetProfile) -> Answer:
    shown = _count(seen, lambda user: isinstance(get(user, ENTERPRISE), dict) and get(user, ENTERPRISE))
    facts = {"users": len(seen), "with_enterprise": shown}
    if shown:
        summary = (
            f"{shown:,} of {pluralize(len(seen), 'user')} show enterprise attributes (employeeNumber, department, …)"
        )
        return ok("enterprise", summary, **facts)
    summary = "no user shows enterprise attributes: they are not set, or the service does not show them"
    return ok("enterprise", f"{summary}; the first apply tells", **facts)


def _judge_modified(seen: Sequence[Resource], _profile: TargetProfile) -> Answer:
    shown = _count(seen, lambda user: parse_moment(get(get(user, "meta"), "lastModified"), EARLIEST_MODIFICATION))
    facts = {"users": len(seen), "with_last_modified": shown}
    summary = f"{shown:,} of {pluralize(len(seen), 'user')} show meta.lastModified"
    if shown == len(seen):
        return ok("last_modified", summary, **facts)
    advice = "lifecycle.delete_after_days then counts from receipts only: an account without one is not deleted."
    return warn("last_modified", summary, advice, **facts)


def _judge_primary(seen: Sequence[Resource], _profile: TargetProfile) -> Answer:
    emails = [each for user in seen for each in _list_emails(user)]
    shown = sum("primary" in each for each in emails)
    summary = f"{shown:,} of {pluralize(len(emails), 'e-mail address', 'e-mail addresses')} show primary"
    return ok("primary", f"{summary}: plans do not compare it", addresses=len(emails), with_primary=shown)


def _list_emails(user: Resource) -> list[dict[str, Any]]:
    emails = get(user, "emails")
    return [each for each in emails if isinstance(each, dict)] if isinstance(emails, list) else []
