"""Differences of form: values that a service stores in lower case, with other blanks, or the like.

Which they are is learnt, never assumed: from the account that an apply wrote last, or from the other accounts. Without
such evidence a difference of form is a difference. With it, at most a difference of form is left as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.model import AttributeMapping, AttributePath, DesiredUser, Diagnostic, LiveUser, Value, warning
from reconciler.core.paths import shorten_path
from reconciler.core.plan import FormDifference
from reconciler.core.text import pluralize
from reconciler.core.values import differs_in_case, fold_case, is_same_form

SettledForms = Callable[[str, AttributePath, Value, Value], bool]
"""Whether an apply on record sent a value to an account (by live id and path) that then showed another value."""

_PROVEN = "An apply on record sent the wanted value, and this is what the service made of it: it is not sent again."
_FUNCTIONS = {"in lower case": "ToLower", "in upper case": "ToUpper"}


def no_settled_forms(_live_id: str, _path: AttributePath, _sent: Value, _shown: Value) -> bool:
    """Return that the record has no such apply."""
    return False


@dataclass(slots=True)
class FormDifferences:
    """Decides which differences of form a plan leaves as they are, and counts them."""

    mappings: Sequence[AttributeMapping] = ()
    settled: SettledForms = no_settled_forms
    keeps_case: bool = False
    """Whether the service keeps the case of user names."""
    _left: Counter[tuple[AttributePath, str]] = field(default_factory=Counter)
    user_names: int = 0
    """User names that differ in form alone. It matters to no one: they are compared without case."""

    def leave(self, wanted: Mapping[AttributePath, Value | None], live: LiveUser) -> dict[AttributePath, Value | None]:
        """Return the wanted values of changed attributes without the differences of form that are left."""
        rows = {row.target: row for row in self.mappings if row.target in wanted}
        return {path: value for path, value in wanted.items() if not self._is_left(rows[path], value, live)}

    def _is_left(self, row: AttributeMapping, value: Value | None, live: LiveUser) -> bool:
        shown = live.attributes.get(row.target)
        if value is None or shown is None or not is_same_form(row.attribute, value, shown):
            return False
        unkept = differs_in_case(row.attribute, value, shown) and not self.keeps_case and not has_capitals(shown)
        left = unkept or self.settled(live.id, row.target, value, shown)
        if left and row.target == "userName":
            self.user_names += 1
        elif left:
            self._left[row.target, name_form(value, shown)] += 1
        return left

    def report(self) -> list[Diagnostic]:
        """Report what was left but user names: one warning for each attribute and form."""
        rows = {row.target: row for row in self.mappings}
        return [
            _warn(rows[path], count, f"in form only: the service stores {{them}} {form}", _PROVEN, form)
            for (path, form), count in sorted(self._left.items())
        ]


def keeps_case(
    pairs: Iterable[tuple[DesiredUser, LiveUser | None]],
    live: Iterable[LiveUser],
    settled: SettledForms,
    others: int = 0,
) -> bool:
    """Whether live user names show that the service keeps case: capitals, in no fewer names than lack wanted ones.

    One account with capitals among many that lost theirs is from another client, or another time. Capitals of names
    that this plan gives count as well: they would show in the next plan. One name on record that lost its capitals
    shows that the service does not keep them. `others`: managed accounts with capitals, as desired, in neither.
    """
    lost = 0
    kept = others
    for user, found in pairs:
        wanted = user.attributes.get("userName")
        # Nearly always the same text.
        if wanted is None or (found is not None and wanted == found.user_name):
            continue
        if found is None or fold_case(str(wanted)) != fold_case(found.user_name):
            kept += has_capitals(wanted)
        elif has_capitals(found.user_name):
            kept += not found.managed
        elif settled(found.id, "userName", wanted, found.user_name):
            return False
        else:
            lost += 1
    return 0 < lost <= kept + sum(user.managed and has_capitals(user.user_name) for user in live)


def describe_forms(forms: Collection[FormDifference], mappings: Sequence[AttributeMapping]) -> list[str]:
    """Say how a service stored values that it was sent, and what ends the difference: a line per attribute and form."""
    rows = {row.target: row for row in mappings}
    counts = Counter((each.path, name_form(each.sent, each.shown)) for each in forms)
    return [
        " ".join((
            f"The service stores {shorten_path(path)} {form} ({pluralize(count, 'user')}): that counts as in effect.",
            *_advise(rows[path], form),
        ))
        for (path, form), count in sorted(counts.items())
    ]  # fmt: skip


def name_form(sent: Value, shown: Value) -> str:
    """Name what a service made of a value."""
    before, after = str(sent), str(shown)
    if after == before.lower():
        return "in lower case"
    if after == before.upper():
        return "in upper case"
    if after == " ".join(before.split()):
        return "with single blanks"
    return "in another case" if after.lower() == before.lower() else "in another form"


def _advise(row: AttributeMapping, form: str) -> tuple[str, ...]:
    """Say which mapping ends the difference, if one does."""
    function, rule = _FUNCTIONS.get(form), row.rule_text
    if function is None:
        return ("The difference ends when the desired state has the value as the service shows it.",)
    inner = f"[{row.direct}]" if row.direct else rule.removeprefix("expression: ") if "expression: " in rule else None
    if inner is None:
        return (f"The difference ends when the desired state has the value {form}.",)
    # In quotes, as it works in `{target: …}` too.
    expression = f"{function}({inner})".replace("'", "''")
    return (f"In the mapping of {shorten_path(row.target)}, `expression: '{expression}'` ends the difference.",)


def has_capitals(value: Value) -> bool:
    """Whether a value has capitals."""
    return str(value) != str(value).lower()


def _warn(row: AttributeMapping, count: int, how: str, why: str, form: str) -> Diagnostic:
    differs, them = ("differs", "it") if count == 1 else ("differ", "them")
    summary = f"{pluralize(count, 'value')} of {shorten_path(row.target)} {differs} {how.format(them=them)}"
    return warning(summary, (why, *_advise(row, form)), row.origin)
