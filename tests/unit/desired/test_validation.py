import pytest
from support.desired_directory import SETTINGS, Tree

from reconciler.core.model import Origin, error
from reconciler.core.policy import APPROVABLE_GUARDS
from reconciler.desired import schema

ALONE = ". To protect no account, remove the entry"


@pytest.mark.parametrize(
    "written",
    [
        "lifecycle:\n",
        "lifecycle: ~\nguards: ~\napprovals:\nownership: ~\n",
        "lifecycle: {removed: ~, out_of_scope: }\n",
        "guards: {removals: ~, protected: }\nnotifications: {on_failure: ~}\n",
    ],
)
def test_a_key_without_a_value_is_as_good_as_absent(tree: Tree, written: str) -> None:
    directory = tree(settings=SETTINGS + written)
    found, plain = directory.read_settings(), schema.Settings.model_validate
    assert directory.diagnostics == []
    assert found is not None
    assert found.value == plain(
        {"target": {"profile": "apple-business-manager", "base_url": found.value.target.base_url}}
    )


@pytest.mark.parametrize(
    ("written", "place", "summary", "detail"),
    [
        (
            "lifecycel: {}\n",
            "4:1",
            'unknown key "lifecycel"',
            (
                "Did you mean lifecycle? Known keys: "
                "approvals, guards, lifecycle, notifications, ownership, provisioning, record, relink, source, target,"
                " unattended."
            ),
        ),
        (
            "guards: {removals: {cuont: 1}}\n",
            "4:21",
            'unknown key "cuont"',
            "Did you mean count? Known keys: count, floor, percent.",
        ),
        (
            "guards: {xyz: 1}\n",
            "4:10",
            'unknown key "xyz"',
            (
                "Known keys: creates, failures, foreign_accounts, identity_changes, name_takeovers, protected,"
                " reactivations, removals, updates."
            ),
        ),
        (
            "approvals:\n  - {plan: x, until: 2026-01-01, reason: y, untill: 1}\n",
            "5:45",
            'unknown key "untill"',
            "Did you mean until? Known keys: lifts, plan, reason, removals, until.",
        ),
        (
            "lifecycle: {removed: remove}\n",
            "4:22",
            "lifecycle.removed: expected one of deactivate, delete, keep",
            "Choose one of them.",
        ),
        (
            "lifecycle: {actions: [create, destroy]}\n",
            "4:31",
            "lifecycle.actions.1: expected one of create, update, deactivate, delete",
            "Choose one of them.",
        ),
        (
            "guards: {removals: {count: -1}}\n",
            "4:28",
            "guards.removals.count: expected 0 or more",
            "Choose a larger number.",
        ),
        (
            "guards: {removals: {count: ten}}\n",
            "4:28",
            "guards.removals.count: expected a whole number",
            "Write digits, such as 10.",
        ),
        (
            "guards: {updates: {percent: 101}}\n",
            "4:29",
            "guards.updates.percent: expected 100 or less",
            "Choose a smaller number.",
        ),
        (
            "guards: {protected: ada}\n",
            "4:21",
            "guards.protected: expected a list",
            "Write [one, two], or a line with a dash for each.",
        ),
        *(
            (
                f"guards:\n  protected:\n    - ada@example.com\n    - {entry}\n",
                "7:7",
                f"guards.protected.1: expected the userName or externalId of one account{why}",
                "",
            )
            for entry, why in (
                ("''", ALONE),
                ("' '", ALONE),
                ("'*'", ALONE),
                ("null", ALONE),
                ('"-"', ALONE),
                ("'*@example.com'", ": patterns are not supported"),
            )
        ),
        (
            "guards: {protected: [ada@example.com, ~]}\n",
            "4:39",
            "guards.protected.1: expected text",
            "Write a single value.",
        ),
        (
            "ownership: [a]\n",
            "4:12",
            "ownership: expected text",
            "Write a single value. If it begins with [, put it in single quotes: YAML reads it as a list.",
        ),
        (
            "ownership: {a: b}\n",
            "4:12",
            "ownership: expected text",
            "Write a single value. If it begins with {, put it in single quotes: YAML reads it as a mapping.",
        ),
        (
            "guards: [removals]\n",
            "4:9",
            "guards: expected a mapping",
            (
                "Its keys are creates, failures, foreign_accounts, identity_changes, name_takeovers, protected,"
                " reactivations, removals, updates: write {key: value}, or indented `key: value` lines."
            ),
        ),
        ("record: values:full\n", "4:9", "record: expected a mapping", "Write a space after the colon: `key: value`."),
        (
            "out_of_scope: keep\n",
            "4:1",
            'unknown key "out_of_scope"',
            (
                "It belongs under lifecycle. Known keys: "
                "approvals, guards, lifecycle, notifications, ownership, provisioning, record, relink, source, target,"
                " unattended."
            ),
        ),
        (
            "url: x\n",
            "4:1",
            'unknown key "url"',
            (
                "Known keys: approvals, guards, lifecycle, notifications, ownership, provisioning, record, relink,"
                " source, target, unattended."
            ),
        ),
        (
            "lifecycle: {removed: deactivated}\n",
            "4:22",
            "lifecycle.removed: expected one of deactivate, delete, keep",
            "Did you mean deactivate?",
        ),
        *(
            (
                f'approvals:\n  - {{plan: "sha256:{"0" * 64}", lifts: {lifts}, until: 2026-01-01, reason: y}}\n',
                place,
                f"approvals.0.lifts{summary}",
                "",
            )
            for lifts, place, summary in (
                ("[]", "5:94", ": expected at least one guard; without `lifts` an approval lifts removals"),
                ("[updates, updates]", "5:94", ": updates is listed twice"),
                (
                    "[removals, remvals]",
                    "5:105",
                    '.1: "remvals" is not a guard. Did you mean removals? Guards that an approval can lift: '
                    + ", ".join(APPROVABLE_GUARDS),
                ),
                (
                    "[protected]",
                    "5:95",
                    ".0: protected cannot be approved: remove the cause. Guards that an approval can lift: "
                    + ", ".join(APPROVABLE_GUARDS),
                ),
            )
        ),
        (
            "approvals:\n  - {plan: x, until: 2026-01-01, reason: y}\n",
            "5:12",
            "approvals.0.plan: expected sha256: and 64 digits",
            "Copy the id that the plan prints.",
        ),
    ],
)
def test_a_wrong_setting_is_reported_at_its_origin_with_a_hint(
    tree: Tree, written: str, place: str, summary: str, detail: str
) -> None:
    directory = tree(settings=SETTINGS + written)
    assert directory.read_settings() is None
    assert error(summary, detail, Origin("settings.yaml", *map(int, place.split(":")))) in directory.diagnostics


