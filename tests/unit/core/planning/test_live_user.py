import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import (
    APPLE,
    ENTERPRISE,
    OWNED,
    SCIM,
    LiveUser,
    live,
    mapping,
    mappings,
    reader,
    resource,
    values_of,
)

from reconciler.core import paths
from reconciler.core.model import Flow, OmittedActive
from reconciler.core.planning import live_user
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.scope.scim_filter import compile_filter
from reconciler.core.values import InvalidValueError, parse_value
from reconciler.desired.scim_filter_parser import parse_filter


def test_a_resource_is_read_normalised() -> None:
    found = reader().read(resource("ada", meta={"lastModified": "2026-01-01T00:00:00Z"}, nickName="Countess"))
    assert found == LiveUser(
        id="live-ada",
        user_name="ada@example.com",
        external_id="id-ada",
        active=True,
        attributes=values_of("ada"),
        managed=True,
        adoptable=False,
        match=("id-ada", "ada@example.com"),
        last_modified="2026-01-01T00:00:00Z",
    )


@pytest.mark.parametrize(
    ("written", "active"), [(None, True), (True, True), (False, False), ("False", False), ("true", True), ("", True)]
)
def test_an_omitted_active_is_true_and_strings_are_booleans(written: Any, active: bool) -> None:
    found = reader().read(resource(active=written))
    assert (found.active, found.attributes["active"], found.unreadable) == (active, active, None)


def test_values_are_brought_into_normal_form() -> None:
    found = reader().read(resource(userName=" ada@example.com ", name={"givenName": "A\u0308da", "familyName": ""}))
    assert found.attributes == values_of("ada", given="Äda", family=None)
    assert found.user_name == "ada@example.com"


def test_numbers_are_read_as_text() -> None:
    found = reader(mappings(mapping("enterprise:employeeNumber", "employeeId"))).read(
        resource(**{ENTERPRISE: {"employeeNumber": 1001}})
    )
    assert found.attributes[f"{ENTERPRISE}:employeeNumber"] == "1001"


@pytest.mark.parametrize(
    ("broken", "path"),
    [
        ({"name": {"givenName": ["Ada"]}}, "name.givenName holds list, not a string"),
        ({"name": {"givenName": {}}}, "name.givenName holds dict, not a string"),
        ({"active": "perhaps"}, 'active holds "perhaps", neither true nor false'),
        ({"userName": {"a": 1}}, "userName holds dict, not a string"),
        ({"externalId": 1.5}, "externalId holds float, not a string"),
        ({"userName": "a" * 65_537}, "userName has 65,537 characters, more than 65,536"),
        ({"name": {"givenName": "é" * 70_000}}, "name.givenName has 70,000 characters, more than 65,536"),
        ({ENTERPRISE: {"department": True}}, f"{ENTERPRISE}:department holds bool, not a string"),
    ],
)
def test_a_value_of_a_wrong_type_makes_the_user_unreadable_and_nothing_fails(broken: dict[str, Any], path: str) -> None:
    found = reader().read(resource(**broken))
    assert found.unreadable == path
    assert found.id == "live-ada"


def test_what_can_be_read_of_an_unreadable_user_still_identifies_it() -> None:
    found = reader().read(resource(userName=["x"]))
    assert (found.match, found.user_name, found.managed) == (("id-ada", None), "", True)


@pytest.mark.parametrize("shape", [{"name": "Ada"}, {"name": None}, {"name": []}, {ENTERPRISE: "x"}, {"meta": "x"}])
def test_a_container_of_a_wrong_type_is_no_value(shape: dict[str, Any]) -> None:
    found = reader().read({**resource(), **shape})
    assert found.unreadable is None
    assert found.last_modified is None


@pytest.mark.parametrize(
    ("ownership", "changed", "managed", "adoptable"),
    [
        ("externalId pr", {}, True, False),
        ("externalId pr", {"externalId": None}, False, True),
        ("externalId pr", {"externalId": ""}, False, True),
        ('externalId sw "corp-"', {}, False, False),
        ('externalId pr and userName ew "@example.org"', {"externalId": None}, False, False),
        ('userName ew "@example.com"', {"externalId": None}, True, False),
    ],
)
def test_ownership_and_what_an_external_id_would_change(
    ownership: str, changed: dict[str, Any], managed: bool, adoptable: bool
) -> None:
    found = reader(owned=compile_filter(parse_filter(ownership))).read(resource(**changed))
    assert (found.managed, found.adoptable) == (managed, adoptable)


def test_a_row_that_flows_on_create_only_is_not_compared() -> None:
    rows = mappings(mapping("timezone", "timezone", flow=Flow.CREATE))
    assert "timezone" not in reader(rows).read(resource(timezone="Asia/Tokyo")).attributes


def test_a_matching_row_that_flows_on_create_only_still_identifies() -> None:
    rows = mappings(mapping("externalId", "objectId", match=1, flow=Flow.CREATE))
    found = reader(rows).read(resource())
    assert (found.match, found.external_id, "externalId" in found.attributes) == (
        ("id-ada", "ada@example.com"),
        "id-ada",
        False,
    )


