from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from support.builders import APPLE, change, desired, live, plan_of, plan_with
from support.parsers import code_of, markdown_structure
from support.plans import compared, every_action, plan_for
from support.untrusted_text import HOSTILE, plan_that_says
from syrupy.assertion import SnapshotAssertion

from reconciler.core.expiry import ConnectionCredential, CredentialKind, assess_credentials, describe_findings
from reconciler.core.model import Origin, error, warning
from reconciler.core.plan import Action, Attribution, Base, LaterEdit, Plan
from reconciler.core.policy import Policy
from reconciler.core.provisioning import Provisioning
from reconciler.render.changes import render_change
from reconciler.render.diff_fence import mark_lines
from reconciler.render.labels import in_display_order
from reconciler.render.markdown import LIMITS, MARKER, render_markdown
from reconciler.render.plan_view import build_plan_view
from reconciler.render.style import Style
from reconciler.render.templating import Templates

PLAIN = Style()


def shown(plan: Plan, style: Style = PLAIN, **options: Any) -> str:
    return render_markdown(plan, APPLE, style, Templates(None), **{"limit": LIMITS["comment"], **options})


def test_a_comment_on_a_plan_with_every_action(snapshot: SnapshotAssertion) -> None:
    assert shown(every_action(), whole_plan_at="https://ci.example/runs/1") == snapshot


def test_a_comment_on_a_blocked_plan_says_how_to_approve_it(snapshot: SnapshotAssertion) -> None:
    plan = plan_of([desired("a")], [live("a"), live("gone1"), live("gone2")])
    text = shown(plan, summary_only=True)
    assert f"--approve {plan.plan_id}" in code_of(text)
    assert text == snapshot


def test_a_comment_for_a_public_place(snapshot: SnapshotAssertion) -> None:
    assert shown(every_action(), Style(redact=True)) == snapshot


def test_a_detail_of_several_lines_is_several_lines() -> None:
    comment = shown(replace(plan_for(1), diagnostics=(warning("a", ("`b`", "c\nd")),)))
    assert "Warning: a\n\n  `b`\n  c\\nd\n" in comment


def test_a_plan_without_changes() -> None:
    same = shown(plan_of([desired("a")], [live("a")]))
    assert "**No changes.** Apple Business Manager matches the desired state." in same
    assert "<details" not in same
    nothing = shown(plan_of([desired("a"), desired("b")], [live("a")], policy=Policy(permitted=frozenset())))
    assert "**No changes can be planned.** See the messages." in nothing


def test_the_marker_is_the_first_line_and_names_the_plan() -> None:
    plan = every_action()
    assert shown(plan).startswith(f"{MARKER} {plan.plan_id} -->\n")
    forged = replace(plan, plan_id="sha256:0 --> @team <!--")
    assert shown(forged).startswith(f"{MARKER} sha256:0team -->\n")


def test_removals_come_first_open_and_everything_else_folded() -> None:
    text = shown(every_action())
    opened, fold_case = text.index("<details open>"), text.index("<details>")
    assert opened < fold_case
    assert text.index("DELETED</b>") < text.index("DEACTIVATED</b>") < fold_case
    assert "> [!CAUTION]\n> 1 user will be DELETED, 1 user will be DEACTIVATED.\n" in text
    assert "CAUTION" not in shown(plan_with(change("ada")))


def test_a_redacted_comment_holds_no_name_or_value_of_a_user() -> None:
    plan = plan_that_says("Zebulon")
    for options in ({}, {"summary_only": True}):
        assert shown(plan, **options).count("Zebulon") > 20
        assert "zebulon" not in shown(plan, Style(redact=True), **options).casefold()


# --- limits -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("summary_only", [False, True])
@pytest.mark.parametrize(("name", "githubs"), [("comment", 65_536), ("summary", 1_048_576)])
def test_a_plan_for_5000_users_is_cut_at_whole_users_within_the_limit(
    name: str, githubs: int, summary_only: bool
) -> None:
    plan = plan_for(5_000)
    text = shown(plan, limit=LIMITS[name], summary_only=summary_only)
    assert len(text) <= len(text.encode()) <= LIMITS[name] < githubs
    assert str(build_plan_view(plan, APPLE).summary[-1]) in text
    code = code_of(text)
    whole = [item for item in in_display_order(plan.changes) if item.key in code]
    # Those who are shown are the first, removals before all others, each in full.
    assert whole == in_display_order(plan.changes)[: len(whole)]
    if not summary_only:
        blocks = "\n".join(render_change(item, Style(longest=200)).rstrip("\n") for item in whole[:50])
        assert mark_lines(blocks) in code.replace("\n\n", "\n")
    left_out = len(plan.changes) - len(whole)
    if name == "summary" and summary_only:
        assert left_out == 0
    else:
        assert f"**{left_out:,} of 5,000 users with changes are not shown here" in text
        # No room is wasted: one more would not have fitted.
        assert len(text.encode()) > LIMITS[name] - 2_000
    assert text.count("```") % 2 == 0


