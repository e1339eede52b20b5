from __future__ import annotations

from support.fleet_results import COMMIT, RUN

from reconciler.fleet.fleet_guards import FleetVerdict
from reconciler.fleet.gathered import Gathered
from reconciler.fleet.result import TenantResult
from reconciler.render.fleet_gathered import render_gate, render_gathered


def test_the_totals_and_who_failed() -> None:
    good = TenantResult("acme", "plan", COMMIT, RUN, 0, counts={"create": 1_200, "delete": 1})
    bad = TenantResult("beta", "plan", COMMIT, RUN, 1, error="no\n::error::x\x1b[2J" + "y" * 280)
    gathered = Gathered({"acme": good, "beta": bad}, {"gamma": "no result"}, 2)
    assert render_gathered(gathered, "Plan") == (
        "Plan: 1 of 3 tenants without failure.\n"
        "Users: create 1,200, delete 1.\n"
        "Ignored: 2 results of other tenants.\n"
        "\n"
        "2 tenants failed:\n"
        f"  beta: no\\n::error::x\\u{{1b}}[2J{'y' * 280}\n"
        "  gamma: no result\n"
    )


def test_no_more_than_fifty_are_named() -> None:
    text = render_gathered(Gathered({}, {f"t{number}": "no result" for number in range(60)}), "Plan")
    assert text.count("no result") == 50
    assert text.endswith("  and 10 more\n")


def test_what_a_gate_decides() -> None:
    verdict = FleetVerdict("failed", "3 tenants failed", "Run them again.")
    lifted = FleetVerdict("removals", "9 users would be removed", "")
    assert render_gate("after canary", [], []) == "The gate after canary is open.\n"
    assert render_gate("after canary", [verdict], [lifted]) == (
        "The guard removals is lifted by an approval: 9 users would be removed.\n"
        "The guard failed blocks: 3 tenants failed.\n"
        "  Run them again.\n"
        "The gate after canary is closed.\n"
    )


def test_tenants_that_are_held_are_named() -> None:
    held = TenantResult("acme", "apply", COMMIT, RUN, 0, held=True)
    text = render_gathered(Gathered({"acme": held}), "Wave canary")
    assert text == (
        "Wave canary: 1 of 1 tenant without failure.\n"
        'Held, because provisioning is switched off: "acme". Nothing was sent; the changes stay open.\n'
    )
    planned = TenantResult("acme", "plan", COMMIT, RUN, 0, counts={"create": 1}, held=True)
    text = render_gathered(Gathered({"acme": planned}), "Fleet")
    assert text.endswith('Held, because provisioning is switched off: "acme". An apply sends nothing to them.\n')
