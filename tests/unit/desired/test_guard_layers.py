"""Guards of a layer may only tighten those of the layers below it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.guard_layers import find_loosened
from reconciler.desired.guard_settings import GuardSettings
from reconciler.desired.validation import drop_nulls
from reconciler.desired.yaml_nodes import LayeredMapping, YamlMapping
from reconciler.desired.yaml_reader import read_document


def _parse(text: str, file: str) -> YamlMapping:
    node = read_document(text.encode(), file, lambda item: pytest.fail(item.summary))
    assert isinstance(node, YamlMapping)
    return node


def _find(*layers: str) -> list[tuple[str, str]]:
    nodes = [_parse(f"guards: {text}\n", name) for text, name in zip(layers, ("low", "middle", "high"), strict=False)]
    return [(str(item.origin), item.summary) for item in find_loosened(nodes)]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["{removals: {count: 5}}", "{removals: {count: 6}}"], "guards.removals.count: 6 is looser than 5"),
        (["{removals: {percent: 5}}", "{removals: {percent: 5.5}}"], "guards.removals.percent: 5.5 is looser than 5"),
        (["{removals: {floor: 0}}", "{removals: {floor: 1}}"], "guards.removals.floor: 1 is looser than 0"),
        (["{removals: {count: 5}}", "{removals: {percent: 50}}"], "guards.removals.percent: 50 is looser than 10"),
        (["{failures: {floor: 3}}", "{failures: {floor: 4}}"], "guards.failures.floor: 4 is looser than 3"),
        (["{updates: {count: 5}}", "{updates: {count: 6}}"], "guards.updates.count: 6 is looser than 5"),
        (["{name_takeovers: {}}", "{name_takeovers: {count: 1}}"], "guards.name_takeovers.count: 1 is looser than 0"),
        (["{protected: [a, B]}", "{protected: [b, c]}"], 'guards.protected: "a" would not be protected'),
    ],
)
def test_looser(layers: list[str], expected: str) -> None:
    assert [summary for _, summary in _find(*layers)] == [expected]


@pytest.mark.parametrize(
    "layers",
    [
        ["{removals: {count: 5}}", "{removals: {count: 5, percent: 1}}"],
        ["{removals: {count: 5}}", "{removals: {count: ~}}"],
        ["{removals: {count: 5}}", "{removals: ~}"],
        ["{removals: {count: 5}}", "{creates: {count: 500}}"],
        ["{updates: {count: 5}}", "{updates: {percent: 99}}"],
        ["{protected: [a, B]}", "{protected: [b, c, A]}"],
        ["{removals: {count: x}}", "{removals: {count: 6}}"],
        ["{unknown: {count: 1}}", "{unknown: {count: 6}}"],
    ],
)
def test_not_looser(layers: list[str]) -> None:
    assert _find(*layers) == []


def test_the_layer_between_counts_and_the_place_is_that_of_the_looser_value() -> None:
    layers = ["{removals: {count: 9}}", "{removals: {count: 5}}", "{removals: {count: 7}}"]
    assert _find(*layers) == [("high:1:28", "guards.removals.count: 7 is looser than 5")]
    nodes = [_parse(f"guards: {text}\n", name) for text, name in zip(layers, ("low", "middle", "high"), strict=True)]
    assert [item.detail.partition(" A ")[0] for item in find_loosened(nodes)] == ["That is the value at middle:1:28."]


_LIMIT = st.dictionaries(st.sampled_from(["count", "percent", "floor"]), st.integers(0, 12) | st.none(), max_size=3)
_PLAIN = st.dictionaries(st.sampled_from(["count", "percent"]), st.integers(0, 12) | st.none(), max_size=2)
_COUNT = st.dictionaries(st.just("count"), st.integers(0, 3), max_size=1)
_GUARDS = st.fixed_dictionaries(
    {},
    optional={
        "removals": _LIMIT,
        "reactivations": _LIMIT,
        "failures": _LIMIT,
        "updates": _PLAIN,
        "creates": _PLAIN,
        "name_takeovers": _COUNT,
        "foreign_accounts": _COUNT,
        "protected": st.lists(st.sampled_from(["a", "A", "b", "c"]), max_size=3),
    },
)


def _is_looser(before: Any, after: Any) -> bool:
    return before is not None and (after is None or after > before)


@given(st.lists(_GUARDS, min_size=2, max_size=3))
def test_without_an_error_no_guard_that_a_layer_sets_gets_looser(layers: list[dict[str, Any]]) -> None:
    nodes = [_parse(json.dumps({"guards": each}).replace("null", "~"), str(n)) for n, each in enumerate(layers)]
    if list(find_loosened(nodes)):
        return
    whole = GuardSettings.model_validate(drop_nulls(LayeredMapping(*nodes)).get("guards", {}))
    for number in range(1, len(nodes)):
        below = drop_nulls(LayeredMapping(*nodes[:number])).get("guards", {})
        for name in below:
            before, after = getattr(GuardSettings.model_validate({name: below[name]}), name), getattr(whole, name)
            if name == "protected":
                assert {each.casefold() for each in before} <= {each.casefold() for each in after}
            else:
                assert not any(
                    _is_looser(getattr(before, key), getattr(after, key)) for key in type(before).model_fields
                )
