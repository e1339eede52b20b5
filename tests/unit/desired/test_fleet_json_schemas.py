"""The schemas of fleet.yaml and tenant.yaml accept what the reader accepts, and nothing else."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from reconciler.desired.fleet_files import parse_fleet, parse_tenant
from reconciler.desired.json_schemas import build_json_schema

Draft202012Validator = pytest.importorskip("jsonschema", reason="run `make`: jsonschema is new").Draft202012Validator

PLAN = f'"sha256:{"a" * 64}"'
APPROVAL = f"plan: {PLAN}, until: 2026-12-01, reason: x"
SCHEMAS = {
    kind: Draft202012Validator(build_json_schema(kind), format_checker=Draft202012Validator.FORMAT_CHECKER)
    for kind in ("fleet", "tenant")
}
FLEET: dict[str, tuple[str, ...]] = {
    "tenants": (
        *("tenants/*", "[tenants/*]", "[a/b, c/*]", "a/b-1"),
        *("../x", "[]", "", "a", "a/B", "/a/*", "[defaults/*]", "groups/x", "plans/*", "[tenants/*, ../x]", "{a: b}"),
    ),
    "waves": (
        *("", "[]", "[{name: a}]", "[{name: a, tenants: [b]}]", "[{name: a, percent: 5}]", "[{name: a, tenants: }]"),
        *("[{name: a, tenants: [], percent: 5}]", "[{name: a, tenants: , percent: 5}]", "[{name: a, percent: }]"),
        *("[{name: a, tenants: [b], percent: 5}]", "[{name: A}]", "[{name: }]", "[{}]", "[{name: a, percent: 101}]"),
        *("[{name: a, percent: -1}]", "[{name: a, tenants: [X]}]", "[{name: a, tenants: b}]", "x", "{}"),
    ),
    "caps": (
        *("", "{}", "{shards: }", "{shards: 1}", "{requests_per_second: 1.5}", "{requests_per_second: }"),
        *("{tenants_at_once: 256}", "{shards: 0}", "{shards: 257}", "{requests_per_second: 0}", "{x: 1}", "[]"),
        *("{requests_per_second: 1001}", "{tenants_at_once: many}"),
    ),
    "guards": (
        *("", "{}", "{failed: }", "{failed: {count: }}", "{failed: {count: off}}", "{failed: {percent: off}}"),
        *("{new_tenants: off}", "{new_tenants: }", "{new_tenants: 0}", "{removals: {count: 1, percent: 2.5}}"),
        *("{removals: off}", "{x: 1}", "{new_tenants: -1}", "{failed: {count: some}}", "{failed: 3}"),
    ),
    "approvals": (
        *("", "[]", f"[{{{APPROVAL}}}]", f"[{{{APPROVAL}, lifts: [new_tenants]}}]"),
        *(f"[{{{APPROVAL}, lifts: []}}]", f"[{{{APPROVAL}, lifts: [failed]}}]", f"[{{{APPROVAL}, lifts: }}]"),
        *("[{plan: x, until: 2026-12-01, reason: x}]", f"[{{plan: {PLAN}, until: soon, reason: x}}]", "[{}]"),
    ),
}
LABELS = "{" + ", ".join(f"k{number}: v" for number in range(21)) + "}"
TENANT: dict[str, tuple[str, ...]] = {
    "domains": ("[a.example]", "[a.example, b.example]", "", "[]", "a.example", "[[a]]", "{}"),
    "group": ("", "a", "schools-1", "A", "../x", "[a]"),
    "wave": ("", "a", "_"),
    "labels": ("", "{}", "{a: b}", "{a: 1}", "{a: }", "{a: [b]}", LABELS, f"{{a: {'x' * 101}}}", "[]"),
    "other": ("1",),
}
TABLE = [
    (kind, {**least, key: value})
    for kind, keys, least in (("fleet", FLEET, {"tenants": "t/*"}), ("tenant", TENANT, {"domains": "[a.example]"}))
    for key, values in keys.items()
    for value in values
]


def as_json(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): as_json(value) for key, value in node.items()}
    if isinstance(node, list):
        return [as_json(each) for each in node]
    return node.isoformat() if isinstance(node, date) else node


def is_read(kind: str, content: bytes) -> bool:
    """Whether a fleet with this file is read: at least one tenant and one domain are needed, which is found later."""
    if kind == "fleet":
        fleet = parse_fleet(content, lambda _diagnostic: None)
        return fleet is not None and bool(fleet.value.tenants)
    tenant = parse_tenant(content, lambda _diagnostic: None)
    return tenant is not None and bool(tenant.value.domains)


def compare(kind: str, keys: dict[str, str]) -> bool:
    text = "".join(f"{key}: {value}\n" for key, value in keys.items()) or "{}\n"
    problems = [each.message for each in SCHEMAS[kind].iter_errors(as_json(YAML(typ="safe", pure=True).load(text)))]
    read = is_read(kind, text.encode())
    assert read is (not problems), (text, problems)
    return read


@pytest.mark.parametrize(("kind", "keys"), TABLE)
def test_one_value(kind: str, keys: dict[str, str]) -> None:
    compare(kind, keys)


def test_the_table_has_both() -> None:
    found = [compare(kind, keys) for kind, keys in TABLE]
    assert found.count(True) > 30
    assert found.count(False) > 30


@given(st.sampled_from([("fleet", FLEET), ("tenant", TENANT)]), st.data())
@settings(max_examples=200, deadline=None)
def test_several_values(of: tuple[str, dict[str, tuple[str, ...]]], data: st.DataObject) -> None:
    kind, known = of
    compare(kind, data.draw(st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in known.items()})))
