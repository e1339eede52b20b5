from reconciler.fleet.report import GOOD_STATES, TenantState
from reconciler.fleet.result import VERBS
from reconciler.render.fleet_words import STATE_WORDS, WORDS


def test_every_verb_and_every_state_has_words() -> None:
    assert WORDS.keys() == set(VERBS)
    assert STATE_WORDS.keys() | GOOD_STATES == set(TenantState)
