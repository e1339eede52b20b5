from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import APPLE, DEPARTMENT, MAPPINGS, OUT, SCIM, mapping, mappings, source_user, values_of

from reconciler.core.model import (
    IN_SCOPE,
    AttributeMapping,
    DesiredUser,
    Diagnostic,
    Flow,
    Lifecycle,
    Origin,
    SourceAttributes,
    SourceUser,
    Value,
    Verdict,
    error,
)
from reconciler.core.planning.mapping import (
    MappingError,
    Projector,
    build_constant_rule,
    build_direct_rule,
    extract_character,
    find_attribute,
    is_address,
)
from reconciler.core.profile import TargetProfile

UNTOUCHED = "The user is left untouched until this is fixed."
ADA = 'user["ada@example.com"]'
PLACE = Origin("users/people.yaml", 1, 3)


def project(
    user: SourceUser,
    rows: tuple[AttributeMapping, ...] = MAPPINGS,
    *,
    profile: TargetProfile = APPLE,
    domains: tuple[str, ...] = (),
) -> tuple[DesiredUser, list[Diagnostic]]:
    return Projector(profile, rows, domains).project(user, IN_SCOPE)


def test_a_user_in_scope_has_every_mapped_value() -> None:
    assert project(source_user()) == (
        DesiredUser(
            key="ada@example.com",
            match=("id-ada", "ada@example.com"),
            origin=PLACE,
            anchor="id-ada",
            attributes=values_of("ada"),
        ),
        [],
    )


def test_values_are_normalised_and_unassigned_ones_are_absent() -> None:
    found, errors = project(source_user(givenName="  Ada\u0301 ", department="   "))
    assert errors == []
    assert found.attributes == values_of("ada", given="Adá", department=None)


def test_a_constant_does_not_look_at_the_user() -> None:
    found, _ = project(source_user(), mappings(mapping("timezone", value="Europe/Berlin")))
    assert found.attributes == {**values_of("ada"), "timezone": "Europe/Berlin"}


def test_a_default_flows_on_create_only() -> None:
    rows = mappings(mapping("locale", "preferredLanguage", default="en_US"))
    without, _ = project(source_user(), rows)
    with_value, _ = project(source_user(preferredLanguage="de_DE"), rows)
    assert (without.attributes, without.create_only) == (values_of("ada"), {"locale": "en_US"})
    assert (with_value.attributes, with_value.create_only) == ({**values_of("ada"), "locale": "de_DE"}, {})


def test_a_row_with_apply_create_flows_on_create_only() -> None:
    rows = mappings(mapping("timezone", "timezone", default="Europe/Berlin", flow=Flow.CREATE))
    with_value, _ = project(source_user(timezone="Asia/Tokyo"), rows)
    without, _ = project(source_user(), rows)
    assert (with_value.attributes, with_value.create_only) == (values_of("ada"), {"timezone": "Asia/Tokyo"})
    assert (without.attributes, without.create_only) == (values_of("ada"), {"timezone": "Europe/Berlin"})


def test_a_default_of_a_matching_row_that_flows_on_create_only_is_no_identity() -> None:
    rows = mappings(mapping("externalId", "objectId", match=1, flow=Flow.CREATE, default="shared"))
    assert project(source_user(objectId=None), rows)[0].match == (None, "ada@example.com")


def test_matching_values_are_in_the_form_in_which_they_are_compared() -> None:
    for verdict in (IN_SCOPE, OUT):
        found, _ = Projector(APPLE, MAPPINGS, ()).project(source_user("ADA@Example.com", objectId="ID-Ada"), verdict)
        assert found.match == ("id-ada", "ada@example.com")


def test_a_user_out_of_scope_has_identifying_values_only() -> None:
    found = Projector(APPLE, MAPPINGS, ()).project(source_user(givenName=None, protected=True), OUT)
    assert found == (
        DesiredUser(
            "ada@example.com",
            ("id-ada", "ada@example.com"),
            PLACE,
            "id-ada",
            verdict=OUT,
            lifecycle=Lifecycle(protected=True),
        ),
        [],
    )


