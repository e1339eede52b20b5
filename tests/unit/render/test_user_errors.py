from dataclasses import replace

from reconciler.core.model import Diagnostic, Origin, error, format_user_address, warning
from reconciler.render.user_errors import combine_user_errors


def mistake(number: int, cause: str = "mappings.yaml:5:12", words: str = "is not an e-mail address") -> Diagnostic:
    summary = f'userName "u{number}" {words}'
    origin = Origin("users/a.yaml", number, 3)
    return replace(error(summary, "Nothing else.", origin, format_user_address(f"u{number}")), cause=cause)


def test_the_errors_of_many_users_with_one_cause_are_one() -> None:
    (only,) = combine_user_errors([mistake(number) for number in range(1, 246)])
    assert only.summary == '245 users: userName "u1" is not an e-mail address'
    assert (str(only.origin), only.address) == ("mappings.yaml:5:12", None)
    named = ", ".join(f"{format_user_address(f'u{n}')} on users/a.yaml:{n}:3" for n in range(1, 6))
    assert only.detail.split("\n") == ["Nothing else.", f"Users: {named} and 240 more."]


def test_a_cause_without_a_place_is_shown_at_the_first_user() -> None:
    first, second = mistake(1, "target.domains"), mistake(2, "target.domains")
    (only,) = combine_user_errors([replace(first, source_line="x"), second])
    assert (only.origin, only.source_line) == (first.origin, "x")


def test_other_causes_other_errors_and_single_users_stay() -> None:
    others = [
        mistake(1),
        mistake(2, "mappings.yaml:6:12"),
        mistake(3, words="is too long"),
        replace(mistake(4), cause=""),
        replace(mistake(5), cause=""),
        warning("w"),
    ]
    assert combine_user_errors(others) == tuple(others)
