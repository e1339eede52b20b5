from dataclasses import replace

from reconciler.core.model import Origin, error, warning
from reconciler.desired.diagnostic_list import DiagnosticList


def at(line: int, file: str = "users/a.yaml") -> Origin:
    return Origin(file, line, 1)


def test_the_same_error_in_a_file_is_one_with_its_lines() -> None:
    found = DiagnosticList()
    for line in range(1, 246):
        found.report(error("x is missing", "Add it.", at(line)))
    found.report(error("x is missing", "Add it.", at(1, "users/b.yaml")))
    found.report(error("x is missing", "Add y.", at(2)))
    assert found.collect() == [
        error(
            "x is missing (245 times in this file)",
            "Add it. Also in lines 2, 3, 4, 5, 6, 7, 8, 9, and 236 times more.",
            at(1),
        ),
        error("x is missing", "Add it.", at(1, "users/b.yaml")),
        error("x is missing", "Add y.", at(2)),
    ]


def test_two_in_a_file_name_both_lines() -> None:
    found = DiagnosticList()
    for line in (3, 7):
        found.report(warning("x", "", at(line)))
    assert found.collect() == [warning("x (2 times in this file)", "Also in line 7.", at(3))]


def test_what_could_not_be_read_comes_first() -> None:
    found = DiagnosticList()
    found.report(error("a"))
    found.report(error("b", origin=at(1)), first=True)
    found.report(error("c"))
    found.report(error("d"), first=True)
    assert [item.summary for item in found.collect()] == ["b", "d", "a", "c"]
    assert [item.summary for item in found.items] == ["a", "b", "c", "d"]


def test_errors_of_users_stay_with_their_users() -> None:
    found = DiagnosticList()
    found.items += [error("x", "", at(1), 'user["a"]'), error("x", "", at(1), 'user["b"]')]
    assert found.collect() == found.items


def test_the_limit_of_a_file_is_not_for_the_errors_of_users() -> None:
    found = DiagnosticList()
    for line in range(1, 101):
        found.report(error("the scoping filters cannot be evaluated", "", at(line), f'user["{line}"]'))
        found.report(error("the same", "", at(1), f'user["{line}"]'))
        found.report(error(f"another {line}", "", at(line)))
    users = [item for item in found.collect() if item.address]
    assert len(users) == 200
    assert len({item.address for item in users}) == 100
    assert len(found.collect()) == 200 + 51


def test_a_copy_grows_by_itself() -> None:
    found = DiagnosticList()
    first, second = error("a", "", Origin("a.yaml", 1, 1)), error("b", "", Origin("a.yaml", 2, 1))
    found.report(first)
    copy = found.copy()
    copy.report(second, first=True)
    copy.report(replace(first, origin=Origin("a.yaml", 3, 1)))
    assert found.collect() == [first]
    assert copy.collect() == [
        second,
        replace(first, summary="a (2 times in this file)", detail="Also in line 3."),
    ]
    assert [item.summary for item in found.copy().collect()] == ["a"]
