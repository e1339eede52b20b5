from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.core.model import Target
from reconciler.git.commit import Commit
from reconciler.record.runs import AppliedChange, ApplyRun
from reconciler.render.record_page import code, render_record

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
TARGET = Target("scim", "https://scim.example.com/v2")
ADA = AppliedChange(
    'user["ada"]', "update", "attributes_differ", "", "id-1", {"title": "A"}, {"title": "B"}, "done", "", NOW
)


def page(*changes: AppliedChange, how: str = "complete", ended: datetime | None = NOW, left: int = 0) -> str:
    done = {each.address: each for each in changes if each.result}
    run = ApplyRun("2026-03-01-ab", "sha256:ab", "c0ffee", NOW, True, done, how=how, ended=ended, left=left)
    commit = Commit("c0ffee", "Grace", "", "")
    return render_record(TARGET, "sha256:ab", [run], {each.address: each for each in changes}, commit, lines=3)


@given(st.text())
@example("`` ` ```")
@example("`")
@example(" x ")
@example("a\n# b")
def test_no_text_leaves_its_code_span(text: str) -> None:
    span = code(text)
    fence = re.match("`+", span)
    assert fence is not None
    ticks = fence.group()
    inner = span[len(ticks) : -len(ticks)]
    assert span.endswith(ticks)
    assert "\n" not in span
    assert ticks not in re.findall("`+", inner)
    assert not inner.startswith("`")
    assert not inner.endswith("`")


def test_what_failed_comes_first_and_everything_has_its_place() -> None:
    failed = replace(ADA, address='user["bob"]', result="failed", message="no `way` @team")
    waiting = replace(ADA, address='user["cyd"]', result="", time=None)
    text = page(ADA, failed, waiting, how="interrupted", left=1)
    places = [text.index(heading) for heading in ("## Failed: 1", "## Not started, or not finished: 1", "## Done: 1")]
    assert places == sorted(places)
    assert "interrupted, 1 change not started" in text
    assert "  - message: ``no `way` @team``" in text
    assert "  - `title`: `A` → `B`" in text
    assert "- Commit: `c0ffee`, by `Grace`" in text


def test_a_crash_is_reported() -> None:
    assert "did not end: it crashed or was killed" in page(ADA, ended=None)


def test_a_page_of_very_many_is_cut_and_says_so() -> None:
    everybody = [replace(ADA, address=f'user["{number}"]', message="m" * 300) for number in range(3000)]
    text = page(*everybody)
    assert len(text) < 500_000
    assert re.search(r"… and [\d,]+ more users: see `receipt.jsonl`", text)


def test_html_and_pings_stand_in_code_only() -> None:
    evil = "<b>@org/team #1 ![x](y)</b>\n# h"
    text = page(replace(ADA, address=evil, message=evil, after={"title": evil}, live_id=evil, action=evil))
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert not re.search(r"[<>@]|#1|!\[", outside)
