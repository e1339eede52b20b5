import re
from pathlib import Path
from typing import Any

import pytest
from support.builders import APPLE
from support.parsers import markdown_structure
from support.plans import compared, every_action
from support.untrusted_text import HOSTILE

from reconciler.errors import UsageError
from reconciler.render.html import render_html
from reconciler.render.markdown import LIMITS, MARKER, render_markdown
from reconciler.render.style import Style
from reconciler.render.templating import Markdown, Templates, code_span


def with_template(folder: Path, text: str, name: str = "plan.md.j2") -> Templates:
    (folder / name).write_text(text, "utf-8")
    return Templates(folder)


def comment(templates: Templates, limit: int = LIMITS["comment"]) -> str:
    return render_markdown(every_action(), APPLE, Style(), templates, limit=limit)


def page(templates: Templates) -> str:
    return render_html(every_action(), APPLE, Style(), templates)


def test_a_template_of_theirs_replaces_ours_and_keeps_the_marker(tmp_path: Path) -> None:
    text = comment(with_template(tmp_path, "Hello {{ title }}, {{ total }} users.\n"))
    assert text.startswith(MARKER)
    assert text.endswith("-->\nHello Plan for Apple Business Manager, 8 users.\n")
    # What they do not replace is ours.
    assert page(Templates(tmp_path)) == page(Templates(None))


def test_a_template_without_sections_shows_all_users_and_what_was_pending(tmp_path: Path) -> None:
    templates = with_template(tmp_path, "{% for s in sections %}{{ s.title }}\n\n{{ s.code }}\n\n{% endfor %}")
    plan = compared()
    text = render_markdown(plan, APPLE, Style(), templates, limit=LIMITS["comment"])
    assert all(change.key in text for change in plan.changes)
    assert text.count("<b>1 user will be DEACTIVATED</b>") == 2
    assert text.count("<b>1 user will be DEACTIVATED</b>, already pending") == 1


def test_the_documentation_names_the_variables_that_a_template_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, set[str]] = {}
    monkeypatch.setattr(Templates, "_render", lambda _self, name, values, _: given.update({name: set(values)}) or "")
    comment(Templates(None))
    page(Templates(None))
    lines = (Path(__file__).parents[3] / "docs" / "pull-requests.md").read_text("utf-8").split("\n")
    for name in ("plan.md.j2", "plan.html.j2"):
        row = next(line for line in lines if line.startswith(f"| `{name}` |"))
        assert set(re.findall(r"`(\w+)`", row)) == given[name], name


def test_their_style_and_script_are_allowed_by_their_hash(tmp_path: Path) -> None:
    own = page(with_template(tmp_path, "p { color: red }", "plan.css"))
    base = Templates(None).text("base.css")
    assert f"<style>{base}p {{ color: red }}</style>" in own
    assert "<style>p { color: red }" in page(with_template(tmp_path, "p { color: red }", "base.css"))
    assert (
        own.split("Content-Security-Policy")[1][:120] != page(Templates(None)).split("Content-Security-Policy")[1][:120]
    )
    with pytest.raises(UsageError, match="must not contain"):
        page(with_template(tmp_path, "</style><script>", "plan.css"))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_value_is_code_whatever_a_template_does_to_it(name: str, tmp_path: Path) -> None:
    value = HOSTILE[name]
    ways = "{{ v }} x {{ v ~ v }} x {{ v | upper }} x {{ [v] }} x {% set y = v %}{{ y }} x {{ v | replace('a', v) }}\n"
    templates = with_template(tmp_path, ways)
    harmless = markdown_structure(templates.markdown("plan.md.j2", v="Ada"))
    assert [kind for kind, _, _ in harmless].count("code_inline") == 6
    assert markdown_structure(templates.markdown("plan.md.j2", v=value)) == harmless
    span = markdown_structure(str(code_span(value)))
    assert [kind for kind, _, _ in span] == ["paragraph_open", "inline", "code_inline", "paragraph_close"]


def test_only_our_markdown_and_numbers_are_printed_as_they_are(tmp_path: Path) -> None:
    templates = with_template(tmp_path, "{{ a }} {{ b }} {{ c }} {{ a ~ '' }} {{ d }}")
    found = templates.markdown("plan.md.j2", a=Markdown("**a**"), b=1234, c="**c**", d=True)
    assert found == "**a** 1,234 `**c**` `**a**` `True`"


@pytest.mark.parametrize(
    "text",
    [
        "{{ v | safe }}",
        "{{ v | e }}",
        "{{ v | forceescape }}",
        "{{ v | urlize }}",
        "{{ missing }}",
        "{{ 1 / 0 }}",
        "{{ v.__class__.__mro__ }}",
        "{{ ''.format.__globals__ }}",
        "{% for",
        "{% include '/etc/passwd' %}",
        "{% include '../../x' %}",
        "{% do v.append(1) %}",
        "{{ items.append(1) }}",
    ],
)
def test_a_broken_template_is_reported_without_a_traceback(text: str, tmp_path: Path) -> None:
    templates = with_template(tmp_path, text)
    values: dict[str, Any] = {"v": "x", "items": [1]}
    with pytest.raises(UsageError, match=r"the template plan\.md\.j2(:1)? does not work"):
        templates.markdown("plan.md.j2", **values)


def test_a_directory_without_a_template_is_an_error(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError, match="there is no template in it"):
            Templates(folder)


def test_a_template_longer_than_the_limit_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="longer than the limit of 1,000"):
        comment(with_template(tmp_path, "x" * 2_000), limit=1_000)


def test_a_template_is_cut_to_the_limit_like_ours(tmp_path: Path) -> None:
    text = "{% for s in sections %}{{ s.title }}\n\n{{ s.code }}\n\n{% endfor %}" + "x" * 200
    assert len(comment(with_template(tmp_path, text), limit=1_500).encode()) <= 1_500
