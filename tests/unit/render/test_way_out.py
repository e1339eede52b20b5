from support.builders import APPLE, OUT, desired, live, plan_of
from support.plans import GENEROUS

from reconciler.profiles import PROFILES
from reconciler.render.way_out import describe_way_out


def test_a_plan_that_may_be_intended_states_how_to_approve_it() -> None:
    plan = plan_of([desired("a")], [live("a"), live("gone1"), live("gone2")])
    assert describe_way_out(plan, APPLE) == (
        "If this is intended, approve exactly this plan in settings.yaml (write the key `approvals:` only once):",
        "",
        "approvals:",
        (
            f'  - {{plan: "{plan.plan_id}", lifts: [removals], removals: 2, until: {plan.expires_at:%Y-%m-%d}, '
            'reason: "…"}'
        ),
        "",
        f"or on the command line, with more options of `reconciler apply`: --approve {plan.plan_id}",
    )


def test_a_plan_that_cannot_be_approved_is_reported_as_such() -> None:
    people = [desired("a"), desired("boss", verdict=OUT, protected=True)]
    plan = plan_of(people, [live("a"), live("boss"), live("gone")], policy=GENEROUS)
    assert describe_way_out(plan, APPLE) == ("This plan cannot be approved: remove the cause.",)


def test_a_plan_after_a_disconnect_says_what_to_do_before_how_to_approve_it() -> None:
    plan = plan_of([desired(who) for who in "abc"], recorded=("1", "2", "3"))
    for profile in PROFILES.values():
        lines = describe_way_out(plan, profile)
        steps = [f"  {number}. {step}" for number, step in enumerate(profile.disconnect_steps, 1)]
        assert list(lines[: len(steps) + 3]) == ["If the connection was cut:", *steps, "", lines[len(steps) + 2]]
        assert lines[len(steps) + 2].startswith("If this is intended, approve exactly this plan")
        assert "lifts: [disconnect]" in lines[len(steps) + 5]
