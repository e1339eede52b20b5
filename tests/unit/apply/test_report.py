from support.builders import change, values_of

from reconciler.apply.report import Report
from reconciler.core.plan import Action, Outcome, Result


def test_outcomes_are_counted_by_result_and_action() -> None:
    update, delete = change("a", after=values_of("a", family="King")), change("b", Action.DELETE)
    report = Report([Outcome(update, Result.DONE), Outcome(delete, Result.DONE), Outcome(delete, Result.FAILED)])
    assert (report.count(Result.DONE), report.count(Result.DONE, Action.DELETE)) == (2, 1)
    assert report.count(Result.FAILED, Action.UPDATE, Action.CREATE) == 0
