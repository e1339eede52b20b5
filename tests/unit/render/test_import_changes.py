from dataclasses import replace

import pytest
from support.import_reports import ENTRA, full_report, group, report_of, scope, user, with_fields
from syrupy.assertion import SnapshotAssertion

from reconciler.core.policy import Limit
from reconciler.render.import_changes import SHOWN, format_counts, render_import
from reconciler.render.import_document import import_document
from reconciler.render.style import Style
from reconciler.sources.import_plan import CurrentState, EntryEdit, ImportPlan, MissingAction, MissingPerson
from reconciler.sources.import_report import ImportOutcome, ImportReport

PLAIN, REDACTED, COLOURED = Style(), Style(redact=True), Style(colour=True)


def test_an_import_reads_like_a_plan(snapshot: SnapshotAssertion) -> None:
    assert render_import(full_report(), PLAIN) == snapshot


def test_a_blocked_import_is_shown_in_full_with_the_way_to_approve_it(snapshot: SnapshotAssertion) -> None:
    assert render_import(full_report(outcome=ImportOutcome.BLOCKED, limit=Limit(2, 10)), PLAIN) == snapshot


def test_a_redacted_import_has_neither_names_nor_values(snapshot: SnapshotAssertion) -> None:
    text = render_import(full_report("Zeb", ImportOutcome.BLOCKED, Limit(2, 10)), REDACTED)
    assert text == snapshot
    assert not [word for word in ("ada", "Sales", "R&D", "users/") if word in text]


def test_colours_are_those_of_plans() -> None:
    text = render_import(full_report(), COLOURED)
    assert "\x1b[32m+\x1b[0m" in text
    assert "\x1b[31m!\x1b[0m" in text


def test_an_approved_import_says_what_approved_it() -> None:
    found = full_report(limit=Limit(2))
    approved = replace(found, guard=replace(found.guard, approved=True, approval="lifted by settings.yaml:4:5"))
    text = render_import(approved, PLAIN)
    assert "Approved: removals: " in text
    assert "; lifted by settings.yaml:4:5" in text
    assert "blocked" not in text


def test_a_dry_run_beyond_the_limit_would_be_blocked() -> None:
    assert "This import would be blocked." in render_import(
        full_report(outcome=ImportOutcome.SHOWN, limit=Limit(1)), PLAIN
    )


def test_of_a_source_that_may_list_some_people_only_the_others_are_counted() -> None:
    ada = user("ada@example.com")
    gone = MissingPerson(user("bob@example.com"), "no longer in the file", MissingAction.REPORTED)
    plan = ImportPlan("staff.csv", missing=(MissingPerson(ada, "", MissingAction.UNCONFIRMED), gone), is_partial=True)
    report = report_of(plan, CurrentState(tuple(each.entity for each in plan.missing)))
    text = render_import(report, PLAIN)
    assert "ada@example.com" not in text
    assert "1 user in the files and not in staff.csv:\n" in text
    assert "bob@example.com" in text
    assert "2 not in the source, left as they are" in text
    assert "ada@example.com" in render_import(report, PLAIN, whole=True)


def test_without_changes_one_line_says_so_and_missing_people_follow() -> None:
    ada = user("ada@example.com")
    plan = ImportPlan(ENTRA, unchanged=1, missing=(MissingPerson(ada, "", MissingAction.UNCONFIRMED),))
    assert render_import(report_of(plan, CurrentState((ada,)), ImportOutcome.UNCHANGED), PLAIN) == (
        f"No changes. 1 user of {ENTRA} as in the files.\n\n"
        f"1 user in the files and not in {ENTRA}:\n"
        '  - user["ada@example.com"] users/entra.yaml:10: left as it is: the source does not confirm that the person is'
        " gone\n\n"
        "Import: 0 to add, 0 to change, 0 to disable, 0 to remove; 1 not in the source, left as it is.\n"
    )


def many(count: int) -> ImportReport:
    added = tuple(EntryEdit(None, user(f"u{number:06}@example.com", city="Oslo")) for number in range(count))
    return report_of(ImportPlan(ENTRA, added), CurrentState())


def test_a_large_import_shows_the_first_users_and_the_number_of_the_others() -> None:
    text = render_import(many(100_000), PLAIN)
    assert text.count("will be added\n") == SHOWN
    assert "  # 99,950 more users will be added: -v shows them, --format json has all of them.\n" in text
    assert text.endswith("Import: 100,000 to add, 0 to change, 0 to disable, 0 to remove.\n")
    assert render_import(many(SHOWN + 1), PLAIN, whole=True).count("will be added\n") == SHOWN + 1
    assert "more user" not in render_import(many(SHOWN), PLAIN)


@pytest.mark.parametrize("action", ["-", "!"])
def test_of_many_users_that_leave_every_one_is_named(action: str) -> None:
    users = [user(f"u{number:03}@example.com") for number in range(SHOWN + 3)]
    edits = (
        EntryEdit(each, None if action == "-" else with_fields(each, {"accountEnabled": "false"})) for each in users
    )
    text = render_import(report_of(ImportPlan(ENTRA, tuple(edits)), CurrentState(tuple(users))), PLAIN)
    assert f'\n  {action} user["u052@example.com"] users/entra.yaml:530\n' in text
    assert not [each.name for each in users if each.name not in text]


def test_a_group_that_is_taken_out_or_has_many_renames_is_shown() -> None:
    names = {f"u{number}@example.com": f"v{number}@example.com" for number in range(SHOWN + 9)}
    before, gone = group("Staff", *names), group("Old", "x@example.com")
    plan = ImportPlan(ENTRA, (EntryEdit(before, group("Staff", *names.values())), EntryEdit(gone, None)), names)
    text = render_import(report_of(plan, CurrentState((), (before, gone))), PLAIN)
    assert text.count("~ members.users") == SHOWN
    assert '# group["Old"] will be TAKEN OUT' in text
    assert "Groups: 0 to add, 1 to change, 1 to remove." in text


def test_the_counts_are_an_interface() -> None:
    assert format_counts(full_report()) == (
        "1 to add, 1 to change, 1 to disable, 1 to remove; 2 not in the source, left as they are"
    )


def test_users_of_the_files_that_come_into_scope_are_listed() -> None:
    new, ada = user("new@example.com"), user("ada@example.com")
    before, after = scope(ada.name), scope(ada.name, new.name)
    report = report_of(ImportPlan(ENTRA, (EntryEdit(before, after),)), CurrentState((ada, new), (), before))
    text = render_import(report, PLAIN)
    assert '1 user of the files will come INTO SCOPE by these changes:\n  - user["new@example.com"] users/' in text
    assert [place["address"] for place in import_document(report)["arrivals"]] == ['user["new@example.com"]']