def test_matching_values_are_in_the_form_in_which_they_are_compared() -> None:
    found = reader().read(resource(userName="ADA@Example.com", externalId="ID-Ada"))
    assert (found.match, found.user_name) == (("id-ada", "ada@example.com"), "ADA@Example.com")


def test_an_unmapped_active_is_read_for_the_account_but_not_compared() -> None:
    rows = tuple(row for row in mappings() if row.target != "active")
    found = reader(rows).read(resource(active=False))
    assert (found.active, "active" in found.attributes) == (False, False)


def test_the_builder_of_live_users_agrees_with_the_reader() -> None:
    assert reader().read(resource("bob")) == live("bob")
    assert reader().read(resource("bob", externalId=None)) == live("bob", external_id=None)


@given(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.lists(st.text(), max_size=1),
    st.sampled_from(("name", "Name")),
    st.sampled_from(("givenName", "GIVENNAME")),
)
def test_text_is_read_as_any_value_is(value: Any, outer: str, inner: str) -> None:
    row = mapping("name.givenName")
    written = {"id": "1", outer: {inner: value}}
    found = reader(mappings(row)).read(written)
    wanted, unreadable = None, None
    try:
        wanted = parse_value(row.attribute, paths.compile_reader(paths.parse("name.givenName"))(written))
    except InvalidValueError as exc:
        unreadable = str(exc)
    assert (found.attributes.get("name.givenName"), found.unreadable) == (wanted, unreadable)


@pytest.mark.parametrize("department", ["Research", "Recherche é", " Research ", "e\u0301"])
def test_equal_values_of_users_are_one_object(department: str) -> None:
    reads = reader(mappings(mapping("enterprise:department"), mapping("locale")))
    one, other = (
        reads.read(resource(name, locale=f"de_{name[:0]}DE", **{ENTERPRISE: {"department": "".join([*department])}}))
        for name in ("ada", "bob")
    )
    for path in (f"{ENTERPRISE}:department", "locale"):
        assert one.attributes[path] is other.attributes[path]
    assert one.attributes[f"{ENTERPRISE}:department"] == unicodedata.normalize("NFC", department.strip())


def test_no_more_than_some_values_are_kept_for_users_that_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_user, "_MOST_SHARED", 2)
    reads = reader(mappings(mapping("enterprise:department")))
    for department in ("A", "B", "\u00c5", "C", "C"):
        found = reads.read(resource(**{ENTERPRISE: {"department": department}}))
        assert found.attributes[f"{ENTERPRISE}:department"] == department
    kept = [row for _, rows in reads._compared for row in rows if row[0] == f"{ENTERPRISE}:department"]
    assert [*kept[0][3]] == ["A", "B"]
    identifying = [row for _, rows in reads._compared for row in rows if row[0] in ("userName", "externalId")]
    assert [row[3] for row in identifying] == [{}, {}]


@given(
    st.dictionaries(
        st.sampled_from(["active", "ACTIVE", "userName", "externalId", "locale", "Locale"]),
        st.none()
        | st.booleans()
        | st.integers(0, 1)
        | st.sampled_from(["True", "false", "", " x ", "é"])
        | st.just([]),
    ),
    st.integers(1, 2),
)
def test_values_are_read_as_by_their_rule_whatever_came_before(written: dict[str, Any], times: int) -> None:
    reads = reader(mappings(mapping("locale")))
    for _ in range(times):
        found = reads.read({"id": "1", **written})
        problem = None
        for row in mappings(mapping("locale")):
            wanted = None
            try:
                wanted = parse_value(row.attribute, paths.compile_reader(paths.parse(row.target))(written))
            except InvalidValueError as exc:
                problem = str(exc)
            if row.target == "active" and wanted is None:
                wanted = True
            assert found.attributes.get(row.target) == wanted
            assert type(found.attributes.get(row.target)) is type(wanted)
        assert found.unreadable == problem


def test_a_unique_attribute_is_read_although_it_applies_on_create_only() -> None:
    rows = mappings(mapping("timezone", flow=Flow.CREATE, unique=True))
    for external_id in ("id-ada", None):
        found = reader(rows).read(resource(externalId=external_id, timezone="Asia/Tokyo"))
        assert found.attributes["timezone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("meaning", "active", "value", "doubtful"),
    [
        (None, True, True, True),
        (OmittedActive.TRUE, True, True, False),
        (OmittedActive.FALSE, False, False, True),
        (OmittedActive.UNKNOWN, True, None, True),
    ],
)
def test_an_omitted_active_is_what_was_learnt_unless_the_profile_knows(
    meaning: OmittedActive | None, active: bool, value: bool | None, doubtful: bool
) -> None:
    for profile, expected in ((SCIM, (active, value, doubtful)), (APPLE, (True, True, False))):
        found = LiveReader(profile, mappings(profile=profile), OWNED, omitted_active=meaning).read(
            resource(active=None)
        )
        assert (found.active, found.attributes.get("active"), found.omits_active) == expected
        shown = LiveReader(profile, mappings(profile=profile), OWNED, omitted_active=meaning).read(resource())
        assert (shown.active, shown.attributes["active"], shown.omits_active) == (True, True, False)
