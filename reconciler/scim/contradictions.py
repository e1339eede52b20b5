"""Whether a list shows a user as the service shows it alone."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.text import quote
from reconciler.core.values import fold_case
from reconciler.scim.missing_users import InListAndFound


def find_contradiction(
    pairs: Sequence[InListAndFound], source: str = "the list", found: str = "read by its id it is"
) -> str | None:
    """Describe how an entry of the list, or another `source`, differs from the user asked for alone."""
    for shown, alone in pairs:
        if shown.user_name and fold_case(shown.user_name) != fold_case(alone.user_name):
            said, other = shown.user_name, alone.user_name
        elif shown.external_id and fold_case(shown.external_id) != fold_case(alone.external_id or ""):
            said, other = shown.external_id, alone.external_id or ""
        else:
            continue
        return f"{source} shows account {quote(shown.id)} as {quote(said)}, but {found} {quote(other)}"
    return None


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