@pytest.mark.parametrize("verdict", [IN_SCOPE, OUT])
@pytest.mark.parametrize("flow", Flow)
@pytest.mark.parametrize("name", ["Ada", "x" * 2000])
def test_an_external_id_identifies_also_without_a_matching_precedence(verdict: Verdict, flow: Flow, name: str) -> None:
    rows = mappings(mapping("externalId", "objectId", flow=flow))
    found, _ = Projector(APPLE, rows, ()).project(source_user(objectId="ID-Ada", givenName=name), verdict)
    assert (found.match, found.anchor) == (("ada@example.com",), "id-ada")


def test_a_default_external_id_identifies_no_user() -> None:
    rows = mappings(mapping("externalId", "objectId", default="shared"))
    assert project(source_user(objectId=None), rows)[0].anchor is None
    assert project(source_user(), rows)[0].anchor == "id-ada"


def test_an_unidentified_user_out_of_scope_fails() -> None:
    rows = (mapping("externalId", "objectId", match=1),)
    found, errors = Projector(APPLE, rows, ()).project(source_user(objectId=None), OUT)
    assert (found.match, found.failed, errors) == ((None,), True, [])


def test_a_user_out_of_scope_with_a_matching_value_that_cannot_be_computed_is_failed() -> None:
    found, errors = Projector(APPLE, MAPPINGS, ()).project(source_user(objectId=("one", "two")), OUT)
    assert (found.match, found.failed) == ((None, "ada@example.com"), True)
    assert errors == [
        error("externalId cannot be mapped: objectId has several values, but one is needed", UNTOUCHED, PLACE, ADA)
    ]


def test_match_values_come_in_order_of_precedence() -> None:
    rows = mappings(mapping("userName", "userPrincipalName", match=1), mapping("externalId", "objectId", match=2))
    found, _ = project(source_user(), rows)
    assert found.match == ("ada@example.com", "id-ada")


def test_a_default_is_no_identity_but_a_value_sent_on_create_is() -> None:
    rows = mappings(mapping("externalId", "objectId", match=1, default="shared"))
    found, _ = project(source_user(objectId=None), rows)
    assert found.match == (None, "ada@example.com")
    rows = mappings(mapping("externalId", "objectId", match=1, flow=Flow.CREATE))
    found, _ = project(source_user(), rows)
    assert found.match == ("id-ada", "ada@example.com")


RETYPE = "Type the value again without this character. The user is left untouched until then."


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (
            {"userPrincipalName": "ada"},
            error('userName "ada" is not an e-mail address', "Apple Business Manager accepts nothing else."),
        ),
        (
            {"userPrincipalName": 'a"@\u3164b'},
            error("userName contains the character U+3164 HANGUL FILLER, which cannot be seen", RETYPE),
        ),
        (
            {"userPrincipalName": "ada@evil.example"},
            error(
                'userName "ada@evil.example" is outside the verified domains',
                "The verified domains are example.com, example.org (target.domains in settings.yaml).",
            ),
        ),
        (
            {"userPrincipalName": "Renaming-0123456789ab-0123456789abcdef@example.com"},
            error(
                'userName "Renaming-0123456789ab-0123456789abcdef@example.com" has the form of a temporary name',
                "Only an apply gives such names, to users who exchange theirs. Give the user another userName.",
            ),
        ),
        (
            {"userPrincipalName": "\u0430da@example.com"},
            error("userName contains the character U+0430 CYRILLIC SMALL LETTER A, among Latin letters", RETYPE),
        ),
        (
            {"mail": "ada@ex\u00adample.com"},
            error("mail contains the character U+00AD SOFT HYPHEN, which cannot be seen", RETYPE),
        ),
        ({"department": "D" * 1_025}, error("enterprise:department has 1,025 characters, the target takes 1,024")),
        ({"objectId": "x" * 257}, error("externalId has 257 characters, the target takes 256")),
        ({"department": "a\x07b"}, error("enterprise:department contains the character U+0007")),
        ({"department": "a\nb"}, error("enterprise:department contains the character U+000A")),
        (
            {"department": "a\u202eb"},
            error("enterprise:department contains the character U+202E RIGHT-TO-LEFT OVERRIDE"),
        ),
        ({"department": "a\ud800b"}, error("enterprise:department contains the character U+D800")),
        (
            {"surname": None},
            error(
                "name.familyName is required by Apple Business Manager and has no value",
                "Give the user a value for surname, or the mapping a default.",
            ),
        ),
        (
            {"givenName": ("Ada", "Augusta")},
            error("name.givenName cannot be mapped: givenName has several values, but one is needed"),
        ),
        ({"givenName": True}, error("name.givenName cannot be mapped: name.givenName holds bool, not a string")),
    ],
)
def test_a_value_that_the_target_would_reject_is_an_error_of_the_user(
    attributes: dict[str, Any], expected: Diagnostic
) -> None:
    user = source_user(**attributes)
    found, errors = project(user, domains=("Example.org", "example.com"))
    address = f'user["{user.key}"]'.replace('a"@', 'a\\"@')
    assert errors == [replace(expected, detail=expected.detail or UNTOUCHED, origin=PLACE, address=address)]
    assert found.failed


