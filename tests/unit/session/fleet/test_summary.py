from __future__ import annotations

from pathlib import Path

import pytest
from support.fleet_results import COMMIT, RUN, write_result
from support.plans import every_action

from reconciler.errors import UsageError
from reconciler.fleet.fleet_plan import format_fleet_plan
from reconciler.fleet.gathered import Wanted, gather_results
from reconciler.fleet.plan_counts import count_plan
from reconciler.fleet.report import parse_report
from reconciler.record.plan_file import to_json
from reconciler.render.fleet_view import RemovedUsers
from reconciler.render.style import Style
from reconciler.session.fleet import summary
from reconciler.session.fleet.summary import check_fleet_format, load_fleet_summary, render_fleet

PLAIN, REDACTED = Style(), Style(redact=True)


def write_plans(directory: Path, *names: str, verb: str = "plan") -> str:
    """Write a plan that removes users for each tenant, and return the document."""
    for name in names:
        plan = every_action()
        counted = count_plan(to_json(plan).encode())
        assert counted is not None
        write_result(directory, name, verb=verb, counts=counted.counts, plan_id=plan.plan_id)
        (directory / name / "plan.json").write_text(to_json(plan))
    wanted = Wanted(verb, COMMIT, RUN)
    return format_fleet_plan(gather_results([directory], names, wanted), wanted, None)


def test_removed_users_are_named_from_the_plans(tmp_path: Path) -> None:
    document = write_plans(tmp_path, *(f"t{number}" for number in range(9)))
    removed = load_fleet_summary(parse_report(document), [tmp_path / "other", tmp_path], PLAIN).view.removed_users
    assert [each.tenant for each in removed] == ["t0", "t1", "t2", "t3", "t4"]
    assert removed[0] == RemovedUsers("t0", removed[0].users, 0)
    assert "out@example.com" in removed[0].users


@pytest.mark.parametrize("content", ["{}", "", "x" * 5000])
def test_a_plan_that_cannot_be_read_is_only_counted(
    tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = write_plans(tmp_path, "acme")
    (tmp_path / "acme/plan.json").write_text(content)
    assert load_fleet_summary(parse_report(document), [tmp_path], PLAIN).view.removed_users == ()
    (tmp_path / "acme/plan.json").write_text(to_json(every_action()))
    monkeypatch.setattr(summary, "_MAX_PLAN", 1000)
    assert load_fleet_summary(parse_report(document), [tmp_path], PLAIN).view.removed_users == ()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    document = write_plans(tmp_path, "acme")
    (tmp_path / "acme/plan.json").rename(tmp_path / "elsewhere")
    (tmp_path / "acme/plan.json").symlink_to(tmp_path / "elsewhere")
    assert load_fleet_summary(parse_report(document), [tmp_path], PLAIN).view.removed_users == ()


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_redacted_no_removed_user_is_named(tmp_path: Path, form: str) -> None:
    document = write_plans(tmp_path, "acme")
    shown = {
        style: render_fleet(load_fleet_summary(parse_report(document), [tmp_path], style), form, style)
        for style in (PLAIN, REDACTED)
    }
    assert "out@example.com" in shown[PLAIN]
    assert "example.com" not in shown[REDACTED]
    assert "will be REMOVED" in shown[REDACTED]
    assert load_fleet_summary(parse_report(document), [tmp_path], REDACTED).view.removed_users == ()


def test_formats_are_checked() -> None:
    check_fleet_format("json", PLAIN)
    with pytest.raises(UsageError, match="--redact cannot be combined"):
        check_fleet_format("json", REDACTED)
    with pytest.raises(UsageError, match="does not exist"):
        check_fleet_format("pdf", PLAIN)