@pytest.mark.parametrize(
    ("written", "detail"),
    [("yes", "Write true."), ("Off", "Write false."), ("0", "Write false."), ("perhaps", "Write true or false.")],
)
def test_other_spellings_of_booleans_are_translated(tree: Tree, written: str, detail: str) -> None:
    directory = tree(users__a=f"- {{userPrincipalName: a, accountEnabled: {written}}}\n")
    assert list(directory.read_users()) == []
    assert [(item.summary, item.detail) for item in directory.diagnostics] == [
        ("accountEnabled: expected true or false", detail)
    ]


@pytest.mark.parametrize(
    "written",
    [
        "ownershp: a\n",
        "ownership: [a]\nguards: {removals: {count: ten, percent: 5}}\n",
        "approvals: [{plan: x}, {}]\n",
        "lifecycle: {actions: [create, destroy], removed: keep}\n",
        "guards: []\n",
    ],
)
def test_the_rest_of_invalid_settings_can_check_other_files(tree: Tree, written: str) -> None:
    directory = tree(settings=SETTINGS + written)
    assert directory.read_settings() is None
    known = list(directory.diagnostics)
    rest = directory.read_rest_of_settings()
    assert rest is not None
    assert (rest.value.target.profile, rest.value.ownership) == ("apple-business-manager", "externalId pr")
    assert directory.diagnostics == known


@pytest.mark.parametrize(
    "settings", ["target: {}\n", "target: {profile: x, base_url: y}\n", "a: b\n", "target: x\n", "- a\n", ""]
)
def test_settings_without_a_valid_target_check_nothing(tree: Tree, settings: str) -> None:
    directory = tree(settings=settings)
    assert directory.read_settings() is None
    assert directory.read_rest_of_settings() is None
