from dataclasses import replace

from reconciler.history.edits import USER, Entity
from reconciler.history.revert import Conflict, RevertPlan, RevertStep
from reconciler.render.rollback import render_revert
from reconciler.render.style import Style

PLAIN, REDACTED = Style(), Style(redact=True)
NOW = Entity(USER, "ada", {"department": "Sales"}, "users/people.yaml")
WANTED = replace(NOW, fields={"department": "IT"})


def test_each_entry_has_its_symbol_and_a_restored_one_its_attributes() -> None:
    steps = [RevertStep(NOW, WANTED, {"department": "IT"}), RevertStep(None, WANTED), RevertStep(NOW, None)]
    assert render_revert(RevertPlan(steps, []), ["scope.yaml"], PLAIN, forced=False) == (
        '~ user["ada"]\n    department = "Sales" -> "IT"\n+ user["ada"]\n- user["ada"]\n~ scope.yaml: the whole file\n'
    )


def test_conflicts_are_listed_with_both_values() -> None:
    conflicts = [
        Conflict('user["ada"]', "title", "C", "A", "edited since"),
        Conflict('user["bob"]', None, None, None, "removed since"),
    ]
    left = render_revert(RevertPlan([], conflicts), [], PLAIN, forced=False)
    assert left == (
        "\n2 later edits, left alone; --force overwrites:\n"
        '  user["ada"] title: edited since, is "C", not "A"\n'
        '  user["bob"]: removed since\n'
    )
    assert "2 later edits, overwritten (--force):" in render_revert(RevertPlan([], conflicts), [], PLAIN, forced=True)


def test_a_redacted_rollback_has_neither_names_nor_values() -> None:
    plan = RevertPlan(
        [RevertStep(NOW, WANTED, {"department": "IT"})], [Conflict("ada", "title", "Sales", "A", "edited since")]
    )
    text = render_revert(plan, [], REDACTED, forced=False)
    assert not [word for word in ("ada", "Sales", "IT") if word in text]