@pytest.mark.parametrize(
    "name",
    [
        "ada@example.com",
        "ada.l+x@EXAMPLE.com",
        "ädá@example.com",
        "o'neil@example.com",
        "a/b=c@example.org",
        "名@example.com",
    ],
)
def test_user_names_in_verified_domains_are_taken(name: str) -> None:
    assert project(source_user(name), domains=("example.com", "example.org"))[1] == []


@pytest.mark.parametrize(
    "name",
    [
        "@example.com",
        "a@b",
        "a b@example.com",
        "a@@example.com",
        "a@example..com",
        "a@.com",
        "a;b@example.com",
        "a@example.com.",
    ],
)
def test_what_is_no_address_is_no_user_name_at_apple(name: str) -> None:
    assert [item.summary for item in project(source_user("x", userPrincipalName=name))[1]] == [
        f'userName "{name}" is not an e-mail address'
    ]


TEMPORARY = "renaming-0123456789ab-0123456789abcdef@example.com"


@pytest.mark.parametrize("flow", list(Flow))
@pytest.mark.parametrize("row", [{"value": TEMPORARY}, {"source": "mail", "default": TEMPORARY}])
def test_no_source_gives_a_temporary_name(row: dict[str, Any], flow: Flow) -> None:
    found, errors = project(source_user(), mappings(mapping("userName", flow=flow, **row)))
    assert [item.summary for item in errors] == [f'userName "{TEMPORARY}" has the form of a temporary name']
    assert found.failed


def test_without_verified_domains_every_domain_is_taken() -> None:
    assert project(source_user("ada@anything.example"))[1] == []


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("ada@example.com", True),
        ("ADA@Example.COM", True),
        ("ada@example.com.", True),
        ("ada@b\u00fccher.example", True),
        ("ada@xn--bcher-kva.example", True),
        ("ada", True),
        ("ada@mail.example.com", False),
        ("ada@example.com@evil.test", False),
        ("ada@", False),
        ("ada@strasse.example", False),
    ],
)
def test_a_user_name_in_another_domain_is_an_error_for_every_service(name: str, accepted: bool) -> None:
    domains = ("example.com", "B\u00dcCHER.example", "stra\u00dfe.example")
    user = source_user("x", userPrincipalName=name)
    found, errors = project(user, mappings(profile=SCIM), profile=SCIM, domains=domains)
    outside = [f'userName "{name}" is outside the verified domains']
    assert ([item.summary for item in errors], found.failed) == ([] if accepted else outside, not accepted)


def test_a_plain_service_takes_any_user_name() -> None:
    rows = mappings(profile=SCIM)
    assert project(source_user("x", userPrincipalName="ada lovelace"), rows, profile=SCIM, domains=("x.y",))[1] == []


def test_persian_joiners_and_emoji_are_values_like_others() -> None:
    assert project(source_user(department="می\u200cخواهم 👩\u200d💻"))[1] == []


def test_all_errors_of_a_user_are_reported_and_match_values_survive() -> None:
    found, errors = project(source_user(givenName=None, surname=None, department="\x00"))
    assert [item.summary for item in errors] == [
        "enterprise:department contains the character U+0000",
        "name.givenName is required by Apple Business Manager and has no value",
        "name.familyName is required by Apple Business Manager and has no value",
    ]
    assert (found.failed, found.match) == (True, ("id-ada", "ada@example.com"))


def test_a_value_that_cannot_be_mapped_is_not_also_reported_as_missing() -> None:
    def refuse(_attributes: SourceAttributes) -> Value | None:
        raise MappingError("no")

    rows = mappings(mapping("name.givenName", rule=refuse))
    assert project(source_user(), rows)[1] == [
        error("name.givenName cannot be mapped: no", UNTOUCHED, PLACE, ADA),
    ]


