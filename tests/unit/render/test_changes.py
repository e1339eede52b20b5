from dataclasses import replace
from typing import Any

import pytest
from support.builders import APPLE, change, plan_with, rename, values_of

from reconciler.core.model import Origin
from reconciler.core.plan import Action, Attribution, Plan
from reconciler.render.changes import (
    address_of,
    describe_effect,
    explain_change,
    history_of,
    mark_of,
    render_as_lines,
    render_blocks,
    render_change,
    render_heading,
    render_lines,
    render_value,
)
from reconciler.render.style import Style
from reconciler.render.text import render_text

PLAIN, REDACTED = Style(), Style(redact=True)
ORIGIN = Origin("users/people.yaml", 12, 3)


def shown(plan: Plan) -> str:
    return render_text(plan, APPLE, PLAIN)


def test_an_unchanged_user_name_is_always_shown_and_the_rest_counted() -> None:
    text = shown(plan_with(change("ada", after=values_of("ada", family="King"))))
    assert '        userName        = "ada@example.com"\n' in text
    assert "        # (4 unchanged attributes hidden)\n" in text
    renamed: Any = shown(plan_with(rename("ada", "bob")))
    assert '      ~ userName = "ada@example.com" -> "bob@example.com"\n' in renamed


def test_a_heading_names_the_user_and_the_action() -> None:
    assert render_heading(change("ada", Action.DELETE), PLAIN) == '  # user["ada@example.com"] will be DELETED'
    redacted = render_heading(change("ada", live_id="7"), REDACTED)
    assert redacted == '  # user["id:7"] will be updated in-place'


def test_a_redacted_user_has_the_id_of_the_service() -> None:
    assert address_of(change("ada", live_id="7"), REDACTED) == 'user["id:7"]'
    assert address_of(change("ada", Action.CREATE, live_id=None), REDACTED) == 'user["id:new"]'


def test_a_change_is_explained_by_its_reason_and_origin() -> None:
    new = change("ada", Action.CREATE, detail='in scope "x"', origin=ORIGIN)
    assert explain_change(new, PLAIN) == 'in scope "x", users/people.yaml:12:3'
    assert explain_change(new, REDACTED) == "in scope (hidden)"
    assert explain_change(change("ada", detail="attributes differ"), PLAIN) == "", "the attributes say why"


def test_an_exchange_of_names_is_explained() -> None:
    renamed = replace(rename("ada", "bob"), temporary_user_name="t@example.com", origin=None)
    assert explain_change(renamed, PLAIN) == 'users exchange names: renamed first to "t@example.com"'
    assert explain_change(renamed, REDACTED) == "users exchange names: renamed first to (hidden)"


def test_the_record_is_quoted_escaped_and_redacted() -> None:
    edited = replace(change("ada"), history=('title was "\x1b"',))
    assert history_of(edited, PLAIN) == ['title was "\\u{1b}"']
    assert history_of(edited, REDACTED) == ["title was (hidden)"]
    assert '  # title was "\\u{1b}"\n' in render_change(edited, PLAIN)


@pytest.mark.parametrize(
    ("attribution", "mark"),
    [
        (Attribution.THIS_CHANGE_SET, "already pending"),
        (Attribution.EDITED_IN_TARGET, "not applied"),
        (Attribution.ALREADY_PENDING, ""),
        (None, ""),
    ],
)
def test_pending_attributes_are_marked_by_the_attribution_of_their_change(
    attribution: Attribution | None, mark: str
) -> None:
    pending = replace(
        change("ada", after=values_of("ada", family="King")), attribution=attribution, pending=("name.familyName",)
    )
    assert mark_of(pending) == mark
    assert f' -> "King" # {mark}\n' in render_change(pending, PLAIN)


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), ('a"\n', '"a\\"\\n"')])
def test_a_value_is_rendered_as_terraform_does(value: Any, text: str) -> None:
    assert render_value(value, PLAIN) == text


def test_added_and_removed_attributes_have_their_symbols() -> None:
    text = render_change(change("ada", before={"title": "a"}, after={"nickName": "b"}), PLAIN)
    assert '      + nickName = "b"\n' in text
    assert '      - title    = "a" -> null\n' in text


def test_the_effect_of_a_change_is_its_reason_or_its_attributes() -> None:
    removed = change("ada", Action.DEACTIVATE, detail="no longer in the desired state")
    assert describe_effect(removed, PLAIN) == "no longer in the desired state"
    assert describe_effect(change("ada", Action.CREATE), PLAIN) == ""
    updated = replace(
        change("ada", after=values_of("ada", family="King", given="A")),
        attribution=Attribution.THIS_CHANGE_SET,
        pending=("name.givenName",),
    )
    assert describe_effect(updated, PLAIN) == "name.familyName, name.givenName (already pending)"


def test_lines_are_aligned() -> None:
    changes = [change("a", Action.DEACTIVATE, detail="gone"), change("longer", Action.CREATE)]
    assert render_lines(changes, PLAIN) == [
        '  ! deactivate  "a@example.com"       gone',
        '  + create      "longer@example.com"',
    ]


def test_removals_come_first_in_blocks_and_in_lines() -> None:
    changes = [change("a"), change("b", Action.DELETE)]
    assert render_blocks(changes, PLAIN) == "\n".join(render_change(each, PLAIN) for each in reversed(changes))
    assert [line.split()[1] for line in render_as_lines(changes, PLAIN).splitlines()] == ["delete", "update"]
