"""fleet.yaml and tenant.yaml: the fast way reads what the parser reads."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Diagnostic
from reconciler.desired.fleet_files import (
    names_tenant,
    parse_fleet,
    parse_plain_tenant,
    parse_tenant,
    read_bounded,
)
from reconciler.desired.fleet_schema import FleetEntry, TenantEntry

_WORDS = st.sampled_from(
    ["a", "schools", "acme.example", "Null", "null", "no", "x-1", "a/b", "~", "1", "a: b", "é", ""]
)
_LINES = st.one_of(
    st.builds("{}: {}".format, st.sampled_from(["group", "wave", "other"]), _WORDS),
    st.builds("domains: [{}]".format, st.lists(_WORDS, max_size=3).map(", ".join)),
    st.builds("domains:\n{}".format, st.lists(_WORDS.map("  - {}".format), max_size=3).map("\n".join)),
    st.builds(
        "labels:\n{}".format,
        st.lists(st.builds("  {}: {}".format, _WORDS, _WORDS), max_size=3).map("\n".join),
    ),
    st.just("# a comment: [x"),
    st.just("labels: {a: b}"),
)


@given(st.lists(_LINES, max_size=4).map("\n".join), st.sampled_from(["\n", ""]))
def test_the_fast_way_reads_what_the_parser_reads(text: str, end: str) -> None:
    content = f"{text}{end}".encode()
    found: list[Diagnostic] = []
    fast, slow = parse_plain_tenant(content), parse_tenant(content, found.append)
    assert fast is None or (slow is not None and fast == slow.value and not found)


def test_the_usual_file_is_read_the_fast_way() -> None:
    text = b"# Acme\ngroup: schools\nwave: early\nlabels:\n  region: emea\ndomains: [acme.example, b.example]\n"
    expected = TenantEntry(
        group="schools", wave="early", labels={"region": "emea"}, domains=["acme.example", "b.example"]
    )
    assert parse_plain_tenant(text) == expected
    assert parse_plain_tenant(b"domains:\n  - a.example\n  - b.example\n") == TenantEntry(
        domains=["a.example", "b.example"]
    )


@pytest.mark.parametrize(
    ("labels", "summary"),
    [
        ({str(n): "x" for n in range(21)}, "labels: expected at most 20 labels"),
        ({"a": "x" * 101}, f'labels: "{"x" * 40}… (61 more characters)" is longer than 100 characters'),
    ],
)
def test_labels_are_bounded(labels: dict[str, str], summary: str) -> None:
    found: list[Diagnostic] = []
    text = "labels:\n" + "".join(f'  "{key}": {value}\n' for key, value in labels.items())
    assert parse_tenant(text.encode(), found.append) is None
    assert [item.summary for item in found] == [summary]


def test_what_fleet_yaml_names() -> None:
    located = parse_fleet(b"tenants: [tenants/*, other/one]\n", lambda _item: None)
    assert located is not None
    names = [("tenants", "acme"), ("other", "one"), ("other", "two"), ("x", "acme")]
    assert [names_tenant(located.value, *each) for each in names] == [True, True, False, False]


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"#" * 1025)
    found: list[Diagnostic] = []
    assert read_bounded(tmp_path / "x", "x", 1024, found.append) is None
    assert [str(item.summary) for item in found] == ["larger than 1 KiB"]
    assert read_bounded(tmp_path / "x", "x", 2048, found.append) == b"#" * 1025


def test_each_name_of_many_is_looked_up_at_once() -> None:
    entry = FleetEntry.model_validate({"tenants": [f"tenants/t{number}" for number in range(5)] + ["more/*"]})
    assert entry.parents == {"tenants", "more"}
    assert entry.places is entry.places
    assert all(names_tenant(entry, *place) for place in (("tenants", "t4"), ("more", "any")))
    assert not names_tenant(entry, "tenants", "t5")
