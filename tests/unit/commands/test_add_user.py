"""`add user` writes a user and its groups together, or nothing."""

from __future__ import annotations

import pytest
from support.target_workspace import TargetWorkspace

from reconciler.commands.add_user import AddUserOptions, run_add_user
from reconciler.errors import ExitCode, ReconcilerError, TargetError, UsageError

GROUPS = "# Groups\n- name: staff\n  members: {users: [keeper@example.com]}\n- name: lab\n"
ADA = "ada@example.com"


@pytest.fixture
def work(target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> TargetWorkspace:
    monkeypatch.delenv("RECONCILER_TOKEN", raising=False)
    monkeypatch.delenv("RECONCILER_TOKEN_STORE", raising=False)
    target.files.write("groups/g.yaml", GROUPS)
    target.files.write("scope.yaml", "sync: assigned\nassigned: {groups: [staff], users: [keeper@example.com]}\n")
    return target


def read_all(work: TargetWorkspace) -> dict[str, str]:
    state = work.workspace.state
    return {path.relative_to(state).as_posix(): path.read_text() for path in state.rglob("*.yaml")}


def test_the_user_and_its_groups_are_written_together(work: TargetWorkspace) -> None:
    before = read_all(work)
    options = AddUserOptions(
        ADA,
        "Ada",
        "O'Neil",
        ("Staff", "lab"),
        ("objectId=a", "employeeId=0012", "otherMails=x@y.z", "otherMails=y@y.z"),
    )
    assert run_add_user(work.workspace, options, work.terminal) is ExitCode.OK
    after = read_all(work)
    assert after["groups/g.yaml"] == (
        "# Groups\n- name: staff\n  members: {users: [ada@example.com, keeper@example.com]}\n"
        "- name: lab\n  members:\n    users:\n      - ada@example.com\n"
    )
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"groups/g.yaml", "users/people.yaml"}
    assert "userPrincipalName: ada@example.com\n  givenName: Ada\n  surname: O'Neil\n" in after["users/people.yaml"]
    assert '  employeeId: "0012"\n' in after["users/people.yaml"]
    assert "in scope\n" in work.terminal.out
    assert 'through "staff" -> "ada@example.com"' in work.terminal.out
    assert "+  surname: O'Neil\n" in work.terminal.out
    assert "Nothing was sent anywhere." in work.terminal.out
    assert work.service.log == []


def test_a_user_without_an_assignment_is_out_of_scope(work: TargetWorkspace) -> None:
    before = read_all(work)
    options = AddUserOptions(ADA, file=f"{work.workspace.state}/users/new.yaml", dry_run=True)
    assert run_add_user(work.workspace, options, work.terminal) is ExitCode.OK
    assert "out of scope: not assigned in scope.yaml" in work.terminal.out
    assert "+++ b/users/new.yaml" in work.terminal.out
    assert "Nothing was written (--dry-run)." in work.terminal.out
    assert read_all(work) == before


def test_a_terminal_asks_for_what_is_missing(work: TargetWorkspace) -> None:
    asked: list[str] = []
    answers = iter([ADA, "Ada", " staff , lab"])

    def ask(question: str) -> str:
        asked.append(question)
        return next(answers)

    options = AddUserOptions(surname="Lovelace", offline=True)
    assert run_add_user(work.workspace, options, work.terminal, ask) is ExitCode.OK
    assert asked == ["userPrincipalName: ", "givenName: ", "groups, with commas between them (staff, lab): "]
    assert "- ada@example.com" in read_all(work)["groups/g.yaml"]


def test_with_a_token_the_plan_of_the_user_is_shown(work: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_TOKEN", work.service.token)
    options = AddUserOptions(ADA, "Ada", "L", ("staff",), ("objectId=a",))
    assert run_add_user(work.workspace, options, work.terminal) is ExitCode.OK
    assert "Plan: 1 to create, 0 to update, 0 to delete." in work.terminal.out
    assert {request.method for request in work.service.log} == {"GET"}


def test_with_stored_tokens_too(work: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_TOKEN_STORE", "file:/tokens")
    options = AddUserOptions(ADA, "Ada", "L", ("staff",), ("objectId=a",))
    with pytest.raises(TargetError, match="RECONCILER_TOKEN is not set"):  # the settings say that it is a token
        run_add_user(work.workspace, options, work.terminal)


@pytest.mark.parametrize(
    "given", [AddUserOptions("KEEPER@example.com"), AddUserOptions(ADA, values=("objectId=id-1",))]
)
def test_a_user_that_there_is_already_is_one_error_with_its_place(given: AddUserOptions, work: TargetWorkspace) -> None:
    work.files.write("users/people.yaml", "- objectId: ID-1\n  userPrincipalName: keeper@example.com\n")
    before = read_all(work)
    with pytest.raises(ReconcilerError, match=r"^users/people.yaml:[12]:\d+: user.*has this .* already$"):
        run_add_user(work.workspace, given, work.terminal)
    assert read_all(work) == before
    assert work.terminal.found == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (AddUserOptions(), "--upn is missing"),
        (AddUserOptions(" "), "the userPrincipalName is empty"),
        (AddUserOptions(ADA, values=("x",)), 'set "x" is not attribute=value'),
        (AddUserOptions(ADA, values=("Password=s3cret",)), '"Password": passwords are not stored'),
        (AddUserOptions(ADA, "Ada", values=("givenName=B",)), "givenName is given twice"),
        (AddUserOptions(ADA, groups=("staf",)), 'there is no group "staf"'),
        (AddUserOptions(ADA, file="groups/g.yaml"), "is no YAML file in users/"),
        (AddUserOptions(ADA, file="users/../../x.yaml"), "is no YAML file in users/"),
    ],
)
def test_wrong_values_write_nothing(
    options: AddUserOptions, problem: str, work: TargetWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: PTH123, SIM115 - no terminal
    before = read_all(work)
    with pytest.raises(UsageError, match=problem):
        run_add_user(work.workspace, options, work.terminal)
    assert read_all(work) == before


def test_a_question_without_an_answer_writes_nothing(work: TargetWorkspace) -> None:
    def ask(_question: str) -> str:
        raise EOFError

    with pytest.raises(UsageError, match="no answer"):
        run_add_user(work.workspace, AddUserOptions(), work.terminal, ask)


def test_a_user_that_would_be_invalid_is_not_written(work: TargetWorkspace) -> None:
    before = read_all(work)
    with pytest.raises(ReconcilerError, match="the user would not be valid"):
        run_add_user(work.workspace, AddUserOptions(ADA, values=("enabled=false",)), work.terminal)
    assert len(work.terminal.found) == 1
    assert read_all(work) == before
