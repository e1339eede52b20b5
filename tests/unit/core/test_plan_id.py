import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import TARGET, change

from reconciler.core.model import Origin
from reconciler.core.plan import Action, ActionReason, Attribution, Change
from reconciler.core.plan_id import canonicalize_change, compute_plan_id, digest_change

ADA = change(origin=Origin("users/a.yaml", 1, 3))

SAME: dict[str, dict[str, Any]] = {
    "reason": {"reason": ActionReason.OUT_OF_SCOPE},
    "detail": {"detail": "another wording"},
    "origin": {"origin": Origin("users/z.yaml", 9, 9)},
    "requires": {"requires": ('user["bob"]',)},
    "wave": {"wave": 4},
    "attribution": {"attribution": Attribution.ALREADY_PENDING},
    "pending": {"pending": ("title",)},
    "history": {"history": ("edited",)},
}
OTHER: dict[str, dict[str, Any]] = {
    "key": {"key": "bob@example.com"},
    "action": {"action": Action.REACTIVATE},
    "live_id": {"live_id": "live-bob"},
    "before": {"before": {**ADA.before, "title": "x"}},
    "after": {"after": {**ADA.after, "title": "x"}},
    "temporary_user_name": {"temporary_user_name": "renaming-1@example.com"},
}


def test_the_id_of_a_plan_does_not_depend_on_the_version() -> None:
    # Saved plans, approvals and receipts of earlier versions name plans by it.
    made = Change("ada@example.com", Action.CREATE, ActionReason.NOT_IN_TARGET, "", None, {}, {"userName": "ada"})
    assert compute_plan_id(TARGET, [made]) == (
        "sha256:15e2b95a858bed6f1b370104d3760baaba41bf4f81541eda9b094f1d767325ff"
    )
    assert digest_change(made) == "bbec4708350777be"


def test_each_field_of_a_change_is_covered() -> None:
    assert {*SAME, *OTHER} == set(Change.__slots__)


@pytest.mark.parametrize("name", SAME)
def test_wording_and_order_do_not_change_the_id(name: str) -> None:
    other = replace(ADA, **SAME[name])
    assert other != ADA
    assert compute_plan_id(TARGET, [other]) == compute_plan_id(TARGET, [ADA])
    assert digest_change(other) == digest_change(ADA)


@pytest.mark.parametrize("name", OTHER)
def test_what_would_be_done_changes_the_id(name: str) -> None:
    other = replace(ADA, **OTHER[name])
    assert compute_plan_id(TARGET, [other]) != compute_plan_id(TARGET, [ADA])
    assert digest_change(other) != digest_change(ADA)
    assert canonicalize_change(other) != canonicalize_change(ADA)


@pytest.mark.parametrize(
    "other",
    [
        lambda: compute_plan_id(replace(TARGET, base_url="https://scim.example.com"), [ADA]),
        lambda: compute_plan_id(replace(TARGET, profile="scim"), [ADA]),
        lambda: compute_plan_id(TARGET, []),
        lambda: compute_plan_id(TARGET, [ADA, ADA]),
        lambda: compute_plan_id(TARGET, [change("bob"), ADA]),
    ],
    ids=["address", "profile", "no change", "a change twice", "one more change"],
)
def test_another_target_or_list_of_changes_changes_the_id(other: Callable[[], str]) -> None:
    assert other() != compute_plan_id(TARGET, [ADA])


def test_the_order_of_changes_is_part_of_the_id() -> None:
    bob = change("bob")
    assert compute_plan_id(TARGET, [ADA, bob]) != compute_plan_id(TARGET, [bob, ADA])


VALUES = st.dictionaries(st.sampled_from(["title", "userName", "nickName"]), st.text(max_size=5) | st.booleans())


@given(VALUES, VALUES)
def test_changes_have_one_digest_exactly_if_they_are_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = (replace(ADA, after=values) for values in (one, other))
    # JSON distinguishes true, 1 and "true", as the comparison of the texts does.
    assert (digest_change(first) == digest_change(second)) is (one == other)


@given(VALUES)
def test_the_order_of_attributes_does_not_matter(values: dict[str, Any]) -> None:
    turned = dict(reversed(values.items()))
    assert digest_change(replace(ADA, after=values)) == digest_change(replace(ADA, after=turned))


def test_a_digest_is_sixteen_hexadecimal_digits() -> None:
    assert len(digest_change(ADA)) == len(f"{int(digest_change(ADA), 16):016x}") == 16


def test_the_tenant_is_part_of_the_id_of_a_plan_if_it_is_named() -> None:
    acme, globex = (replace(TARGET, tenant=name) for name in ("acme", "globex"))
    assert len({compute_plan_id(target, [ADA]) for target in (TARGET, acme, globex)}) == 3
    assert len({compute_plan_id(target, []) for target in (TARGET, acme, globex)}) == 3


@pytest.mark.parametrize("changes", [[], [ADA], [ADA, change("bob"), change("zo\u00eb")]])
def test_the_id_is_the_digest_of_one_json_text(changes: list[Change]) -> None:
    content = {"target": TARGET.document, "changes": [canonicalize_change(each) for each in changes]}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert compute_plan_id(TARGET, changes) == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