def test_a_matching_value_that_cannot_be_computed_is_unknown() -> None:
    found, _ = project(source_user(objectId=("one", "two")))
    assert (found.failed, found.match) == (True, (None, "ada@example.com"))


def test_a_required_attribute_without_a_mapping_is_reported() -> None:
    rows = tuple(row for row in MAPPINGS if row.target != "name.givenName")
    assert project(source_user(), rows)[1] == [
        error(
            "name.givenName is required by Apple Business Manager and has no value",
            "Add a mapping with `target: name.givenName`.",
            PLACE,
            ADA,
        )
    ]


def test_a_required_attribute_may_come_from_a_default() -> None:
    assert project(source_user(surname=None), mappings(mapping("name.familyName", "surname", default="-")))[1] == []


def test_an_error_has_the_origin_of_the_source_attribute() -> None:
    user = replace(source_user(department="\x00"), origin_of=lambda name: Origin("users/people.yaml", 7, len(name)))
    (item,) = project(user)[1]
    assert item.origin == Origin("users/people.yaml", 7, len("department"))


def test_the_profile_knows_its_attributes_in_any_case() -> None:
    assert find_attribute(APPLE, "USERNAME", "USERNAME") == APPLE.attributes[0]
    assert find_attribute(APPLE, "emails", "emails") is None
    found = find_attribute(SCIM, 'emails[type eq "work"].value', "emails.value")
    assert found is not None
    assert (found.path, found.multi_valued) == ('emails[type eq "work"].value', True)
    written = find_attribute(SCIM, "Roles[primary eq true].VALUE", "Roles.VALUE")
    assert written is not None
    assert written.path == "roles[primary eq true].value"


def test_only_an_open_profile_takes_extensions_that_it_does_not_list() -> None:
    path = "urn:example:2.0:User:badge"
    assert find_attribute(APPLE, path, path) is None
    found = find_attribute(SCIM, path, path)
    assert found is not None
    assert found.path == path
    assert find_attribute(SCIM, "badge", "badge") is None
    for no_extension in ("urn:ietf:params:scim:schemas:core:2.0:User.roles", "urn:IETF:params:scim:schemas:core:2.0:x"):
        assert find_attribute(SCIM, no_extension, no_extension) is None


def test_direct_and_constant_rules() -> None:
    assert build_direct_rule("department")({"department": "R&D"}) == "R&D"
    assert build_direct_rule("department")({}) is None
    assert build_constant_rule("x")({}) == "x"
    assert DEPARTMENT in {row.target for row in MAPPINGS}


@given(st.none() | st.booleans() | st.text(max_size=12) | st.tuples(st.text()), st.booleans())
def test_a_direct_row_gives_what_its_rule_gives(value: Any, boolean: bool) -> None:
    row = mapping("active", "custom") if boolean else mapping("timezone", "custom")
    user = source_user(custom=value)
    assert project(user, mappings(row)) == project(user, mappings(replace(row, direct=None)))


# --- flows and candidates ---------------------------------------------------------------------


def test_a_value_that_flows_where_the_target_is_empty_is_compared_and_its_default_is_not() -> None:
    rows = mappings(mapping("locale", "preferredLanguage", default="en_US", flow=Flow.IF_EMPTY))
    with_value, _ = project(source_user(preferredLanguage="de_DE"), rows)
    without, _ = project(source_user(), rows)
    assert (with_value.attributes["locale"], with_value.create_only) == ("de_DE", {})
    assert ("locale" in without.attributes, without.create_only) == (False, {"locale": "en_US"})


@pytest.mark.parametrize("flow", list(Flow))
def test_a_user_is_called_by_the_name_that_is_sent_whenever_it_flows(flow: Flow) -> None:
    found, _ = project(source_user(), mappings(mapping("userName", "userPrincipalName", match=2, flow=flow)))
    assert found.user_names == ("ada@example.com",)
    assert Projector(APPLE, MAPPINGS, ()).project(source_user(), OUT)[0].user_names == ()


@pytest.mark.parametrize("flow", list(Flow))
def test_a_required_attribute_needs_a_value_whenever_it_flows(flow: Flow) -> None:
    rows = mappings(mapping("name.givenName", "givenName", flow=flow))
    found, errors = project(source_user(givenName=None), rows)
    assert (found.failed, len(errors)) == (True, 1)
    assert errors[0].summary == "name.givenName is required by Apple Business Manager and has no value"
    assert not project(source_user(), rows)[0].failed
    defaulted = mappings(mapping("name.givenName", "givenName", flow=flow, default="."))
    found, errors = project(source_user(givenName=None), defaulted)
    assert (found.failed, found.create_only, errors) == (False, {"name.givenName": "."}, [])


