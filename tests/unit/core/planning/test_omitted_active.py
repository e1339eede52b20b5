from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import OUT, desired, live

from reconciler.core.model import LiveUser, OmittedActive
from reconciler.core.planning.matching import Matching
from reconciler.core.planning.omitted_active import SettledUsers, settle_omitted_active

TRUE, FALSE, UNKNOWN = OmittedActive.TRUE, OmittedActive.FALSE, OmittedActive.UNKNOWN


def omitting(who: str, **changed: object) -> LiveUser:
    return replace(live(who), omits_active=True, **changed)


def settle(
    *accounts: LiveUser, out: tuple[LiveUser, ...] = (), gone: tuple[LiveUser, ...] = (), known: tuple[str, ...] = ()
) -> tuple[SettledUsers, Matching]:
    """Settle for `accounts` of users in scope, `out` of scope, and `gone` from git."""
    pairs = [(desired(user.user_name), user) for user in accounts]
    pairs += [(desired(user.user_name, verdict=OUT), user) for user in out]
    matching = Matching(pairs=[*pairs, (desired("new"), None)], unclaimed=list(gone))
    return settle_omitted_active(matching, [*accounts, *out, *gone], known), matching


@pytest.mark.parametrize(
    ("shown", "meaning"),
    [
        ((), TRUE),
        ((False,), TRUE),
        ((True,), FALSE),
        ((True, False), UNKNOWN),
    ],
)
def test_the_meaning_is_what_the_others_show(shown: tuple[bool, ...], meaning: OmittedActive) -> None:
    others = [live(f"u{number}", active=value) for number, value in enumerate(shown)]
    found, _ = settle(*others, gone=(omitting("gone"),))
    assert (found.meaning, found.problems) == (meaning, ())
    # Before any account is without it as well: an apply has to know.
    assert settle(*others)[0].meaning is meaning


def test_only_a_record_and_the_others_together_prove_a_deactivation() -> None:
    gone, proven = omitting("gone"), omitting("proven")
    found, matching = settle(live("ada"), out=(gone,), gone=(proven,), known=("live-proven",))
    ada, unknown, inactive = found.users
    assert ada == live("ada")
    assert (unknown.active, "active" in unknown.attributes) == (True, False)
    assert (inactive.active, inactive.attributes["active"]) == (False, False)
    assert [user for _, user in matching.pairs] == [ada, unknown, None]
    assert matching.unclaimed == [inactive]
    shows_both, _ = settle(live("ada"), live("bob", active=False), gone=(proven,), known=("live-proven",))
    assert shows_both.users[-1].active


def test_an_account_without_a_mapping_of_active_gets_no_value() -> None:
    account = omitting("gone")
    account = replace(account, attributes={k: v for k, v in account.attributes.items() if k != "active"})
    found, _ = settle(live("ada"), gone=(account,), known=("live-gone",))
    assert (found.users[-1].active, "active" in found.users[-1].attributes) == (False, False)


@pytest.mark.parametrize(
    ("without", "shown", "crowd"), [(10, 1, False), (11, 1, True), (20, 20, False), (21, 20, True)]
)
def test_a_crowd_without_active_is_active_and_reported(without: int, shown: int, crowd: bool) -> None:
    accounts = [omitting(f"o{number}") for number in range(without)]
    accounts += [live(f"s{number}") for number in range(shown)]
    found, _ = settle(*accounts)
    assert found.meaning is (TRUE if crowd else FALSE)
    assert len(found.problems) == crowd
    assert (list(found.users) == accounts) is crowd
    # Leavers do not count: many may have left.
    assert settle(live("ada"), gone=tuple(accounts[:without]))[0].meaning is FALSE
