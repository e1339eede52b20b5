from dataclasses import replace
from datetime import UTC, datetime

from reconciler.core.field_change import FieldChange
from reconciler.git.commit import Commit
from reconciler.history.edits import USER, Edit, EditKind, Entity
from reconciler.history.outcomes import Cause, EditOutcome, TimelineEntry, UnrequestedChange
from reconciler.record.runs import AppliedChange, ApplyRun
from reconciler.render.history import (
    HistoryView,
    describe_setter,
    history_document,
    page_entries,
    render_history,
    render_path,
)
from reconciler.render.style import Style

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
PLAIN, REDACTED = Style(), Style(redact=True)
COMMIT = Commit("c0ffee" * 6, "Grace", "grace@example.com", "Move Ada (#7)")
ROW = FieldChange("department", "IT", "Sales")
ADA = Entity(USER, "ada", {"department": "Sales"}, "users/people.yaml")
EDIT = TimelineEntry(NOW, COMMIT, "7", EditOutcome("pending"), Edit(EditKind.CHANGED, ADA, ADA, (ROW,)))
APPLIED = AppliedChange(
    'user["ada"]', "update", "attributes_differ", "", "1", {"title": "A"}, {"title": "B"}, "failed", '409 "ada"', NOW
)
RUN = ApplyRun("r", "sha256:" + "ab" * 32, None, NOW, True, {APPLIED.address: APPLIED})
DRIFT = TimelineEntry(
    NOW, None, None, EditOutcome("failed", RUN, APPLIED), None, UnrequestedChange(Cause.DRIFT, (ROW,))
)


def test_a_path_is_short_and_cannot_begin_a_workflow_command() -> None:
    enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"
    assert render_path(FieldChange(enterprise, None, None), Style()) == "enterprise:department"
    assert render_path(FieldChange("likesAda", None, None), Style(redact=True)) == "(hidden)"
    assert render_path(FieldChange("likesAda", None, None), Style(redact=True), of_user=False) == "likesAda"
    assert render_path(FieldChange("department", None, None), Style(redact=True)) == "department"
    assert render_path(FieldChange("::error::x", None, None), Style()) == "\\u{3a}:error::x"


def test_an_edit_is_shown_under_its_commit() -> None:
    assert render_history(HistoryView((EDIT,)), PLAIN) == (
        "commit c0ffeec0ffee #7, 2026-03-01 08:00 UTC, Grace <grace@example.com>\n"
        "  Move Ada (#7)\n"
        '  ~ user["ada"]\n'
        '      department = "IT" -> "Sales"\n'
        "      pending: no apply on record includes it\n"
    )


def test_edits_of_one_commit_share_its_heading() -> None:
    bob = replace(EDIT, edit=Edit(EditKind.ADDED, None, replace(ADA, name="bob"), ()))
    text = render_history(HistoryView((EDIT, bob)), PLAIN)
    assert text.count("commit c0ffee") == 1
    assert '  + user["bob"]\n' in text


def test_drift_is_shown_under_its_apply_with_the_reason_of_its_failure() -> None:
    assert render_history(HistoryView((DRIFT,)), PLAIN) == (
        "apply of 2026-03-01 08:00 UTC, plan abababababab, drift, not corrected\n"
        '  ~ user["ada"]: update\n'
        '      department = "IT" -> "Sales"\n'
        '      failed 2026-03-01 08:00 UTC, plan abababababab: 409 "ada"\n'
    )


def test_a_redacted_history_has_neither_names_nor_values() -> None:
    for text in (
        render_history(HistoryView((EDIT, DRIFT), "ada", "department"), REDACTED),
        str(history_document(HistoryView((EDIT, DRIFT), "ada", "department"), REDACTED)),
        str(list(page_entries((EDIT, DRIFT), REDACTED))),
    ):
        assert not [word for word in ("ada", "Ada", "Sales", "grace@") if word in text], text


def test_nothing_on_record_is_a_sentence() -> None:
    assert render_history(HistoryView(()), PLAIN) == "Nothing on record.\n"


def test_the_setter_of_an_attribute_comes_first() -> None:
    view = HistoryView((EDIT,), "ada", "department")
    expected = (
        'department = "Sales"\n'
        "  set by Grace <grace@example.com> in c0ffeec0ffee #7, 2026-03-01 08:00 UTC, "
        "pending: no apply on record includes it"
    )
    assert describe_setter(view, Style(colour=True)) == expected
    assert render_history(view, PLAIN).startswith(f"{expected}\n\ncommit ")


def test_an_attribute_that_no_commit_set_says_so() -> None:
    view = HistoryView((DRIFT,), "ada", "department")
    assert describe_setter(view, PLAIN) == "No commit in this clone set department."
    assert describe_setter(HistoryView((EDIT,)), PLAIN) == "", "the query has no attribute"


def test_an_author_that_is_not_known_is_unknown() -> None:
    view = HistoryView((replace(EDIT, commit=None, pull_request=None),), "ada", "department")
    assert "set by unknown in unknown," in describe_setter(view, PLAIN)


def test_the_document_has_whole_values_and_the_kind_of_each_entry() -> None:
    document = history_document(HistoryView((EDIT, DRIFT), "ada", "department", cut=True), PLAIN)
    assert (document["user"], document["attribute"], document["cut"], document["shallow"]) == (
        "ada",
        "department",
        True,
        False,
    )
    assert document["set_by"] == document["entries"][0]
    assert [entry["kind"] for entry in document["entries"]] == ["edit", "drift"]
    assert document["entries"][0]["changes"] == [{"path": "department", "before": "IT", "after": "Sales"}]
    assert document["entries"][1]["outcome"] == {
        "state": "failed",
        "time": NOW.isoformat(),
        "plan_id": RUN.plan_id,
        "message": '409 "ada"',
    }


def test_more_attributes_than_a_reader_wants_are_counted() -> None:
    rows = tuple(FieldChange(f"a{number}", None, "x") for number in range(25))
    many = replace(EDIT, edit=Edit(EditKind.CHANGED, ADA, ADA, rows))
    assert "      # (5 more attributes)\n" in render_history(HistoryView((many,)), PLAIN)
    (entry,) = page_entries((many,), PLAIN)
    assert (len(entry["rows"]), len(entry["folded"]), entry["more"]) == (20, 5, 0)
    most = tuple(FieldChange(f"a{number}", None, "x") for number in range(503))
    (entry,) = page_entries((replace(EDIT, edit=Edit(EditKind.CHANGED, ADA, ADA, most)),), PLAIN)
    assert (len(entry["rows"]), len(entry["folded"]), entry["more"]) == (20, 480, 3)
