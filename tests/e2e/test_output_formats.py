"""`--format markdown` and `html` of `plan` and `show`."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command import CommandWorkspace, OpenCommandWorkspace, assert_harmless, sample_users
from support.parsers import assert_calm, html_structure, markdown_structure
from support.untrusted_text import HOSTILE
from support.untrusted_users import untrusted_live_user, untrusted_source_user, write_users


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    live, people = sample_users(12)
    opened = open_command_workspace(live[:10])
    people[0]["department"] = "Moved"
    opened.users([person for number, person in enumerate(people) if number != 3])
    return opened


def test_a_plan_and_its_file_render_the_same(work: CommandWorkspace) -> None:
    file = str(work.saved())
    for form in ("markdown", "html", "text"):
        # The time of the second plan is another.
        planned, shown = work.run("plan", "--format", form).out, work.run("show", file, "--format", form).out
        assert planned.replace("12:00", "")[:400] == shown.replace("12:00", "")[:400]
    assert work.run("show", file, "--format", "markdown").out.startswith("<!-- reconciler:plan sha256:")
    assert work.run("show", file, "--format", "html").out.startswith("<!doctype html>\n")


def test_the_places_of_markdown_have_their_limits_and_the_whole_plan_is_named(work: CommandWorkspace) -> None:
    file = str(work.saved())
    for place in ("comment", "summary"):
        shown = work.run("show", file, "--format", "markdown", "--limit", place, "--whole-plan-at", "a`b @team")
        assert shown.code == 0
        assert "The whole plan: ``a`b @team``\n" in shown.out
    assert "a`b @team" in work.run("show", file, "--format", "html", "--whole-plan-at", "a`b @team").out


@pytest.mark.parametrize(
    "flags",
    [
        ["--format", "pdf"],
        ["--format", "markdown", "--limit", "page"],
        ["--format", "html", "--limit", "comment"],
        ["--limit", "comment"],
        ["--whole-plan-at", "x"],
        ["--format", "json", "--template", "x"],
        ["--format", "markdown", "--template", "missing"],
    ],
)
def test_what_cannot_be_shown_is_refused_before_anything_is_read(flags: list[str], work: CommandWorkspace) -> None:
    for line in (["plan", *flags], ["show", str(work.saved()), *flags]):
        answer = work.run(*line)
        assert (answer.code, answer.out) == (64, "")
        assert_harmless(answer.err)


def test_a_receipt_has_no_markdown(work: CommandWorkspace) -> None:
    work.run("apply", "--auto-approve")
    answer = work.run("show", str(work.receipts()[0]), "--format", "markdown")
    assert (answer.code, answer.out) == (64, "")


def test_templates_come_from_the_command_line_and_never_from_the_desired_state(work: CommandWorkspace) -> None:
    templates = work.root / "looks"
    templates.mkdir()
    (templates / "plan.md.j2").write_text("Our own: {{ summary }}\n", "utf-8")
    flags = ["--format", "markdown", "--template"]
    assert "\nOur own: **Plan: " in work.run("plan", *flags, str(templates)).out
    inside = work.state / "looks"
    templates.rename(inside)
    (work.root / "link").symlink_to(inside)
    for path in (inside, work.root / "link"):
        answer = work.run("plan", *flags, str(path))
        assert (answer.code, answer.out) == (64, "")
        assert "--template is inside of the desired state" in answer.err


def test_untrusted_names_do_not_change_the_structure_of_any_output(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    def faces(text: str) -> tuple[object, object]:
        opened = open_command_workspace([untrusted_live_user(1, text), untrusted_live_user(2, text)])
        write_users(opened, [untrusted_source_user(2, text), untrusted_source_user(3, text)])
        file = str(opened.saved())
        comment = opened.run("show", file, "--format", "markdown", "--whole-plan-at", text).out
        page = opened.run("show", file, "--format", "html", "--whole-plan-at", text).out
        assert_calm(comment)
        assert_calm(page)
        return markdown_structure(comment), html_structure(page)

    harmless = faces("Ada")
    for name in ("a longer fence", "HTML", "a mention", "a forged marker", "template syntax", "the end of a script"):
        found = faces(HOSTILE[name])
        assert len(found[0]) == len(harmless[0]), name  # type: ignore[arg-type]
        assert len(found[1]) == len(harmless[1]), name  # type: ignore[arg-type]


def test_redacted_output_of_the_command(work: CommandWorkspace) -> None:
    file = str(work.saved())
    names = [user["userName"] for user in work.service.users.values()]
    for form in ("markdown", "html"):
        plain = work.run("show", file, "--format", form).out
        hidden = work.run("show", file, "--format", form, "--redact").out
        assert any(name in plain for name in names)
        assert not any(name in hidden for name in names)
        assert "Moved" not in hidden


def test_the_output_is_one_file_to_keep(work: CommandWorkspace, tmp_path: Path) -> None:
    shown = work.command("show", str(work.saved()), "--format", "html")
    assert shown.code == 0
    assert shown.err == ""
    (tmp_path / "plan.html").write_text(shown.out, "utf-8")
    assert shown.out.endswith("</html>\n")
