import pytest
from support.import_reports import full_report, group, user, with_fields

from reconciler.sources.import_plan import EntryEdit
from reconciler.sources.import_report import ImportAction, find_action

ADA = user("ada@example.com")


@pytest.mark.parametrize(
    ("edit", "action"),
    [
        (EntryEdit(None, ADA), ImportAction.ADD),
        (EntryEdit(ADA, None), ImportAction.REMOVE),
        (EntryEdit(ADA, with_fields(ADA, {"department": "IT"})), ImportAction.CHANGE),
        (EntryEdit(ADA, with_fields(ADA, {"accountEnabled": "False"})), ImportAction.DISABLE),
        (EntryEdit(with_fields(ADA, {"accountEnabled": "false"}), ADA), ImportAction.CHANGE),
        (EntryEdit(group("x"), group("x", accountEnabled="false")), ImportAction.CHANGE),
    ],
)
def test_a_user_that_is_disabled_is_not_merely_changed(edit: EntryEdit, action: ImportAction) -> None:
    assert find_action(edit) is action


def test_a_report_has_the_edits_by_kind_and_action_and_who_is_left_alone() -> None:
    report = full_report()
    assert [len(report.of_users(action)) for action in ImportAction] == [1, 1, 1, 1]
    assert [len(report.of_groups(action)) for action in ImportAction] == [0, 0, 1, 1]
    assert [edit.entity.name for edit in report.of_documents] == ["scope.yaml"]
    assert [each.entity.name for each in report.left] == ["left@example.com", "gone@example.com"]
