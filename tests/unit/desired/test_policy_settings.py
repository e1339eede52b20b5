import json
from datetime import date
from typing import Any

import pytest
from support.builders import NOW
from support.desired_directory import Tree
from support.desired_state import SETTINGS, Load, good

from reconciler.core.model import Origin
from reconciler.core.policy import Approval, Limit, Policy, Removal
from reconciler.desired.loader import DesiredState, load, load_policy


def test_settings_become_the_policy(loaded: Load) -> None:
    plan = "sha256:" + "a" * 64
    state = good(
        loaded(
            settings=f"""{SETTINGS}
ownership: userType eq "Employee"
lifecycle: {{actions: [create], out_of_scope: keep, removed: delete, delete_after_days: 30}}
guards:
  removals: {{count: 3, percent: 4, floor: 2}}
  reactivations: {{count: 5, percent: 6, floor: 3}}
  updates: {{percent: 50}}
  creates: {{count: 7}}
  protected: [Admin@example.com]
approvals:
  - {{plan: "{plan}", removals: 42, until: 2026-12-01, reason: Berlin office closes}}
  - {{plan: "{plan}", lifts: [target, updates], until: 2026-12-01, reason: Berlin office closes}}
"""
        )
    )
    first, second = state.policy.approvals
    assert first.id != second.id
    assert state.policy == Policy(
        permitted=frozenset({"create"}),
        out_of_scope=Removal.KEEP,
        removed=Removal.DELETE,
        delete_after_days=30,
        removals=Limit(3, 4, 2),
        reactivations=Limit(5, 6, 3),
        updates=Limit(None, 50),
        creates=Limit(7),
        protected=frozenset({"admin@example.com"}),
        protected_origins={"admin@example.com": Origin("settings.yaml", 13, 15)},
        domains=("example.com",),
        approvals=(
            Approval(plan, 42, date(2026, 12, 1), id=first.id, origin=Origin("settings.yaml", 15, 5)),
            Approval(
                plan,
                None,
                date(2026, 12, 1),
                frozenset({"target", "updates"}),
                id=second.id,
                origin=Origin("settings.yaml", 16, 5),
            ),
        ),
    )
    assert state.owned({"userType": "employee"})


APPROVAL = {"plan": f"sha256:{'a' * 64}", "removals": 42, "until": "2026-12-01", "reason": "Berlin office closes"}


def test_another_date_or_reason_makes_another_approval(loaded: Load) -> None:
    """An approval works once, and so does each that is written."""

    def identify(**changed: Any) -> str:
        text = f"{SETTINGS}approvals: [{json.dumps({**APPROVAL, **changed})}]\n"
        return good(loaded(settings=text)).policy.approvals[0].id

    assert identify() == identify(lifts=["removals"])
    assert identify(lifts=["target", "updates"]) == identify(lifts=["updates", "target"])
    others = [identify(**changed) for changed in ({"until": "2026-12-02"}, {"reason": "Again"}, {"removals": 41})]
    assert len({identify(), *others}) == 4


@pytest.mark.parametrize(("until", "passes"), [("2026-12-29", True), ("2026-12-30", False), ("9999-12-31", False)])
def test_an_approval_is_valid_for_thirty_days_at_most(tree: Tree, until: str, passes: bool) -> None:
    root = tree(settings=f"{SETTINGS}approvals:\n  - {json.dumps({**APPROVAL, 'until': until})}\n").root
    state = load(root, NOW, approval_date=date(2026, 11, 29))
    if isinstance(state, DesiredState):
        assert passes
        assert load_policy(root, date(2026, 11, 29)) == state.policy
    else:
        assert not passes
        assert load_policy(root, date(2026, 11, 29)) == state
        (found,) = state.diagnostics
        assert (found.summary, found.detail) == (
            f"an approval is valid for 30 days at most, but this one is valid until {until}",
            "Set `until` to 2026-12-29 or earlier.",
        )
        assert found.origin is not None
        assert (found.origin.file, found.origin.line) == ("settings.yaml", 6)
    # A base commit is never refused for its approvals: they approve nothing.
    assert isinstance(load(root, NOW), DesiredState)
