from support.guard_verdicts import ORDER, verdicts


def test_a_plan_without_changes_passes_every_guard() -> None:
    found = verdicts()
    assert [(guard.name, guard.passed, guard.blocks) for guard in found.values()] == [
        (name, True, False) for name in ORDER
    ]
