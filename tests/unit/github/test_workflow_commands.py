import pytest

from reconciler.core.model import Diagnostic, Origin, error, warning
from reconciler.github.workflow_commands import (
    COMMENT_CHARACTERS,
    SUMMARY_BYTES,
    annotate,
    format_body,
    format_command,
    format_outputs,
    format_summary,
)


def mistakes(count: int, make: object = error) -> list[Diagnostic]:
    assert callable(make)
    return [make(f"mistake {number}", "", Origin("users/people.yaml", number + 1, 3)) for number in range(count)]


def test_ten_errors_and_ten_warnings_are_annotated_and_the_others_counted() -> None:
    lines = list(annotate([*mistakes(12), *mistakes(10, warning)], "desired-state", redact=False))
    assert lines[0] == "::error file=desired-state/users/people.yaml,line=1,col=3::mistake 0"
    assert [line.split(" ", 1)[0] for line in lines] == ["::error"] * 10 + ["::notice::2"] + ["::warning"] * 10
    assert lines[10].startswith("::notice::2 more errors")


def test_a_detail_of_several_lines_is_several_lines() -> None:
    (line,) = annotate([warning("a", ("b", "c\nd"))], "", redact=False)
    assert line == "::warning::a%0Ab%0Ac\\nd"


def test_no_text_ends_a_command_or_begins_another() -> None:
    hostile = error("100%\n::error::pwned\r##[error]x", "a\n::warning::b", Origin("users/a,b:c\n::x.yaml", 1, 1))
    (line,) = annotate([hostile], "", redact=False)
    assert "\n" not in line
    assert "\r" not in line
    assert "##[" not in line
    assert line.startswith("::error file=users/a%2Cb%3Ac\\n%3A%3Ax.yaml,line=1,col=1::100%25%0A::error::pwned")
    assert format_command("error", "a%b\r\n", {"title": "a,b:c%"}) == "::error title=a%2Cb%3Ac%25::a%25b%0D%0A"


def test_redacted_annotations_hide_values() -> None:
    (line,) = annotate([error('"ada" is twice here', "", None)], "", redact=True)
    assert line == "::error::(hidden) is twice here"
    (line,) = annotate([error("there is no user", "Did you mean ada?", None)], "", redact=True)
    assert line == "::error::there is no user"


def test_outputs_are_one_line_each() -> None:
    assert format_outputs({"changes": 2, "blocked": False, "plan-id": "sha256:0"}) == (
        "changes=2\nblocked=false\nplan-id=sha256:0\n"
    )


def test_a_summary_of_text_is_all_code() -> None:
    assert format_summary("a\n```\n<b>", 0, markdown=False) == "    a\n    ```\n    <b>\n\n"
    assert format_summary("**a**\n", 0, markdown=True) == "**a**\n\n"


def test_a_long_summary_is_cut_at_a_line_below_the_limit() -> None:
    for line in ("ü" * 31, "}"):
        first = format_summary(f"{line}\n" * 300_000, 0, markdown=False)
        used = len(first.encode())
        second = format_summary(f"{line}\n" * 600_000, used, markdown=False)
        assert used + len(second.encode()) <= SUMMARY_BYTES
        assert set((first + second).split("\n")) - {"", "The rest is in the log of this job."} == {f"    {line}"}


def test_nothing_is_added_to_a_full_summary() -> None:
    assert format_summary("a", SUMMARY_BYTES, markdown=False) == ""


def test_a_body_carries_its_marker_first_and_the_run() -> None:
    assert format_body("Text\n", "mine", "https://run") == "<!-- mine -->\nText\n\n[Log of this run](https://run)\n"


def test_a_body_that_github_would_refuse_says_where_the_rest_is() -> None:
    for text in ("x" * COMMENT_CHARACTERS, "😀" * (COMMENT_CHARACTERS // 2)):
        made = format_body(text, "mine", "")
        assert made == "<!-- mine -->\nThis is too long for a comment: it is in the summary of the run.\n"
    assert len(format_body("x" * 65_000, "mine", "")) > 65_000


@pytest.mark.parametrize("text", ["a\nblocked=false", "a\rb", "a\r\nb"])
def test_no_value_begins_another_output(text: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        format_outputs({"plan-file": text})
