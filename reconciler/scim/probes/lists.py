"""How a service lists users: counts, pages, the end of the list. Compared with the page size of its profile."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.check import Answer
from reconciler.core.model import Resource
from reconciler.core.paths import get
from reconciler.core.profile import TargetProfile
from reconciler.core.text import pluralize
from reconciler.scim.probes.asking import Asker, Grounds, ItemsPerPage, ProbedUsers, Reply
from reconciler.scim.probes.verdicts import Fact, ask_to_report, fail, ok, skip, warn

FEW = 2
"""Users asked for where a few are enough."""
MANY = 1000
"""Users asked for to find the largest page; more than any profile asks for."""
_TOO_MANY = frozenset({400, 413, 414, 422, 500})
"""Statuses with which services refuse a count."""
_NO_INDEX = frozenset({400, 501})
"""Statuses with which services refuse to page by index."""
QUESTIONS = ("users", "page_size", "default_page_size", "paging", "list_end", "total")


@dataclass(frozen=True)
class ListFindings:
    """Answers to questions about the list. None: not asked, because the answers before it leave nothing to ask."""

    first: Reply
    """Of the first `FEW` users."""
    by_cursor: Reply | None = None
    """Of the first users by cursor (RFC 9865), if `first` was refused."""
    many: Reply | None = None
    """Of `MANY` users."""
    usual: Reply | None = None
    """Of as many users as a plan asks for, if `many` was refused."""
    default: Reply | None = None
    """Without a count."""
    following: Reply | None = None
    """Of the `FEW` users after the first ones."""
    between: Reply | None = None
    """Of the `FEW` users from the second one on."""
    beyond: Reply | None = None
    """From after the last user on."""

    @property
    def start(self) -> ProbedUsers | None:
        """The first users, by whatever paging the service has."""
        reply = self.first if self.by_cursor is None else self.by_cursor
        return reply.listed

    @property
    def largest(self) -> ProbedUsers | None:
        """The list with most users of those that came."""
        replies = (self.first, self.by_cursor, self.many, self.usual, self.default)
        found = [reply.listed for reply in replies if reply is not None and reply.listed is not None]
        return max(found, key=lambda each: len(each.users), default=None)

    @property
    def seen(self) -> tuple[Resource, ...]:
        """The users that came, as many as on the largest page."""
        return self.largest.users if self.largest is not None else ()

    @property
    def totals(self) -> set[int]:
        """The totals of all answers."""
        replies = (self.first, self.many, self.usual, self.default, self.following, self.between, self.beyond)
        return {reply.listed.total for reply in replies if reply is not None and reply.listed is not None}

    @property
    def grounds(self) -> Grounds:
        """The replies that each answer rests on."""
        return {
            "users": (self.first, self.by_cursor),
            "page_size": (self.many, self.usual),
            "default_page_size": (self.default,),
            "paging": (self.following, self.between),
            "list_end": (self.beyond,),
            "total": (self.beyond,),
        }


def read_lists(asker: Asker, page_size: int) -> ListFindings:
    """Ask for lists of users, with 8 requests at most. `page_size`: what a plan asks for."""
    first = asker.list(startIndex=1, count=FEW)
    listed = first.listed
    if listed is None:
        # The same form and order in which a plan tries it.
        return ListFindings(first, asker.list(cursor="", count=FEW) if first.status in _NO_INDEX else None)
    if not listed.has_total:
        return ListFindings(first)
    beyond = asker.list(startIndex=listed.total + 1, count=FEW)
    if listed.total <= FEW:
        return ListFindings(first, beyond=beyond)
    many = asker.list(startIndex=1, count=MANY)
    usual = asker.list(startIndex=1, count=page_size) if many.status in _TOO_MANY else None
    return ListFindings(
        first,
        many=many,
        usual=usual,
        default=asker.get("/Users"),
        following=asker.list(startIndex=FEW + 1, count=FEW),
        between=asker.list(startIndex=FEW, count=FEW),
        beyond=beyond,
    )


def judge_lists(found: ListFindings, profile: TargetProfile) -> list[Answer]:
    """Return the answers about the list; the first one failed if there is none."""
    first = found.first.listed
    start = found.start
    if start is not None and (first is None or (start.has_cursor and not start.has_total)):
        return _judge_cursors_only(start)
    if first is None:
        why = "users cannot be listed" if not found.first.is_object else "the answer to a list of users is no list"
        advice = "Nothing can be planned. The answers about the connection and the token say more."
        failed = fail("users", f"{why}: {found.first.describe()}", advice, status=found.first.status)
        return [failed, *(skip(name, "not asked: users cannot be listed") for name in QUESTIONS[1:])]
    return [
        _judge_users(first),
        _judge_page_size(found, first.total, profile),
        _judge_default(found),
        _judge_paging(found, first),
        _judge_end(found, first.total),
        _judge_total(found),
    ]


def _judge_users(first: ProbedUsers) -> Answer:
    if not first.has_total:
        advice = "Nothing can be planned: it cannot be known when all users were read. Ask the service's makers."
        return fail("users", "the service lists users without saying how many there are (totalResults)", advice)
    total = pluralize(first.total, "user")
    if not first.users and first.total:
        advice = "Plans are blocked until the list is complete."
        return fail("users", f"the service says that it has {total}, but lists none", advice, users=first.total)
    return ok("users", f"the service lists {total}", users=first.total)


def _judge_cursors_only(start: ProbedUsers) -> list[Answer]:
    total = f"the service lists {pluralize(start.total, 'user')}" if start.has_total else "the service lists users"
    users = ok("users", f"{total}, by cursor only", users=start.total if start.has_total else None)
    paging = ok("paging", "pages are read by cursor, as plans do", cursor=True)
    others = [skip(name, "not asked: pages are read by cursor only") for name in QUESTIONS[1:] if name != "paging"]
    found = {answer.question: answer for answer in (users, paging, *others)}
    return [found[name] for name in QUESTIONS]


# --- page size -----------------------------------------------------------------------------------


def _judge_page_size(found: ListFindings, total: int, profile: TargetProfile) -> Answer:
    name, wanted = "page_size", int(profile.page_size.value)
    reply = found.usual or found.many
    if reply is None:
        return skip(name, f"not learnt: the service has {pluralize(total, 'user')} only")
    if reply.listed is not None:
        return _compare_page_size(reply.listed, found, profile)
    if found.usual is None:
        return warn(name, f"not learnt: a page of {MANY:,} users was answered with {reply.describe()}", profile=wanted)
    advice = ("Nothing to do: plans ask for fewer then, down to 10.", *ask_to_report(profile, profile.page_size))
    summary = f"{_cite_page_size(profile)}, the service answers {reply.describe()}"
    return warn(name, summary, *advice, profile=wanted, status=reply.status)


def _cite_page_size(profile: TargetProfile) -> str:
    return f"the profile says {profile.page_size.value:,} users per page"


def _compare_page_size(listed: ProbedUsers, found: ListFindings, profile: TargetProfile) -> Answer:
    name, wanted, says = "page_size", int(profile.page_size.value), _cite_page_size(profile)
    came, asked = len(listed.users), MANY if found.usual is None else wanted
    facts: dict[str, Fact] = {"profile": wanted, "asked": asked, "returned": came, "users": listed.total}
    if came > asked:
        return warn(name, f"count is ignored: {asked:,} users were asked for, {came:,} came", **facts)
    if came >= wanted:
        return ok(name, f"a page holds {came:,} users: {says}", **facts)
    if came >= listed.total:
        return ok(name, f"all {came:,} users came on one page: a limit above that cannot be seen", **facts)
    if not came:
        return fail(name, f"a page of {asked:,} users came empty", "Plans are incomplete, and blocked.", **facts)
    reads = f"{pluralize(-(-listed.total // came), 'request')} instead of {-(-listed.total // wanted):,}"
    advice = (f"Nothing to do: plans read pages of {came:,}, {reads}.", *ask_to_report(profile, profile.page_size))
    return warn(name, f"{says}, the service returned {came:,}", *advice, **facts)


def _judge_default(found: ListFindings) -> Answer:
    name = "default_page_size"
    if found.default is None:
        return skip(name, "not learnt: the service has a few users only")
    listed = found.default.listed
    if listed is None:
        summary = f"a list without a count is answered with {found.default.describe()}"
        return warn(name, summary, "Nothing to do: plans always send a count.", status=found.default.status)
    came = len(listed.users)
    limit = "all of them" if came >= listed.total else f"of {listed.total:,}"
    return ok(name, f"without a count, {came:,} users come, {limit}", returned=came, users=listed.total)


# --- pages ---------------------------------------------------------------------------------------


def _judge_paging(found: ListFindings, first: ProbedUsers) -> Answer:
    name = "paging"
    facts: dict[str, Fact] = {"items_per_page": str(first.items_per_page), "cursor": first.has_cursor}
    if found.following is None or found.between is None:
        return skip(name, f"not learnt: the service has {pluralize(first.total, 'user')} only")
    following, between = found.following.listed, found.between.listed
    if following is None or between is None:
        wrong = found.following if following is None else found.between
        return _judge_refused_page(found, first, wrong, facts)
    if len(first.users) > FEW:
        return _judge_ignored_count(found, first, facts)
    if first.ids == following.ids:
        return _judge_ignored_start(found, first, facts)
    expected = [first.ids[-1], *following.ids[:1]]
    if not following.ids or set(first.ids) & set(following.ids) or between.ids != expected:
        advice = "Plans read such a list again, twice; after that they are incomplete, and blocked."
        return warn(name, "pages next to each other overlap or leave users out", advice, **facts, adjacent=False)
    note = "" if first.items_per_page is ItemsPerPage.RIGHT else f"; itemsPerPage is {first.items_per_page}, not used"
    return ok(name, f"count and startIndex are honored, pages follow each other{note}", **facts, adjacent=True)


def _judge_refused_page(found: ListFindings, first: ProbedUsers, wrong: Reply, facts: dict[str, Fact]) -> Answer:
    summary = f"a page from a later startIndex on is answered with {wrong.describe()}"
    return _judge_no_index(summary, found, first, facts)


def _judge_ignored_start(found: ListFindings, first: ProbedUsers, facts: dict[str, Fact]) -> Answer:
    return _judge_no_index("startIndex is ignored: another page has the same users", found, first, facts)


def _judge_no_index(summary: str, found: ListFindings, first: ProbedUsers, facts: dict[str, Fact]) -> Answer:
    if first.has_cursor:
        return ok("paging", f"{summary}; there are cursors, which plans follow", **facts)
    if found.largest is not None and len(found.largest.users) >= first.total:
        return warn("paging", summary, "Nothing to do as long as all users fit on one page.", **facts)
    advice = "Plans are incomplete, and blocked: users after the first page cannot be read."
    return fail("paging", summary, advice, **facts)


def _judge_ignored_count(found: ListFindings, first: ProbedUsers, facts: dict[str, Fact]) -> Answer:
    came = len(first.users)
    summary = f"count is ignored: {FEW} users were asked for, {came:,} came"
    if came < first.total and found.following is not None and found.following.listed is not None:
        if found.following.listed.ids == first.ids:
            return _judge_ignored_start(found, first, facts)
        advice = "Nothing to do: plans take pages as large as they come."
        return warn("paging", summary, advice, **facts, returned=came)
    return warn("paging", summary, "Nothing to do: every page has all users.", **facts, returned=came)


def _judge_end(found: ListFindings, total: int) -> Answer:
    name = "list_end"
    if found.beyond is None:
        return skip(name, "not asked")
    listed = found.beyond.listed
    if listed is None:
        summary = f"a page past the last user is answered with {found.beyond.describe()}"
        advice = "Nothing to do if filters work: without them, plans do not believe the total and are blocked."
        return warn(name, summary, advice, status=found.beyond.status)
    if not listed.users:
        return ok(name, "a page past the last user is empty, so the total is not capped", returned=0)
    came = len(listed.users)
    if set(listed.ids) <= {str(get(user, "id") or "") for user in found.seen}:
        return ok(name, "a page past the last user repeats earlier users, none is new", returned=came)
    if len(found.seen) < total:
        summary = "a page past the last user has users; whether they are new cannot be seen here"
        return warn(name, summary, "Plans compare them with all users, and are blocked if one is new.", returned=came)
    summary = "the total is capped: a page past the last user has others"
    return fail(name, summary, "Plans are incomplete, and blocked: ask the service's makers.", returned=came)


def _judge_total(found: ListFindings) -> Answer:
    totals = found.totals
    if found.beyond is None:
        return skip("total", "not learnt: there is none")
    if len(totals) == 1:
        return ok("total", "the total is the same in every answer", users=next(iter(totals)))
    shown = " and ".join(f"{each:,}" for each in (min(totals), max(totals)))
    summary = f"the total changed between two reads: {shown}"
    advice = "If no one changed users meanwhile, plans may be incomplete: they read such a list again, twice."
    return warn("total", summary, advice, least=min(totals), most=max(totals))
