import re
from dataclasses import replace
from typing import Any

import pytest
from support.builders import APPLE, change, desired, live, plan_of, plan_with, values_of
from support.parsers import html_structure, html_text
from support.plans import compared, every_action, plan_for
from support.untrusted_text import plan_that_says
from syrupy.assertion import SnapshotAssertion

from reconciler.core.model import warning
from reconciler.core.paths import shorten_path
from reconciler.core.plan import Action, Attribution, Base, LaterEdit, Plan
from reconciler.core.policy import Policy
from reconciler.core.provisioning import Provisioning
from reconciler.render import html
from reconciler.render.html import LONGEST_PAGE, render_html
from reconciler.render.plan_view import build_plan_view
from reconciler.render.style import Style
from reconciler.render.templating import Templates

PLAIN = Style()


def shown(plan: Plan, style: Style = PLAIN, **options: Any) -> str:
    return render_html(plan, APPLE, style, Templates(None), **options)


def body(page: str) -> str:
    """The page without what stays the same in all of them."""
    return re.sub(r"<(style|script)>.*?</\1>", "", page.split("<body>")[1], flags=re.DOTALL)


def elements(page: str, tag: str) -> list[dict[str, str | None]]:
    return [dict(attributes) for name, attributes in html_structure(page) if name == tag]


def test_a_page_with_every_action(snapshot: SnapshotAssertion) -> None:
    assert body(shown(every_action(), whole_plan_at="artifact 7")) == snapshot


def test_a_page_for_a_public_place(snapshot: SnapshotAssertion) -> None:
    assert body(shown(every_action(), Style(redact=True))) == snapshot


def test_a_page_of_a_blocked_plan_says_so_at_its_top_and_how_to_approve_it() -> None:
    plan = plan_of([desired("a")], [live("a"), live("gone1"), live("gone2")])
    page = shown(plan)
    header = page.split("</header>")[0]
    assert "This plan is blocked: nothing will be written." in header
    assert "2 users will be DEACTIVATED." in header
    assert f"--approve {plan.plan_id}" in page
    assert page.count('class="is-blocked"') == 1


def test_a_page_without_changes() -> None:
    page = shown(plan_of([desired("a")], [live("a")]))
    assert "No changes. Apple Business Manager matches the desired state." in page
    assert elements(page, "form") == []
    nothing = shown(plan_of([desired("a")], policy=Policy(permitted=frozenset())))
    assert "No changes can be planned. See the messages." in nothing


def test_the_policy_lets_nothing_run_or_load_but_the_pages_own_style_and_script() -> None:
    page = shown(every_action())
    (policy,) = (meta["content"] for meta in elements(page, "meta") if meta.get("http-equiv"))
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; script-src 'sha256-[\w+/]{43}='; "
        r"base-uri 'none'; form-action 'none'",
        policy or "",
    )
    attributes = {name for _, found in html_structure(page) for name, _ in found}
    assert not any(name.startswith("on") for name in attributes)
    assert attributes.isdisjoint({"src", "srcset", "style", "action", "ping", "background", "poster"})
    assert all(str(link["href"]).startswith("#") for link in elements(page, "a"))
    assert "://" not in page.split("</head>")[0]


def test_each_link_in_the_page_has_its_place() -> None:
    page = shown(plan_that_says("Ada"))
    places = [found["id"] for tag, attributes in html_structure(page) if "id" in (found := dict(attributes)) and tag]
    assert len(places) == len(set(places))
    assert {str(link["href"])[1:] for link in elements(page, "a")} <= set(places)


def test_removals_come_first() -> None:
    sections = [found["data-action"] for found in elements(shown(every_action()), "section") if "data-action" in found]
    assert sections == ["delete", "deactivate", "create", "adopt", "reactivate", "update"]


def test_both_sides_of_an_attribute_stand_beside_each_other() -> None:
    page = shown(plan_with(change("ada", after=values_of("ada", family="King", department=None))))
    assert (
        "<div><dt>name.familyName</dt><dd><del>Lovelace</del></dd><dd><ins>King</ins></dd></div>"
        "</dl>\n<details><summary>4 unchanged attributes</summary><dl>"
    ) in page
    assert "<dt>enterprise:department</dt><dd><del>Engineering</del></dd><dd></dd>" in page


def test_unchanged_attributes_can_be_opened() -> None:
    page = shown(plan_with(change("ada", after=values_of("ada", family="King"))))
    (details,) = re.findall(r"<details>.*?</details>", page, re.DOTALL)
    rows = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", details)
    expected = {shorten_path(path): str(value) for path, value in values_of("ada").items() if path != "name.familyName"}
    expected["active"] = "true"
    assert rows == sorted(expected.items())
    assert "<details>" not in shown(plan_with(change("ada", Action.CREATE)))


def test_unchanged_attributes_are_redacted() -> None:
    page = shown(plan_with(change("ada", after=values_of("ada", family="King"))), Style(redact=True))
    (details,) = re.findall(r"<details>.*?</details>", page, re.DOTALL)
    assert set(re.findall(r"<dd>(.*?)</dd>", details)) == {"(hidden)", "true"}


def test_a_redacted_page_holds_no_name_or_value_of_a_user() -> None:
    plan = plan_that_says("Zebulon")
    assert shown(plan).count("Zebulon") > 20
    assert "zebulon" not in shown(plan, Style(redact=True)).casefold()


def test_a_backslash_of_a_value_is_distinguished_from_an_escape() -> None:
    page = shown(plan_with(change("a", Action.DELETE, before={"title": "x\\u{202e}y\u202ez"})))
    assert "x\\\\u{202e}y\\u{202e}z" in html_text(page)


