from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

from reconciler.render.entra_links import SHOWN, render_checked, render_links_csv, render_links_json
from reconciler.render.style import Style
from reconciler.sources.links import CheckedAccount, LinkEvent, LinkTable, LinkVerdict, MatchedAccount

WHEN = datetime(2026, 11, 3, 8, tzinfo=UTC)
SINCE = datetime(2026, 10, 30, tzinfo=UTC)
PLAIN = Style()


def table(*targets: str) -> LinkTable:
    return LinkTable(
        {f"id-{number}": LinkEvent(f"id-{number}", each, "create", WHEN) for number, each in enumerate(targets)}
    )


def checked(name: str, verdict: LinkVerdict, linked: str = "") -> CheckedAccount:
    return CheckedAccount(MatchedAccount(f"{name}@example.com", f"id-{name}", f"GN-{name}"), verdict, linked)


def test_the_table_is_csv() -> None:
    targets = ["GN-1", 'a,"b', "=1+1", "-x"]
    text = render_links_csv(table(*targets))
    assert text.startswith("objectId,targetId,action,activityDateTime\nid-0,GN-1,create,2026-11-03T08:00:00Z\n")
    rows = list(csv.DictReader(io.StringIO(text), strict=True))
    assert [row["targetId"] for row in rows] == ["GN-1", 'a,"b', "'=1+1", "'-x"]


def test_the_table_and_verdicts_are_json() -> None:
    assert json.loads(render_links_json(table("GN-1"), None)) == {
        "format_version": "1.0",
        "links": [
            {"objectId": "id-0", "targetId": "GN-1", "action": "create", "activityDateTime": "2026-11-03T08:00:00Z"}
        ],
    }
    found = json.loads(render_links_json(table(), [checked("ada", LinkVerdict.OTHER_ACCOUNT, "GN-9")]))
    assert found["accounts"] == [
        {
            "user": "ada@example.com",
            "objectId": "id-ada",
            "targetId": "GN-ada",
            "verdict": "other_account",
            "linkedId": "GN-9",
        }
    ]


def test_accounts_that_differ_come_first() -> None:
    found = [
        checked("ada", LinkVerdict.CONFIRMED, "GN-ada"),
        checked("bob", LinkVerdict.UNCONFIRMED),
        checked("eve", LinkVerdict.OTHER_ACCOUNT, "GN-9"),
        checked("kim", LinkVerdict.OTHER_USER),
    ]
    assert render_checked(found, SINCE, PLAIN) == (
        "Not the accounts that Entra made:\n"
        '  user["eve@example.com"], account "GN-eve": Entra provisioned another account for this user ("GN-9")\n'
        '  user["kim@example.com"], account "GN-kim": Entra provisioned this account for another user\n'
        "\n"
        "Not in the log:\n"
        '  user["bob@example.com"], account "GN-bob"\n'
        "\n"
        "4 accounts matched by the plan: 1 confirmed, 2 not the accounts that Entra made, 1 not in the log since"
        " 2026-10-30.\n"
        "Do not apply before these are explained: the plan would change accounts of other users.\n"
    )


def test_confirmed_accounts_are_a_line() -> None:
    assert render_checked([checked("ada", LinkVerdict.CONFIRMED)], SINCE, PLAIN) == (
        "1 account matched by the plan: 1 confirmed, 0 not the accounts that Entra made, 0 not in the log since"
        " 2026-10-30.\n"
    )


def test_long_lists_are_cut_and_names_are_escaped_and_hidden() -> None:
    found = [checked(f"u{number}\x1b[2J", LinkVerdict.UNCONFIRMED) for number in range(SHOWN + 1)]
    text = render_checked(found, SINCE, PLAIN)
    assert "  1 more: -v shows them" in text
    assert "\x1b" not in text
    assert "more:" not in render_checked(found, SINCE, PLAIN, whole=True)
    assert "u0" not in render_checked(found, SINCE, Style(redact=True))