def test_a_limit_is_in_bytes_so_that_no_alphabet_exceeds_it() -> None:
    plan = plan_with(*(change("אדה" * 10 + str(number), Action.CREATE) for number in range(300)))
    text = shown(plan)
    assert len(text) < len(text.encode()) <= LIMITS["comment"]


def test_no_room_is_left_unused_by_a_limit_that_is_just_enough() -> None:
    plan = every_action()
    whole = shown(plan)
    exact = len(whole.encode())
    assert shown(plan, limit=exact) == whole
    assert "of 8 users with changes are not shown here" in shown(plan, limit=exact - 1)


def test_thousands_of_messages_leave_room_for_the_changes() -> None:
    messages = [error(f'userName "user{number}" is wrong', "Correct it.") for number in range(5_000)]
    guards = tuple(replace(plan_of().guards[0], passed=False, message=f"guard {number}" * 20) for number in range(500))
    plan = replace(plan_for(500), diagnostics=(*messages, warning("odd")), guards=guards)
    text = shown(plan)
    assert len(text.encode()) <= LIMITS["comment"]
    assert "<b>5,000 errors, 1 warning</b> (" in text
    assert "> [!CAUTION]\n> 50 users will be DEACTIVATED.\n" in text
    assert code_of(text).count("will be DEACTIVATED") == 50


def test_a_very_long_name_takes_no_room_from_others() -> None:
    plan = plan_with(change("x" * 50_000, Action.DELETE), *(change(f"u{number}") for number in range(20)))
    text = shown(plan)
    assert "… (49812 more characters)" in text
    assert "not shown here" not in text


def test_a_user_with_endless_attributes_is_named_and_takes_no_room_from_others() -> None:
    endless = {f"urn:x:{number}": "y" * 150 for number in range(5_000)}
    text = shown(plan_with(change("ada", Action.DELETE, before=endless), change("bob")))
    assert '# user["ada@example.com"] will be DELETED\n  # (too long to be shown here)' in text
    assert "bob@example.com" in text
    assert [kind for kind, _, _ in markdown_structure(text)].count("fence") == 2


# --- compared with a base ----------------------------------------------------------------------


def headings(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.startswith("#### ")]


def test_a_comment_on_a_plan_compared_with_a_base(snapshot: SnapshotAssertion) -> None:
    assert shown(compared()) == snapshot


def test_both_lists_have_a_heading_and_removals_first_in_each() -> None:
    text = shown(compared())
    assert headings(text) == ["#### Changes of this change set", "#### Already pending", "#### Notes"]
    order = [text.index(f'# user["{who}@example.com"]') for who in ("out", "new", "edited", "left", "hired", "drift")]
    pending = text.index("#### Already pending")
    assert order == sorted(order)
    assert order[2] < pending < order[3]
    assert text.count("<details open>") == 2
    assert text.count("</b>, already pending</summary>") == 3


def test_a_pending_removal_is_shown_at_the_top() -> None:
    both, pending = shown(compared()), shown(only(PENDING))
    assert "> [!CAUTION]\n> 2 users will be DEACTIVATED: 1 by this change set, 1 already pending.\n" in both
    assert "> [!CAUTION]\n> 1 user will be DEACTIVATED: 0 by this change set, 1 already pending.\n" in pending


def only(attribution: Attribution) -> Plan:
    plan = compared()
    return replace(plan, changes=tuple(item for item in plan.changes if item.attribution is attribution))


MINE, PENDING = Attribution.THIS_CHANGE_SET, Attribution.ALREADY_PENDING


def test_a_list_that_is_empty_is_said_to_be_and_has_no_heading() -> None:
    mine, pending = shown(only(MINE)), shown(only(PENDING))
    assert headings(mine) == headings(pending) == []
    assert "**Nothing was already pending: all changes are those of this change set.**" in mine
    assert "**This change set adds no change: all of them were already pending.**" in pending
    assert "<b>1 user will be DEACTIVATED</b>, already pending" in pending
    nothing = shown(replace(compared(), changes=()))
    assert "already pending" not in nothing
    assert "<b>No longer pending: 1 user</b>" in nothing


