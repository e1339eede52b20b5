"""The lifecycle of a user: every row of Entra's lifecycle table, with Reconciler's behaviour where it differs.

One test for each row of docs/lifecycle.md, through plan and apply on the sandbox. The docstring is the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.sample_org import APPLE_MAPPINGS, DOMAIN, SampleOrg, account, person
from support.workspace import ENTERPRISE, Workspace

from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.seed import seed
from reconciler.sandbox.server import RunningSandbox, start

OpenOrg = Callable[..., SampleOrg]
LATER = "2027-06-01"
"""A date months after every receipt of these tests."""


@pytest.fixture
def open_org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenOrg]:
    """Open a sample organisation on a sandbox with these accounts and a keeper."""
    running: list[RunningSandbox] = []

    def opened(*accounts: dict[str, Any], quirks: Quirks | None = None, mappings: str = APPLE_MAPPINGS) -> SampleOrg:
        file = tmp_path / "sandbox.db"
        seed(file, {"domains": ["example.com"], "users": [*accounts, account("keeper")]})
        sandbox = start(file, quirks=quirks)
        running.append(sandbox)
        found = SampleOrg(Workspace(tmp_path, sandbox.base_url, sandbox.token, monkeypatch))
        found.settings()
        found.workspace.write("mappings.yaml", mappings)
        return found

    yield opened
    for sandbox in running:
        sandbox.close()


# --- in scope -----------------------------------------------------------------------------------


def test_a_new_user_is_created(open_org: OpenOrg) -> None:
    """In scope, active, no match. Entra: create. Ours: the same."""
    org = open_org()
    org.wants(person("ada"))
    assert org.actions() == {"ada": "create"}
    org.applied()
    assert org.live()["ada"]["externalId"] == "id-ada"


def test_an_already_disabled_user_is_not_created(open_org: OpenOrg) -> None:
    """Disabled in the source, no match. Entra: not created. Ours: the same."""
    org = open_org()
    org.wants(person("ada", accountEnabled=False))
    assert org.actions() == {}
    org.applied()
    assert "ada" not in org.live()


def test_a_manually_created_account_is_linked(open_org: OpenOrg) -> None:
    """In scope, match found, not linked. Entra: link, then update, without the permission to create. Ours: the same."""
    org = open_org(account("ada", externalId=None, **{ENTERPRISE: {"department": "Sales"}}))
    org.settings(lifecycle={"actions": ["update"]})
    org.wants(person("ada"))
    identity = org.live()["ada"]["id"]
    assert org.actions() == {"ada": "adopt"}
    org.applied()
    found = org.live()["ada"]
    assert (found["id"], found["externalId"], found[ENTERPRISE]["department"]) == (identity, "id-ada", "Engineering")


def test_a_changed_attribute_is_updated_if_its_mapping_always_flows(open_org: OpenOrg) -> None:
    """Linked, mapped attribute changed. Entra: update; only mappings that always flow. Ours: the same."""
    flows = (
        "- {target: locale, source: preferredLanguage, apply: create}\n"
        "- {target: timezone, source: zone, apply: if_empty}\n"
    )
    org = open_org(account("ada", locale="en_US"), mappings=APPLE_MAPPINGS + flows)
    org.wants(person("ada", preferredLanguage="de_DE", zone="Europe/Berlin", surname="King"))
    org.applied()
    found = org.live()["ada"]
    assert (found["name"]["familyName"], found["locale"], found["timezone"]) == ("King", "en_US", "Europe/Berlin")
    org.wants(person("ada", preferredLanguage="fr_FR", zone="Europe/Paris", surname="King"))
    assert org.actions() == {}, "neither mapping overwrites the value"


def test_nothing_happens_when_nothing_differs(open_org: OpenOrg) -> None:
    """Linked, nothing differs. Entra: skipped. Ours: no change is planned."""
    org = open_org(account("ada"))
    org.wants(person("ada"))
    assert (org.actions(), org.plan().code) == ({}, 0)


def test_a_value_removed_from_the_source_is_cleared_if_the_mapping_requires_it(open_org: OpenOrg) -> None:
    """Linked, value gone in the source. Entra: never cleared. Ours: kept, or cleared with when_null: clear."""
    kept = "- {target: locale, source: preferredLanguage}\n"
    org = open_org(account("ada", locale="en_US"), mappings=APPLE_MAPPINGS + kept)
    org.wants(person("ada", department=None))
    assert org.actions() == {"ada": "update"}
    org.applied()
    found = org.live()["ada"]
    assert "department" not in found.get(ENTERPRISE, {})
    assert found["locale"] == "en_US"


# --- out of scope and back ----------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["sync: assigned\nassigned: {users: [keeper@example.com]}\n", "EXPIRED"])
def test_a_user_that_leaves_the_scope_is_deactivated(open_org: OpenOrg, scope: str) -> None:
    """Unassigned, or leaves the scoping filter. Entra: disable. Ours: the same (lifecycle.out_of_scope)."""
    org = open_org(account("ada"))
    expired = scope == "EXPIRED"
    org.wants(person("ada", lifecycle={"expires": "2026-01-01"}) if expired else person("ada"))
    org.workspace.write("scope.yaml", "sync: all\n" if expired else scope)
    assert org.actions() == {"ada": "deactivate"}
    org.applied()
    assert org.live()["ada"]["active"] is False


def test_a_user_with_blocked_sign_in_is_deactivated(open_org: OpenOrg) -> None:
    """Sign-in blocked (accountEnabled: false). Entra: disable. Ours: the same."""
    org = open_org(account("ada"))
    org.wants(person("ada", accountEnabled=False))
    org.applied()
    assert org.live()["ada"]["active"] is False


def test_a_user_removed_from_git_is_deactivated(open_org: OpenOrg) -> None:
    """Soft-deleted. Entra: disable. Ours: removed from users/ deactivates (lifecycle.removed)."""
    org = open_org(account("ada"))
    org.wants()
    assert org.actions() == {"ada": "deactivate"}
    org.applied()
    assert org.live()["ada"]["active"] is False


def test_a_removal_changes_no_other_attribute(open_org: OpenOrg) -> None:
    """Deleted in the source, an attribute should be set as well. Entra: not supported. Ours: neither; only active."""
    org = open_org(account("ada"))
    org.wants(person("ada", accountEnabled=False, surname="King", department="Left"))
    before = org.live()["ada"]
    org.applied()
    after = org.live()["ada"]
    assert {**after, "active": None, "meta": None} == {**before, "active": None, "meta": None}


def test_a_user_back_in_scope_gets_the_same_account_back(open_org: OpenOrg) -> None:
    """Back in scope, restored or re-enabled. Entra: active again, same id. Ours: the same."""
    org = open_org(account("ada"))
    identity = org.live()["ada"]["id"]
    for person_then in ({"accountEnabled": False}, None):
        org.wants(*([person("ada", **person_then)] if person_then else []))
        org.applied()
        assert org.live()["ada"]["active"] is False
        org.wants(person("ada"))
        assert org.actions() == {"ada": "reactivate"}
        org.applied()
        assert (org.live()["ada"]["id"], org.live()["ada"].get("active", True)) == (identity, True)


def test_a_user_out_of_scope_can_be_kept(open_org: OpenOrg) -> None:
    """SkipOutOfScopeDeletions. Entra: not disabled. Ours: lifecycle.out_of_scope: keep."""
    org = open_org(account("ada"))
    org.settings(lifecycle={"out_of_scope": "keep"})
    org.wants(person("ada", accountEnabled=False))
    assert org.actions() == {}
    assert org.plan().plan["summary"]["unchanged"] == 1


# --- deletion -----------------------------------------------------------------------------------


def test_a_user_removed_from_git_is_deleted_if_settings_require_it(open_org: OpenOrg) -> None:
    """Hard-deleted. Entra: DELETE. Ours: lifecycle.removed: delete."""
    org = open_org(account("ada"))
    org.settings(lifecycle={"removed": "delete"})
    org.wants()
    assert org.actions() == {"ada": "delete"}
    org.applied()
    assert "ada" not in org.live()


def test_an_unassigned_user_can_be_deleted_immediately(open_org: OpenOrg) -> None:
    """Unassigned, DELETE wanted instead of disable. Entra: not configurable. Ours: lifecycle.out_of_scope: delete."""
    org = open_org(account("ada"))
    org.settings(lifecycle={"out_of_scope": "delete"})
    org.wants(person("ada", accountEnabled=False))
    assert org.actions() == {"ada": "delete"}


def test_a_user_disabled_first_and_removed_later_is_deleted(open_org: OpenOrg) -> None:
    """Unassigned first, later deleted. Entra: no DELETE is ever sent. Ours: deleted if lifecycle.removed says so."""
    org = open_org(account("ada"))
    org.settings(lifecycle={"removed": "delete"})
    org.wants(person("ada", accountEnabled=False))
    assert org.actions() == {"ada": "deactivate"}
    org.applied()
    org.wants()
    assert org.actions() == {"ada": "delete"}
    org.applied()
    assert "ada" not in org.live()


def test_a_deactivated_user_is_deleted_after_the_configured_days_since_the_receipt(open_org: OpenOrg) -> None:
    """Soft-deleted for 30 days. Entra: DELETE. Ours: lifecycle.delete_after_days, counted from our receipt."""
    org = open_org(account("ada"))
    org.settings(lifecycle={"delete_after_days": 30})
    org.wants()
    assert org.workspace.apply().code == 0
    done = next(line for line in org.workspace.receipt() if line.get("result") == "done")
    receipt = next(org.workspace.plans.glob("*/receipt.jsonl")).parent.name
    assert org.actions() == {}
    (change,) = org.plan("--now", LATER).plan["resource_changes"]
    assert (change["action"], change["action_reason"]) == ("delete", "inactive_too_long")
    assert f"deactivated on {done['time'][:10]} (receipt {receipt}), " in change["detail"]
    assert change["detail"].endswith(" days ago, the limit is 30")


def test_without_a_receipt_the_last_modification_counts(open_org: OpenOrg) -> None:
    """Deactivated outside Reconciler long ago. Entra: nothing. Ours: the days count from meta.lastModified."""
    org = open_org(account("ada", active=False, meta={"lastModified": "2026-01-01T00:00:00Z"}))
    org.settings(lifecycle={"delete_after_days": 30})
    org.wants()
    (change,) = org.plan().plan["resource_changes"]
    assert change["action"] == "delete"
    assert "last modified on 2026-01-01, " in change["detail"]


def test_a_deletion_that_is_not_permitted_is_withheld_and_reported(open_org: OpenOrg) -> None:
    """Delete unticked, hard-deleted. Entra: nothing. Ours: withheld by lifecycle.actions, and the plan says so."""
    org = open_org(account("ada"))
    org.settings(lifecycle={"actions": ["create", "update", "deactivate"], "removed": "delete"})
    org.wants()
    assert org.actions() == {}
    assert [item["summary"] for item in org.plan().plan["diagnostics"]] == [
        "1 delete withheld: lifecycle.actions in settings.yaml does not permit it"
    ]


def test_deactivating_does_not_need_the_permission_to_update(open_org: OpenOrg) -> None:
    """Update unticked. Entra: disables stop as well. Ours: deactivate is an action of its own."""
    org = open_org(account("ada"), account("bob"))
    org.settings(lifecycle={"actions": ["create", "deactivate"]})
    org.wants(person("ada", accountEnabled=False), person("bob", surname="Hope"))
    assert org.actions() == {"ada": "deactivate"}


def test_too_many_removals_block_the_plan(open_org: OpenOrg) -> None:
    """More deletes and disables than the threshold. Entra: held back, quarantine. Ours: nothing at all is written."""
    org = open_org(*(account(f"u{number}") for number in range(12)))
    org.settings(guards={"removals": {"count": 10, "percent": 100}})
    org.wants(person("new"))
    before = org.live()
    result = org.workspace.apply()
    assert (result.code, org.live()) == (3, before)
    assert "more than the limit of 10" in result.out


# --- others, and the target moves by itself -------------------------------------------------------


def test_an_account_that_was_never_in_scope_is_not_changed(open_org: OpenOrg) -> None:
    """Target account never in scope. Entra: untouched. Ours: the same; it is counted."""
    org = open_org(account("manual", externalId=None))
    org.settings(lifecycle={"removed": "delete", "out_of_scope": "delete"})
    org.wants()
    before = org.live()
    org.applied()
    assert org.live() == before
    assert org.plan().plan["summary"]["unmanaged"] == 1


def test_an_edit_at_the_target_is_corrected(open_org: OpenOrg) -> None:
    """Target edited out of band. Entra: ignored. Ours: drift is shown and corrected."""
    org = open_org(account("ada"))
    org.wants(person("ada"))
    org.edit("ada", "name.familyName", "Byron")
    assert org.actions() == {"ada": "update"}
    org.applied()
    assert org.live()["ada"]["name"]["familyName"] == "Lovelace"
    org.edit("ada", "active", value=False)
    assert org.actions() == {"ada": "reactivate"}


def test_an_account_deleted_at_the_target_is_created_again(open_org: OpenOrg) -> None:
    """Target deleted out of band. Entra: InvalidAnchor until a restart. Ours: created again."""
    org = open_org(account("ada"), quirks=Quirks.plain())
    org.wants(person("ada"))
    assert org.actions() == {}
    before = org.live()["ada"]["id"]
    org.delete("ada")
    assert org.actions() == {"ada": "create"}
    org.applied()
    assert org.live()["ada"]["id"] != before


def test_a_manually_deleted_name_that_apple_keeps_is_explained(open_org: OpenOrg) -> None:
    """As before, while Apple keeps the name. Entra: EntryConflict. Ours: the 409 is reported with its likely causes."""
    org = open_org(account("ada"))
    org.wants(person("ada"))
    org.delete("ada")
    result = org.workspace.apply()
    assert result.code == 5
    assert "in the last 30 days" in result.out
    assert f'user["ada{DOMAIN}"]: FAILED' in result.out


def test_the_documentation_lists_every_row(request: pytest.FixtureRequest) -> None:
    """The table of docs/lifecycle.md and these tests are the same list."""
    text = (Path(request.config.rootpath) / "docs" / "lifecycle.md").read_text("utf-8")
    org = [name for name in globals() if name.startswith("test_") and name != "test_the_documentation_lists_every_row"]
    named = [line.rsplit("`", 2)[1] for line in text.splitlines() if line.startswith("| ") and "`test_" in line]
    assert named == org
    rows = [str(globals()[name].__doc__) for name in org]
    for row in rows:
        situation = row.split(". Entra: ")[0]
        assert f"| {situation} |" in text, situation
