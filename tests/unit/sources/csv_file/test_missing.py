"""Users of the desired state that a CSV file does not list."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.model import error
from reconciler.history.edits import USER, Entity
from reconciler.sources.csv_file.missing import confirm_missing
from reconciler.sources.snapshot import GoneReason, Person, Snapshot

PLACE = "users/csv.yaml"


def entry(name: str, file: str = PLACE, **fields: str) -> Entity:
    return Entity(USER, f"{name}@x.com", {"userPrincipalName": f"{name}@x.com", **fields}, file)


def snapshot(*people: dict[str, str]) -> Snapshot:
    return Snapshot("staff.csv", [Person(each) for each in people], frozenset({"userPrincipalName"}), notes=("read",))


def listed(*names: str) -> Snapshot:
    return snapshot(*({"userPrincipalName": f"{name}@x.com"} for name in names))


USERS = (entry("a"), entry("b", objectId="7F"), entry("c", "users/csv-2.yaml"), entry("d", "users/entra.yaml"))


def test_a_file_alone_confirms_nothing() -> None:
    assert confirm_missing(listed("a"), USERS, PLACE, "report") == listed("a")


@pytest.mark.parametrize("on_missing", ["disable", "remove"])
def test_users_in_the_files_of_csv_imports_may_go(on_missing: str) -> None:
    found = confirm_missing(listed("A"), USERS, PLACE, on_missing)
    assert found.gone == {"7f": GoneReason.NOT_LISTED, "c@x.com": GoneReason.NOT_LISTED}
    assert found.notes[-1] == (
        f"2 missing users of 3 may go (--on-missing {on_missing}): those in users/csv.yaml, where imports of CSV files"
        " add users."
    )


def test_a_user_is_listed_by_either_name() -> None:
    by_id = snapshot({"userPrincipalName": "renamed@x.com", "objectId": "7f"})
    assert confirm_missing(by_id, USERS[1:2], PLACE, "remove").gone == {}


@pytest.mark.parametrize(
    "file", ["users/csv.yml.yaml", "users/csv-old.yaml", "users/a/csv.yaml", "users/csvs.yaml", "users/entra.yaml"]
)
def test_users_of_other_files_stay(file: str) -> None:
    assert confirm_missing(listed("x"), [entry("a", file)], PLACE, "remove").gone == {}


def test_a_file_with_errors_confirms_nothing() -> None:
    broken = replace(listed("x"), diagnostics=(error("a cell is wrong"),))
    found = confirm_missing(broken, USERS, PLACE, "remove")
    assert found.gone == {}
    assert found.notes[-1] == (
        "No missing user is confirmed to be gone (--on-missing remove), because the file has errors."
    )


@pytest.mark.parametrize(
    "shared",
    [{"employeeId": "007"}, {"mail": "Ada@x.com"}, {"displayName": "Ada L"}, {"givenName": "Ada", "surname": "L"}],
)
def test_a_user_that_may_be_a_new_one_under_another_name_stays(shared: dict[str, str]) -> None:
    new = snapshot({"userPrincipalName": "ada.new@x.com", **shared})
    found = confirm_missing(new, [entry("ada", **shared), entry("bob")], PLACE, "remove")
    assert set(found.gone) == {"bob@x.com"}
    (warned,) = found.diagnostics
    assert warned.summary == 'missing users may be in the file under another name: "ada@x.com" as "ada.new@x.com"'
    assert "are left as they are" in warned.detail


def test_a_user_that_the_file_and_git_both_have_is_no_new_one() -> None:
    known = {"userPrincipalName": "twin@x.com", "displayName": "Ada L"}
    users = [entry("ada", displayName="Ada L"), entry("twin", displayName="Ada L")]
    assert set(confirm_missing(snapshot(known), users, PLACE, "remove").gone) == {"ada@x.com"}


def test_a_new_user_that_may_be_a_missing_one_is_worth_a_warning_in_any_import() -> None:
    new = snapshot({"userPrincipalName": "ada.new@x.com", "employeeId": "007"})
    found = confirm_missing(new, [entry("ada", "users/a.yaml", employeeId="007"), entry("bob")], PLACE, "report")
    (warned,) = found.diagnostics
    assert '"ada@x.com" as "ada.new@x.com"' in warned.summary
    assert "is added as another person" in warned.detail
    assert found.gone == {}


def test_many_renamed_users_are_counted() -> None:
    people = [{"userPrincipalName": f"new{number}@x.com", "employeeId": str(number)} for number in range(8)]
    users = [entry(f"old{number}", employeeId=str(number)) for number in range(8)]
    (warned,) = confirm_missing(snapshot(*people), users, PLACE, "report").diagnostics
    assert warned.summary.endswith('"old4@x.com" as "new4@x.com" and 3 more')
