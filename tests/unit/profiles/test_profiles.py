import pytest

from reconciler.core import paths
from reconciler.core.planning.mapping import find_attribute
from reconciler.core.profile import Comparison, Confidence, Mutability, Switch, TargetProfile
from reconciler.expressions.default_active import compile_active_rule
from reconciler.profiles import PROFILES


@pytest.fixture(params=list(PROFILES))
def profile(request: pytest.FixtureRequest) -> TargetProfile:
    return PROFILES[request.param]


def test_there_are_three() -> None:
    assert list(PROFILES) == ["apple-business-manager", "apple-school-manager", "scim"]
    assert all(name == profile.name for name, profile in PROFILES.items())


def test_every_row_and_switch_says_where_it_comes_from(profile: TargetProfile) -> None:
    switches = [value for name in profile.__slots__ if isinstance(value := getattr(profile, name), Switch)]
    assert len(switches) == 8
    assert all(row.source and isinstance(row.confidence, Confidence) for row in (*switches, *profile.attributes))


def test_every_attribute_is_listed_once_by_a_path(profile: TargetProfile) -> None:
    names = [row.path.casefold() for row in profile.attributes]
    assert len(set(names)) == len(names)
    assert [str(paths.parse(row.path)) for row in profile.attributes] == [row.path for row in profile.attributes]


def test_what_identifies_an_account_is_there(profile: TargetProfile) -> None:
    rows = {row.path: row.comparison for row in profile.attributes}
    assert [rows["userName"], rows["externalId"], rows["active"]] == [
        Comparison.CASE_PRESERVING,
        Comparison.CASE_INSENSITIVE,
        Comparison.BOOLEAN,
    ]


def test_the_default_mapping_can_be_used(profile: TargetProfile) -> None:
    for row in profile.mappings:
        path = paths.parse(row.target)
        assert find_attribute(profile, str(path), path.unfiltered) is not None
        assert (row.source is None) != (row.expression is None)
        assert row.expression is None or compile_active_rule(row.expression) is not None
    assert [(row.target, row.match) for row in profile.mappings if row.match] == [("externalId", 1), ("userName", 2)]


def test_the_default_mapping_covers_what_is_required(profile: TargetProfile) -> None:
    assert {row.path for row in profile.attributes if row.required} <= {row.target for row in profile.mappings}


def test_what_no_service_lets_a_client_set_is_listed_with_its_mutability(profile: TargetProfile) -> None:
    found = {row.path: row.mutability for row in profile.attributes if not row.mappable}
    assert found["password"] is Mutability.WRITE_ONLY
    for path in ("id", "meta", "meta.lastModified", "groups", "groups.value"):
        assert found[path] is Mutability.READ_ONLY