def one_of(*candidates: Any, target: str = "userName") -> tuple[AttributeMapping, ...]:
    row = mapping(target, rule=lambda _: candidates, inputs=("surname",), flow=Flow.CREATE, unique=True)
    return mappings(row)


@pytest.mark.parametrize(
    ("candidates", "kept"),
    [
        (("a@example.com", "b@example.com"), ("a@example.com", "b@example.com")),
        (("a@example.com", " a@example.com", ""), ("a@example.com",)),
        # what the target would refuse is passed over
        (("a@elsewhere.org", "b@example.com"), ("b@example.com",)),
        (("renaming-0123456789ab@example.com", "b@example.com"), ("b@example.com",)),
        (("a", "b@example.com", "x" * 1020 + "@example.com"), ("b@example.com",)),
        (("a\u202e@example.com", "b@example.com"), ("b@example.com",)),
    ],
)
def test_the_candidates_of_a_unique_attribute_are_those_the_target_would_take(
    candidates: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    found, errors = project(source_user(), one_of(*candidates), domains=("example.com",))
    assert (found.candidates, found.failed, errors) == ((("userName", kept),), False, [])
    assert "userName" not in {**found.attributes, **found.create_only}
    assert found.user_names == kept


def test_each_rejected_candidate_is_reported_if_none_is_left() -> None:
    found, errors = project(source_user(), one_of("a", "b@elsewhere.org"), domains=("example.com",))
    assert (found.failed, found.candidates) == (True, ())
    assert [(item.summary, item.address) for item in errors] == [
        ('userName "a" is not an e-mail address', ADA),
        ('userName "b@elsewhere.org" is outside the verified domains', ADA),
    ]


def test_a_unique_attribute_without_any_candidate_has_no_value() -> None:
    found, errors = project(source_user(), one_of())
    assert [item.summary for item in errors] == ["userName is required by Apple Business Manager and has no value"]
    found, errors = project(source_user(), one_of(target="timezone"))
    assert (found.candidates, found.failed, errors) == ((), False, [])


def test_a_failing_rule_of_a_unique_attribute_is_an_error() -> None:
    def rule(_attributes: SourceAttributes) -> tuple[Value, ...]:
        raise MappingError("no")

    row = mapping("timezone", rule=rule, flow=Flow.CREATE, unique=True)
    found, errors = project(source_user(), mappings(row))
    assert (found.failed, [item.summary for item in errors]) == (True, ["timezone cannot be mapped: no"])


# --- characters of names and addresses ---------------------------------------------------------------


def test_a_name_with_a_faulty_character_identifies_no_user_for_sure() -> None:
    found, errors = project(source_user(userPrincipalName="a\u200bda@example.com"))
    assert found.failed
    assert found.doubtful == {"userName"}
    assert [extract_character(item.summary) for item in errors] == ["\u200b"]


def test_display_names_may_join_and_mix_letters() -> None:
    found, errors = project(source_user(givenName="\u0646\u200c\u0627\u200d", surname="Lov\u0435lace"))
    assert (errors, found.failed) == ([], False)


def test_a_name_that_an_expression_corrects_is_no_error() -> None:
    corrected = replace(
        mapping("userName", match=2), rule=lambda _attributes: "ada@example.com", inputs=("userPrincipalName",)
    )
    found, errors = project(source_user(userPrincipalName="\u0430da@example.com"), mappings(corrected))
    assert (errors, found.attributes["userName"]) == ([], "ada@example.com")


def test_a_user_out_of_scope_is_removed_whatever_their_name_is() -> None:
    found, errors = Projector(APPLE, MAPPINGS, ()).project(source_user(userPrincipalName="a\u200bda@example.com"), OUT)
    assert (errors, found.failed) == ([], False)


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("userName", True),
        ('emails[type eq "work"].value', True),
        ("Emails[primary eq true].Value", True),
        ('emails[type eq "work"].display', False),
        ("displayName", False),
        ('phoneNumbers[type eq "work"].value', False),
    ],
)
def test_names_and_addresses_are_distinguished_from_other_attributes(path: str, address: bool) -> None:
    assert is_address(path) is address
