"""Whether a list shows a user as the service shows it alone."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.model import LiveUser
from reconciler.core.text import quote
from reconciler.core.untrusted_values import parse_moment
from reconciler.core.values import fold_case
from reconciler.scim.missing_users import InListAndFound


def find_contradiction(
    pairs: Sequence[InListAndFound], source: str = "the list", found: str = "read by its id it is"
) -> str | None:
    """Describe how an entry of the list, or another `source`, differs from the user asked for alone."""
    for pair in pairs:
        shown, alone = pair
        names = _find_other_name(pair)
        if names is not None:
            said, other = map(quote, names)
        elif _differs_in_active(pair):
            said, other = _say_active(shown), _say_active(alone)
        else:
            continue
        return f"{source} shows account {quote(shown.id)} as {said}, but {found} {other}"
    return None


def find_changed(pairs: Sequence[InListAndFound]) -> LiveUser | None:
    """Return the one user that was deactivated or reactivated after it was listed, as it is now; None: there is none.

    Its `meta.lastModified` says so. Several such users are more likely a list that is out of date.
    """
    differing = [pair for pair in pairs if _find_other_name(pair) is None and _differs_in_active(pair)]
    if len(differing) != 1:
        return None
    ((shown, alone),) = differing
    return alone if _is_later(alone, shown) else None


def _find_other_name(pair: InListAndFound) -> tuple[str, str] | None:
    """Return a name that the list shows, and the other one that is the user's; None if no name differs."""
    shown, alone = pair
    for said, other in ((shown.user_name, alone.user_name), (shown.external_id or "", alone.external_id or "")):
        if said and fold_case(said) != fold_case(other):
            return said, other
    return None


def _differs_in_active(pair: InListAndFound) -> bool:
    """Whether `active` differs and it is not the read by id that lags behind a change: then the list counts."""
    shown, alone = pair
    if shown.active == alone.active or shown.omits_active or alone.omits_active:
        return False
    return not _is_later(shown, alone)


def _is_later(user: LiveUser, other: LiveUser) -> bool:
    """Whether `meta.lastModified` says that one state of a user is later than the other; in doubt it does not."""
    moment, before = parse_moment(user.last_modified), parse_moment(other.last_modified)
    return moment is not None and before is not None and before < moment


def _say_active(user: LiveUser) -> str:
    return "active" if user.active else "inactive"


def shows_less(pair: InListAndFound) -> bool:
    """Whether the list leaves out what a user has."""
    in_list, alone = pair
    if (alone.external_id and not in_list.external_id) or (alone.user_name and not in_list.user_name):
        return True
    return not alone.attributes.keys() <= in_list.attributes.keys()


def shows_otherwise(pair: InListAndFound) -> bool:
    """Whether the list shows a value that is not the user's: what it leaves out is no contradiction."""
    in_list, alone = pair
    if in_list.active != alone.active and not in_list.omits_active:
        return True
    return any(alone.attributes.get(path) != value for path, value in in_list.attributes.items())
