"""Render what a notification says: subject and text, the same for mail and for every format of a webhook.

The words of the service are not quoted: they can name people. Names of users are left out unless the settings ask for
them, and `--redact` leaves them out in any case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler import __version__
from reconciler.core.model import Target
from reconciler.core.text import escape_control, pluralize, shorten
from reconciler.notify.event import Count, Event, EventCause, EventKind
from reconciler.notify.news import News
from reconciler.profiles import PROFILES
from reconciler.render.templating import render_message

MOST_NAMES = 10
_LONGEST_NAME = 200
_LONGEST_SUBJECT = 150
_LONGEST_TEXT = 20_000
"""Characters."""


@dataclass(frozen=True, slots=True)
class MessageContext:
    """What all messages of a run share. `run_url`: the checked URL of the run in GitHub, or "".

    `names`: whether users may be named.
    """

    target: Target
    now: datetime
    run_url: str = ""
    names: bool = False


@dataclass(frozen=True, slots=True)
class NotificationText:
    """One message. `headline`: a clause without a period; `sentences`, `counts`, `steps`: one line each.

    `names`: the first users, if they may be named; `more`: how many others there are. `text`: all of it, as mail shows
    it. `thread`: the same for all messages about one topic of one target.
    """

    news: News
    context: MessageContext
    headline: str
    subject: str
    sentences: tuple[str, ...]
    counts: tuple[str, ...]
    names: tuple[str, ...]
    more: int
    steps: tuple[str, ...]
    held_back: str
    text: str
    thread: str


def render_notification(news: News, context: MessageContext) -> NotificationText:
    """Render one message."""
    event = news.event
    headline = _capitalize(_describe_headline(event))
    title, tenant = PROFILES[context.target.profile].title, context.target.tenant
    target = f"{title} ({tenant})" if tenant is not None else title
    # The first fact about a credential is the headline.
    facts = event.facts[1:] if event.kind is EventKind.EXPIRY else event.facts
    sentences = (*_describe_cause(event), *facts)
    counts = tuple(map(_describe_count, event.counts))
    names = _list_names(event.names) if context.names else ()
    more = len(event.names) - len(names) if names else 0
    steps, held_back = _list_steps(event), _describe_held_back(news.held_back)
    text = render_message(
        "notification.txt.j2",
        headline=headline,
        target=target,
        **_describe_circumstances(news, context),
        sentences=sentences,
        counts=counts,
        names=(*names, f"and {more:,} more") if more else names,
        steps=steps,
        held_back=held_back,
        footer=_describe_footer(event.kind),
    )
    return NotificationText(
        news,
        context,
        headline,
        escape_control(shorten(f"[Reconciler] {target}: {headline}", _LONGEST_SUBJECT)),
        sentences,
        counts,
        names,
        more,
        steps,
        held_back,
        shorten(text, _LONGEST_TEXT),
        "\0".join((context.target.profile, context.target.base_url, tenant or "", event.kind, event.subject)),
    )


def _list_steps(event: Event) -> tuple[str, ...]:
    return () if event.is_calm else (*event.advice, *_STEPS.get(event.cause, ()))


def _describe_circumstances(news: News, context: MessageContext) -> dict[str, str]:
    """Return where, when and by which run it happened."""
    event = news.event
    return {
        "base_url": context.target.base_url,
        "since": _format_time(news.since) if event.kind is not EventKind.TEST else "",
        "until": _format_time(event.at) if event.is_calm else "",
        "run_url": context.run_url,
    }


def _format_time(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _list_names(names: Sequence[str]) -> tuple[str, ...]:
    # Receivers turn anything with :// into a link. The template escapes what it prints.
    return tuple(shorten(name, _LONGEST_NAME).replace("://", ":\\u{2f}/") for name in names[:MOST_NAMES])


def _describe_count(count: Count) -> str:
    words = ", ".join(word.replace("_", " ") for word in (count.action, count.result) if word)
    return f"{words}: {pluralize(count.users, 'user')}"


def _describe_held_back(count: int) -> str:
    if not count:
        return ""
    were = "message about this was" if count == 1 else "messages about this were"
    return f"{count:,} earlier {were} held back, because there were too many within an hour."


def _describe_footer(kind: EventKind) -> str:
    if kind is EventKind.TEST:
        return f"Sent by Reconciler {__version__}, because `reconciler check --notify` was run."
    return f"Sent by Reconciler {__version__}: one message for each change of state (notifications in settings.yaml)."


# --- headlines --------------------------------------------------------------------------------------


def _capitalize(sentence: str) -> str:
    """Return a sentence with a capital at its beginning; `str.capitalize` would lower the rest."""
    return sentence[:1].upper() + sentence[1:]


def _describe_headline(event: Event) -> str:
    match event.kind:
        case EventKind.FAILURE:
            return _describe_failure(event)
        case EventKind.QUARANTINE:
            return "quarantine ended" if event.is_calm else "quarantine began"
        case EventKind.DRIFT:
            users = pluralize(sum(count.users for count in event.counts), "user")
            return "drift is gone" if event.is_calm else f"drift found, {users}"
        case EventKind.EXPIRY:
            return event.facts[0] if event.facts else "a credential expires"
        case EventKind.IMPORT:
            bad = "import blocked" if event.cause is EventCause.BLOCKED else "import failed"
            return "import works again" if event.is_calm else bad
        case EventKind.TEST:
            return "test message"


def _describe_failure(event: Event) -> str:
    what = "comparison with the service" if event.subject == "drift" else "apply"
    if event.is_calm:
        return f"{what} works again"
    outcome = {
        EventCause.BLOCKED: "blocked",
        EventCause.DISCONNECTED: "blocked, nearly all accounts are gone",
        EventCause.USERS_FAILED: "incomplete",
        EventCause.TIME_LIMIT: "incomplete",
    }
    return f"{what} {outcome.get(event.cause, 'failed')}"


def _describe_cause(event: Event) -> tuple[str, ...]:
    if event.is_calm:
        return _CALM[event.kind]
    found = _CAUSES.get(event.cause, "")
    return (found,) if found else ()


_CALM: Mapping[EventKind, tuple[str, ...]] = {
    EventKind.FAILURE: ("The last run found nothing wrong.",),
    EventKind.QUARANTINE: ("Changes succeed again: applies do not stop themselves any more.",),
    EventKind.DRIFT: ("The accounts are as the desired state says again.",),
    EventKind.EXPIRY: (),
    EventKind.IMPORT: ("The last import was neither blocked nor in error.",),
    EventKind.TEST: (),
}
_CAUSES: Mapping[EventCause, str] = {
    EventCause.REFUSED: "The service could not be used: it refused all requests, did not answer, sent what cannot be"
    " trusted, or the connection is not set up. No further change was sent.",
    EventCause.USERS_FAILED: "Some users could not be planned or applied. The others were.",
    EventCause.BLOCKED: "A guard blocked it. Nothing was changed.",
    EventCause.DISCONNECTED: "The connection may have been cut. Nothing was changed.",
    EventCause.STALE: "The reviewed plan is not what would be done now. Nothing was sent.",
    EventCause.TIME_LIMIT: "The apply reached its time limit. The changes that were left were not started.",
    EventCause.INVALID_STATE: "The desired state has errors. Nothing was sent.",
    EventCause.ERROR: "The run ended with an error.",
    EventCause.FAILURE_SHARE: "Too large a share of the changes failed, so the apply stopped itself.",
    EventCause.FAILURE_COUNT: "Too many changes failed, so the apply stopped itself.",
    EventCause.EDITED_IN_TARGET: "Accounts were edited in the service since an apply left them as desired.",
    EventCause.TEST: "Messages of this kind arrive. Nothing has happened.",
}
_OUTPUT = "Read the output of the run: it has the details, and what the service said."
_STATUS = "Run `reconciler status`: it lists the users that keep failing, and when each is tried again."
_STEPS: Mapping[EventCause, tuple[str, ...]] = {
    EventCause.REFUSED: ("Run `reconciler check`: it asks one question after another, and says what to do.", _OUTPUT),
    EventCause.USERS_FAILED: (_STATUS, _OUTPUT),
    EventCause.BLOCKED: (
        "Read the output of the run: it names the guard, what it found, and how to approve it if it is intended.",
    ),
    EventCause.DISCONNECTED: ("See docs/disconnect.md: how the connection is made again, and what not to do.",),
    EventCause.STALE: ("Make a new plan and have it reviewed: what was to be changed is different now.",),
    EventCause.TIME_LIMIT: ("Run the apply again: nothing is done twice.",),
    EventCause.INVALID_STATE: ("Run `reconciler validate`: it lists the errors with file and line.",),
    EventCause.ERROR: (_OUTPUT,),
    EventCause.FAILURE_SHARE: (_STATUS, "Find the cause, then apply again: it begins with a probe of a few changes."),
    EventCause.FAILURE_COUNT: (_STATUS, "Find the cause, then apply again: it begins with a probe of a few changes."),
}