def halves(size: int) -> Plan:
    """Every second change was pending; removals are among both."""
    plan = plan_for(size)
    both = (replace(item, attribution=(MINE, PENDING)[number // 10 % 2]) for number, item in enumerate(plan.changes))
    return replace(plan, changes=tuple(both), base=compared().base)


@pytest.mark.parametrize("summary_only", [False, True])
def test_removals_of_both_lists_come_before_all_else_when_there_is_no_room(summary_only: bool) -> None:
    plan = halves(2_000)
    text = shown(plan, summary_only=summary_only)
    assert len(text.encode()) <= LIMITS["comment"]
    code = code_of(text)
    for whose in (MINE, PENDING):
        removed = [item for item in plan.changes if item.attribution is whose and item.action is Action.DEACTIVATE]
        assert len(removed) == 100
        assert all(item.key in code for item in removed)
    parts = text.split("#### ")[1:3]
    for part, whose in zip(parts, (MINE, PENDING), strict=True):
        listed = [item for item in plan.changes if item.attribution is whose]
        left_out = sum(item.key not in part for item in listed)
        assert left_out
        assert f"**{left_out:,} of these 1,000 users are not shown here.**" in part
    assert f"**{sum(item.key not in code for item in plan.changes):,} of 2,000 users with changes are" in text


def test_additional_sections_are_cut_to_their_space() -> None:
    many = tuple(LaterEdit(f"user{number:05}@example.com", "new, not in scope: x") for number in range(5_000))
    text = shown(replace(compared(), changes_nothing_today=many))
    assert len(text.encode()) <= LIMITS["comment"] // 4
    shown_here = code_of(text).count("new, not in scope")
    assert 100 < shown_here < 5_000
    assert f"({5_000 - shown_here:,} of them not shown here)" in text


@pytest.mark.parametrize("name", HOSTILE)
def test_the_name_of_the_base_is_code(name: str) -> None:
    plan = compared()
    for offline in (False, True):
        base = Base(HOSTILE[name], "a" * 40, offline)
        harmless = shown(replace(plan, base=replace(base, ref="main")))
        assert markdown_structure(shown(replace(plan, base=base))) == markdown_structure(harmless)


def test_pending_changes_are_counted_separately_with_a_base() -> None:
    text = shown(replace(compared(), notes=("mappings.yaml: @team",)))
    assert (
        "This change set: 1 to create, 1 to update, 1 to deactivate, 0 to delete.\n\nAlready pending: 1 to create"
        in text
    )
    assert "**Plan: 2 to create, 2 to update, 2 to deactivate, 0 to delete.**" in text
    assert "- `mappings.yaml: @team`" in text


def test_an_offline_plan_does_not_look_like_one_of_the_live_service() -> None:
    plan = compared()
    text = shown(replace(plan, base=Base("origin/main", "a" * 40, offline=True), no_longer_pending=()))
    assert "### Offline comparison, not with the live Apple Business Manager" in text
    assert "Plan for" not in text
    assert "Compared with commit `aaaaaaaaaaaa` (the merge base of `origin/main` and HEAD), not with the live" in text
    assert "This cannot be applied." in text
    assert headings(text) == []
    assert "<b>Changes nothing today: 2 users</b>" in text


def test_a_comment_says_at_the_top_that_provisioning_is_off() -> None:
    plan = replace(every_action(), provisioning=Provisioning(enabled=False, reason="Move to `fabrikam`"))
    meaning = "Nothing of this plan is applied until it is on again."
    notice = f"> [!IMPORTANT]\n> **Provisioning is off:** `` Move to `fabrikam` ``. {meaning}\n"
    assert 0 < shown(plan).index(notice) < shown(plan).index("> [!CAUTION]")
    unexplained = replace(plan, provisioning=Provisioning(enabled=False, switched=True))
    assert f"> **This change set switches provisioning off.** {meaning}\n" in shown(unexplained)


# --- credentials that end -----------------------------------------------------------------------


def expiring(days: int) -> Plan:
    end = date(2027, 5, 1)
    token = ConnectionCredential(
        CredentialKind.TOKEN, end, origin=Origin("settings.yaml", 12, 18), rules=APPLE.token_rules
    )
    found = describe_findings(assess_credentials([token], end - timedelta(days)))
    return replace(plan_for(1), diagnostics=(*found, warning("another")))


def test_a_comment_on_a_plan_whose_token_is_about_to_end(snapshot: SnapshotAssertion) -> None:
    assert shown(expiring(7)) == snapshot


@pytest.mark.parametrize("days", [60, 30, 15])
def test_a_notice_is_below_the_changes_only(days: int) -> None:
    text = shown(expiring(days))
    assert "WARNING" not in text
    assert text.index("the token expires") > text.index("</details>")


def test_a_comment_for_a_public_place_has_the_date() -> None:
    text = shown(expiring(1), Style(redact=True))
    assert "> [!WARNING]\n> `The token expires tomorrow, on 2027-05-01.`\n" in text
    assert "Apple Business Manager" not in text.partition("the token expires")[2]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_forged_warning_in_a_plan_file_is_code(name: str) -> None:
    harmless, forged = (
        replace(warning(text), cause="expiry:end:token:7:2027-05-01") for text in ("expires", HOSTILE[name])
    )
    plan = replace(plan_for(1), diagnostics=(forged,))
    assert markdown_structure(shown(plan)) == markdown_structure(shown(replace(plan, diagnostics=(harmless,))))
