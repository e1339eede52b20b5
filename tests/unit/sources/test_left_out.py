from support.import_reports import group, scope, user, with_fields

from reconciler.sources.import_plan import EntryEdit, ImportPlan
from reconciler.sources.left_out import leave_out

ADA, EVE, JOE = user("ada@x.org", department="IT"), user("eve@x.org", objectId="E-1"), user("joe@x.org")
STAFF = group("Staff", "ada@x.org")


def test_a_user_is_not_added_nor_referred_to() -> None:
    gained = with_fields(STAFF, {"members.users": ("ada@x.org", "e-1", "joe@x.org")})
    alone = with_fields(scope("ada@x.org"), {"assigned.users": ("ada@x.org", "EVE@x.org")})
    edits = (
        EntryEdit(None, EVE),
        EntryEdit(None, JOE),
        EntryEdit(STAFF, gained),
        EntryEdit(None, group("New", "eve@x.org")),
        EntryEdit(scope("ada@x.org"), alone),
    )
    found = leave_out(ImportPlan("x", edits, refused=1), {EVE.address})
    left = with_fields(STAFF, {"members.users": ("ada@x.org", "joe@x.org")})
    assert found.edits == (EntryEdit(None, JOE), EntryEdit(STAFF, left), EntryEdit(None, group("New")))
    assert found.refused == 2


def test_an_entry_keeps_its_values_and_still_loses_its_access() -> None:
    other = with_fields(ADA, {"department": "a\nb", "surname": "x"})
    edit = EntryEdit(ADA, other)
    assert leave_out(ImportPlan("x", (edit,)), {ADA.address}) == ImportPlan("x", (), refused=1)
    disabled = EntryEdit(ADA, with_fields(other, {"accountEnabled": "false"}))
    found = leave_out(ImportPlan("x", (disabled, EntryEdit(JOE, None))), {ADA.address, JOE.address})
    assert found.edits == (EntryEdit(ADA, with_fields(ADA, {"accountEnabled": "false"})), EntryEdit(JOE, None))
    assert leave_out(found, {ADA.address}) == found, "what is left is not reduced again"
