"""Any SCIM 2.0 service: the User of RFC 7643 §4.1 and its enterprise extension (§4.3)."""

from __future__ import annotations

from reconciler.core.paths import ENTERPRISE
from reconciler.core.profile import (
    NO_TOKEN_RULES,
    Attribute,
    Comparison,
    Confidence,
    MappingRow,
    Mutability,
    Switch,
    TargetProfile,
)
from reconciler.profiles.unmappable import UNMAPPABLE

_USER = "RFC 7643 §4.1"
_ENTERPRISE = "RFC 7643 §4.3"
_DOCUMENTED = Confidence.DOCUMENTED
_TEXTS = """displayName nickName profileUrl title userType name.formatted name.familyName name.givenName
    name.middleName name.honorificPrefix name.honorificSuffix""".split()
_COMPARISONS = {"emails.value": Comparison.CASE_INSENSITIVE, "phoneNumbers.value": Comparison.PHONE}
_ELEMENTS = "emails phoneNumbers ims photos addresses entitlements roles".split()
_ADDRESS = "formatted streetAddress locality region postalCode country".split()
_EXTENSION = "employeeNumber costCenter organization division department manager.value".split()


def _build_attributes() -> tuple[Attribute, ...]:
    multi_valued = [f"{name}.{sub}" for name in _ELEMENTS for sub in ("value", "display")]
    multi_valued += [f"addresses.{sub}" for sub in _ADDRESS]
    # RFC 7643 §8.7.1: caseExact is false for every text of a User, so services find and compare them without regard to
    # case. What people read (a name, a title) is compared exactly all the same: an edit of its case is deliberate.
    return (
        # externalId: a GUID in another case is the same user.
        Attribute("userName", _USER, _DOCUMENTED, Comparison.CASE_PRESERVING, required=True),
        Attribute("externalId", "RFC 7643 §3.1", _DOCUMENTED, Comparison.CASE_INSENSITIVE),
        Attribute("active", _USER, _DOCUMENTED, Comparison.BOOLEAN),
        Attribute("locale", _USER, _DOCUMENTED, Comparison.LOCALE),
        Attribute("preferredLanguage", _USER, _DOCUMENTED, Comparison.LOCALE),
        Attribute("timezone", _USER, _DOCUMENTED, Comparison.CASE_INSENSITIVE),
        *(Attribute(path, _USER, _DOCUMENTED) for path in _TEXTS),
        *(
            Attribute(path, _USER, _DOCUMENTED, _COMPARISONS.get(path, Comparison.EXACT), multi_valued=True)
            for path in multi_valued
        ),
        *(Attribute(f"{ENTERPRISE}:{name}", _ENTERPRISE, _DOCUMENTED) for name in _EXTENSION),
        Attribute(f"{ENTERPRISE}:manager.displayName", _ENTERPRISE, _DOCUMENTED, mutability=Mutability.READ_ONLY),
        *UNMAPPABLE,
    )


GENERIC_SCIM = TargetProfile(
    name="scim",
    title="SCIM service",
    hosts=(),
    attributes=_build_attributes(),
    mappings=(
        MappingRow("externalId", source="objectId", match=1),
        MappingRow("userName", source="userPrincipalName", match=2),
        MappingRow("active", expression="Not([IsSoftDeleted])", default="True"),
        MappingRow("displayName", source="displayName"),
        MappingRow("name.givenName", source="givenName"),
        MappingRow("name.familyName", source="surname"),
        MappingRow("title", source="jobTitle"),
        MappingRow('emails[type eq "work"].value', source="mail"),
        MappingRow("preferredLanguage", source="preferredLanguage"),
        MappingRow(f"{ENTERPRISE}:employeeNumber", source="employeeId"),
        MappingRow(f"{ENTERPRISE}:costCenter", source="costCenter"),
        MappingRow(f"{ENTERPRISE}:division", source="division"),
        MappingRow(f"{ENTERPRISE}:department", source="department"),
    ),
    closed=Switch(False, "RFC 7643 §3.3: services may define extensions", _DOCUMENTED),
    active_when_absent=Switch(
        None, "RFC 7643 defines no default: learnt from the other users of the read", Confidence.INFERRED
    ),
    user_name_is_email=Switch(False, "RFC 7643 §4.1.1: any string", _DOCUMENTED),
    verified_domains=Switch(False, "not a concept of SCIM", _DOCUMENTED),
    unique_user_names=Switch(
        False, "RFC 7643 §4.1.1 requires it; some services declare it, and accept a name twice", Confidence.INFERRED
    ),
    quarantine_days=Switch(0, "not a concept of SCIM", _DOCUMENTED),
    page_size=Switch(200, "the default maximum of many services", Confidence.INFERRED),
    patch_op_capitalised=Switch(False, "RFC 7644 §3.5.2", _DOCUMENTED),
    conflict_hint="The service does not show which account has the name: see its own administration",
    conflict_causes=(),
    domain_hint="See the service's own administration for the domains that it accepts.",
    disconnect_steps=(
        "Do not apply a plan yet: if the accounts exist and are not shown, creating them again makes duplicates.",
        (
            "See in the service's administration whether the accounts are there, and whether the token and "
            "target.base_url are of this organisation."
        ),
        (
            "If the service was restored or connected again, link the accounts as they are: those without an "
            "externalId are adopted by the plan, those with another one are relinked (`relink` in settings.yaml)."
        ),
        "If they really are gone, as from a test service that was emptied, have the plan reviewed and approved.",
    ),
    refusal_hints={},
    token_rules=NO_TOKEN_RULES,
)
