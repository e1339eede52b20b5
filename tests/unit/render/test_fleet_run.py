from __future__ import annotations

from reconciler.fleet.result import TenantResult
from reconciler.render.fleet_run import MAX_ROWS, has_changes, needs_attention, render_run, render_tenant
from reconciler.render.fleet_words import HIDDEN_VALUES
from reconciler.render.style import Style


def result(tenant: str, exit_code: int = 0, verb: str = "plan", error: str = "", **counts: int) -> TenantResult:
    return TenantResult(tenant, verb, "c" * 40, "7/1", exit_code, counts=counts, error=error)


def test_a_line_says_how_a_tenant_ended_and_what_changes() -> None:
    lines = [
        result("a", unchanged=3),
        result("b", 2, create=1, update=2, adopt=1, deactivate=1, delete=1, failed=1),
        result("c", 5, "apply", create=1000, failed=2),
        result("d", 1, error="no\x1b[31m token"),
        result("e", 3, error="a guard", deactivate=7),
        result("f", 99),
    ]
    assert [render_tenant(each, Style()) for each in lines] == [
        "a: ok (no changes)",
        "b: ok (1 to create, 3 to update, 2 to remove, 1 failed)",
        "c: partly failed (1,000 created, 2 failed)",
        "d: failed: no\\u{1b}[31m token",
        "e: blocked (7 to remove): a guard",
        "f: failed (no changes)",
    ]
    assert [needs_attention(each) for each in lines] == [False, False, True, True, True, True]
    assert [has_changes(each) for each in lines] == [False, True, True, False, True, False]


def test_what_waits_for_an_apply_is_said_apart() -> None:
    found = result("a", verb="drift", not_applied=2, removals_not_applied=1, unchanged=3)
    assert has_changes(found)
    assert not needs_attention(found)
    assert render_run([found], Style()) == (
        "1 tenant: 1 ok.\n"
        "Users: 0 to create, 0 to update, 0 to remove, 3 unchanged, 0 failed, 2 not applied yet.\n"
        "\n"
        "  a: ok (2 not applied yet)"
    )


def test_the_totals_come_first_then_the_most_urgent_tenants() -> None:
    results = [
        result("ok", unchanged=5, unmanaged=1),
        result("many", update=9),
        result("removal", deactivate=1),
        result("stale", 4, error="edited"),
        result("broken", 1, error="no file"),
        result("cut", 130, error="interrupted"),
    ]
    assert render_run(results, Style()) == (
        "6 tenants: 1 failed, 1 interrupted, 1 stale, 3 ok.\n"
        "Users: 0 to create, 9 to update, 1 to remove, 5 unchanged, 0 failed.\n"
        "\n"
        "  broken: failed: no file\n"
        "  cut: interrupted: interrupted\n"
        "  stale: stale: edited\n"
        "  removal: ok (1 to remove)\n"
        "  many: ok (9 to update)"
    )


def test_ten_thousand_tenants_are_a_short_text() -> None:
    results = [result(f"t{number}", update=1) for number in range(10_000)]
    text = render_run(results, Style())
    assert text.count("\n") == MAX_ROWS + 3
    assert text.endswith("\n  and 9,950 more tenants with changes or failures.")


def test_without_tenants_it_says_so() -> None:
    assert render_run([], Style()) == "No tenants are selected."


def test_what_is_hidden_in_an_error_is_explained() -> None:
    text = render_run([result("a", 1, error="userName (hidden) is used twice")], Style())
    assert text.endswith(HIDDEN_VALUES)
    assert "(hidden)" not in render_run([result("a", 1, error="no token")], Style())


def test_a_tenant_that_is_switched_off_is_held() -> None:
    held = TenantResult("acme", "apply", "c" * 40, "7/1", 0, held=True)
    assert render_tenant(held, Style()) == "acme: held: provisioning is switched off, nothing was sent"
    assert render_run([held], Style()).splitlines()[0] == "1 tenant: 1 held."
    planned = TenantResult("acme", "plan", "c" * 40, "7/1", 0, counts={"create": 2}, held=True)
    expected = "acme: held (2 to create): provisioning is switched off, an apply sends nothing"
    assert render_tenant(planned, Style()) == expected