def test_a_page_has_a_limit_of_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LONGEST_PAGE == 20_000
    monkeypatch.setattr(html, "LONGEST_PAGE", 200)
    plan = plan_for(1_000)
    page = shown(plan)
    assert str(build_plan_view(plan, APPLE).summary[-1]) in page
    # All 100 removals, and the first of the others.
    assert len(elements(page, "article")) == 200
    assert page.count("<small>will be DEACTIVATED</small>") == 100
    assert "800 of 1,000 changes are not in this page" in page
    assert "200 of them are not in this page." in page
    assert "600 of them are not in this page." in page
    assert "are not in this page" not in shown(plan_for(200))


def test_thousands_of_messages_are_cut_and_counted() -> None:
    messages = plan_that_says("x").diagnostics * 1_000
    page = shown(replace(plan_of(), diagnostics=messages))
    assert page.count('<li class="is-') - len(plan_of().guards) == 2_000
    assert "4,000 more messages are not in this page." in page


# --- compared with a base ----------------------------------------------------------------------

MINE, PENDING = Attribution.THIS_CHANGE_SET, Attribution.ALREADY_PENDING


def test_a_detail_of_several_lines_is_several_lines() -> None:
    page = shown(replace(plan_for(1), diagnostics=(warning("a", ("<b>", "c\nd")),)))
    assert "<p>&lt;b&gt;<br>c\\nd</p>" in page


def test_a_page_of_a_plan_compared_with_a_base(snapshot: SnapshotAssertion) -> None:
    assert body(shown(compared())) == snapshot


def test_sections_groups_and_users_are_three_levels_of_headings() -> None:
    levels = [(tag, dict(found).get("id")) for tag, found in html_structure(shown(compared())) if tag in HEADINGS]
    assert levels[:8] == [
        ("h1", None),
        ("h2", "list-this_change_set"),
        ("h3", "all-deactivate-this_change_set"),
        ("h4", None),
        ("h3", "all-create-this_change_set"),
        ("h4", None),
        ("h3", "all-update-this_change_set"),
        ("h4", None),
    ]
    assert [identity for tag, identity in levels if tag == "h2"] == [
        "list-this_change_set",
        "list-already_pending",
        "no-longer-pending-title",
        "nothing-today-title",
        "guards-title",
    ]
    assert {tag for tag, _ in html_structure(shown(every_action())) if tag in HEADINGS} == {"h1", "h2", "h3"}


HEADINGS = ("h1", "h2", "h3", "h4", "h5")


def test_every_card_says_whose_doing_it_is_and_rows_say_what_was_pending() -> None:
    page = shown(compared())
    assert page.count('<span class="badge this_change_set">this change set</span></h4>') == 3
    assert page.count('<span class="badge already_pending">already pending</span></h4>') == 3
    assert '<dt>name.familyName <small class="badge already_pending">already pending</small></dt>' in page
    assert "badge" not in body(shown(every_action()))


def test_a_list_that_is_empty_has_neither_heading_nor_filter() -> None:
    plan = compared()
    for whose, said in (
        (MINE, "Nothing was already pending: all changes are those of this change set."),
        (PENDING, "This change set adds no change: all of them were already pending."),
    ):
        page = shown(replace(plan, changes=tuple(item for item in plan.changes if item.attribution is whose)))
        assert f"<strong>{said}</strong>" in page
        assert page.count('<span class="badge') == 3
        assert not [found for found in elements(page, "input") if found.get("name") == "list"]
        assert 'id="list-' not in page


def test_removals_of_both_lists_are_in_a_page_before_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "LONGEST_PAGE", 120)
    plan = plan_for(1_000)
    both = (replace(item, attribution=(MINE, PENDING)[number // 10 % 2]) for number, item in enumerate(plan.changes))
    page = shown(replace(plan, changes=tuple(both), base=compared().base))
    assert page.count("<small>will be DEACTIVATED</small>") == 100
    assert len(elements(page, "article")) == 120
    assert "880 of 1,000 changes are not in this page" in page


def test_additional_sections_are_listed_cut_and_counted() -> None:
    page = shown(compared())
    assert "<li><strong><bdi>rescued@example.com</bdi></strong> <bdi>deactivate: no longer in the desired state" in page
    assert "<bdi>lifecycle.expires = &#34;2026-06-30&#34; -&gt; &#34;2026-12-31&#34;</bdi>" in page
    many = shown(replace(compared(), changes_nothing_today=(LaterEdit("a", "b"),) * 2_345))
    assert "345 more of them are not in this page." in many
    assert many.count("<bdi>b</bdi>") == 2_000


def test_a_page_distinguishes_an_offline_plan_from_a_live_one() -> None:
    plan = replace(compared(), notes=("scope.yaml: <b>",))
    page = shown(plan)
    assert (
        "This change set: 1 to create, 1 to update, 1 to deactivate, 0 to delete. Already pending: 1 to create" in page
    )
    assert "2 users will be DEACTIVATED: 1 by this change set, 1 already pending." in page
    assert "scope.yaml: &lt;b&gt;" in page
    offline = shown(replace(plan, base=Base("x\u202e<b>", "a" * 40, offline=True)))
    assert "<h1>Offline comparison, not with the live" in offline
    assert "(the merge base of <bdi>x\\u{202e}&lt;b&gt;</bdi> and HEAD), not with the live service." in offline
    assert '<section class="list"' not in offline


def test_a_page_says_at_the_top_that_provisioning_is_off() -> None:
    plan = replace(every_action(), provisioning=Provisioning(enabled=False, reason="<b>A move</b>"))
    for style, reason in ((PLAIN, '"<b>A move</b>"'), (Style(redact=True), "(hidden)")):
        text = html_text(shown(plan, style))
        assert f"Provisioning is off: {reason}. Nothing of this plan is applied until it is on again." in text
