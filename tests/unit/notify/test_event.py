from support.builders import NOW

from reconciler.notify.event import CALM, Event, EventKind


def test_calm_is_a_state() -> None:
    assert Event(EventKind.DRIFT, CALM, NOW).is_calm
    assert not Event(EventKind.DRIFT, "found", NOW).is_calm
