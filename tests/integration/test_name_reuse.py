"""The user name of a deleted account: not reused while Apple reserves it, and free on the reported date."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from support.sample_org import APPLE_MAPPINGS, SampleOrg, account, person
from support.workspace import Workspace

from reconciler.sandbox.admin import advance_clock
from reconciler.sandbox.seed import seed
from reconciler.sandbox.server import start


@pytest.mark.parametrize(("profile", "days"), [("apple-business-manager", 30), ("apple-school-manager", 120)])
def test_a_create_with_the_name_of_a_deleted_account_waits_for_its_window(
    profile: str, days: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sandbox.db"
    seed(file, {"domains": ["example.com"], "users": [account("ada"), account("keeper")]})
    with start(file) as sandbox:
        url = sandbox.school_url if "school" in profile else sandbox.base_url
        org = SampleOrg(Workspace(tmp_path, url, sandbox.token, monkeypatch), profile)
        org.settings(lifecycle={"removed": "delete"})
        org.workspace.write("mappings.yaml", APPLE_MAPPINGS)
        org.wants()
        org.applied()
        deleted = next(line["time"][:10] for line in org.workspace.receipt() if line.get("result") == "done")
        free = date.fromisoformat(deleted) + timedelta(days=days)
        last = free - timedelta(days=1)

        org.wants(person("ada", objectId="id-successor"))
        before = org.live()
        for now in ([], ["--now", str(last)], ["--now", f"{last}T23:59:59Z"]):
            result = org.workspace.apply(*now)
            assert (result.code, org.live()) == (3, before)
            assert f'"ada@example.com (free on {free})"; wait until then, or choose other names' in " ".join(
                result.out.split()
            )
        assert org.plan("--now", str(free)).code == 2, "free on the day itself"

        advance_clock(file, days=days + 1)
        assert org.workspace.apply("--now", str(free)).code == 0
        assert org.live()["ada"]["externalId"] == "id-successor"


def test_an_approval_of_this_exact_plan_lets_the_service_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(tmp_path / "sandbox.db", {"domains": ["example.com"], "users": [account("ada"), account("keeper")]})
    with start(tmp_path / "sandbox.db") as sandbox:
        org = SampleOrg(Workspace(tmp_path, sandbox.base_url, sandbox.token, monkeypatch))
        org.settings(lifecycle={"removed": "delete"})
        org.workspace.write("mappings.yaml", APPLE_MAPPINGS)
        org.wants()
        org.applied()
        org.wants(person("ada", objectId="id-successor"))
        plan = org.plan().plan
        result = org.workspace.apply("--approve", plan["plan_id"], "--lift", "name-reuse")
        assert result.code == 5
        assert "in the last 30 days" in result.out
