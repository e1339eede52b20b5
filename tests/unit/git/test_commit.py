import pytest

from reconciler.git.commit import Commit


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ("Merge pull request #12 from org/branch", "12"),
        ("Merged PR 345: Add Ada", "345"),
        ("Add Ada (#7)", "7"),
        ("Revert (#7) of Ada (#8)", "8"),
        ("Add Ada #7", None),
        ("Add (#7) Ada", None),
        ("Merge pull request #1234567890 from org/branch", None),
        ("Merged PR 345", None),
        ("", None),
    ],
)
def test_the_pull_request_is_the_one_in_the_subject(subject: str, number: str | None) -> None:
    assert Commit("c" * 40, "Ada", "ada@example.com", subject).pull_request == number
