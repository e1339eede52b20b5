from support.builders import change

from reconciler.core.planning.guards.context import GuardContext

ADA, BO, CY = change("ada"), change("bo"), change("cy")


def test_without_a_selection_all_changes_are_applied_and_there_are_no_others() -> None:
    context = GuardContext([ADA, BO], (), (), None, {})
    assert (context.chosen, context.whole) == ([ADA, BO], [ADA, BO])


def test_an_empty_selection_applies_nothing() -> None:
    context = GuardContext([ADA, BO], (), (), None, {}, selected=[], planned=[ADA, BO, CY])
    assert (context.chosen, context.whole) == ([], [ADA, BO, CY])
