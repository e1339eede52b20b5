"""Apple Business Manager and Apple School Manager: what is publicly known of their SCIM service, row by row."""

from __future__ import annotations

from reconciler.core.paths import ENTERPRISE
from reconciler.core.profile import Attribute, Comparison, Confidence, MappingRow, Switch, TargetProfile

_APPLE_TABLE = "Apple, Sync users from Microsoft Entra ID: table of attributes"
_MICROSOFT = "Microsoft, Tutorial: Configure Apple Business Manager for automatic user provisioning"
_ROSTER = "lengths as in Apple's roster API; none are published for SCIM"
_AUTHENTIK = "authentik documentation for Apple: both names are required"

# A case-only edit of a name or a department is an edit somebody made on purpose, so those compare exactly;
# userName does not, because Apple may return it in lower case, nor does externalId: that a GUID comes back in another
# case must not look like another person.
_ATTRIBUTES = (
    Attribute("userName", _APPLE_TABLE, Confidence.DOCUMENTED, Comparison.CASE_INSENSITIVE, required=True),
    Attribute(
        "externalId",
        _MICROSOFT,
        Confidence.DOCUMENTED,
        Comparison.CASE_INSENSITIVE,
        required=True,
        max_length=256,
    ),
    Attribute("active", _MICROSOFT, Confidence.DOCUMENTED, Comparison.BOOLEAN),
    Attribute("name.givenName", _AUTHENTIK, Confidence.REPORTED, required=True),
    Attribute("name.familyName", _AUTHENTIK, Confidence.REPORTED, required=True),
    Attribute("locale", _MICROSOFT, Confidence.DOCUMENTED, Comparison.LOCALE, max_length=256),
    Attribute("timezone", _MICROSOFT, Confidence.DOCUMENTED, max_length=256),
    Attribute(f"{ENTERPRISE}:employeeNumber", _APPLE_TABLE, Confidence.DOCUMENTED, max_length=256),
    Attribute(f"{ENTERPRISE}:costCenter", _APPLE_TABLE, Confidence.DOCUMENTED),
    Attribute(f"{ENTERPRISE}:division", _APPLE_TABLE, Confidence.DOCUMENTED),
    Attribute(f"{ENTERPRISE}:department", _APPLE_TABLE, Confidence.DOCUMENTED),
)

_MAPPINGS = (
    MappingRow("externalId", source="objectId", match=1),
    MappingRow("userName", source="userPrincipalName", match=2),
    MappingRow("active", expression="Not([IsSoftDeleted])", default="True"),
    MappingRow("name.givenName", source="givenName"),
    MappingRow("name.familyName", source="surname"),
    MappingRow("locale", source="preferredLanguage"),
    MappingRow(f"{ENTERPRISE}:employeeNumber", source="employeeId"),
    MappingRow(f"{ENTERPRISE}:costCenter", source="costCenter"),
    MappingRow(f"{ENTERPRISE}:division", source="division"),
    MappingRow(f"{ENTERPRISE}:department", source="department"),
)


def _apple(name: str, title: str, quarantine_days: int) -> TargetProfile:
    return TargetProfile(
        name=name,
        title=title,
        hosts=("federation.apple.com",),
        attributes=_ATTRIBUTES,
        mappings=_MAPPINGS,
        closed=Switch(
            True, 'Apple: "Adding attributes not in this table breaks the connection"', Confidence.DOCUMENTED
        ),
        active_when_absent=Switch(True, "field report: active is left out when true", Confidence.REPORTED),
        user_name_is_email=Switch(
            True,
            "Apple: userPrincipalName must equal the e-mail address",
            Confidence.DOCUMENTED,
        ),
        verified_domains=Switch(True, "JumpCloud: userName must belong to a verified domain", Confidence.REPORTED),
        quarantine_days=Switch(
            quarantine_days, "Apple: do not reuse a user name after deletion for this time", Confidence.DOCUMENTED
        ),
        page_size=Switch(200, "field report: count=200 is answered; the maximum is not published", Confidence.REPORTED),
        patch_op_capitalised=Switch(
            True, "field report: Replace is accepted, as Entra sends it; lower case is untried", Confidence.REPORTED
        ),
        conflict_hint=(
            "Likely one of: a personal Apple Account with this address (its owner has 60 days to rename it), an "
            "administrator's account, an account made by hand or by SFTP (resolve the conflict there), or one deleted "
            f"in the last {quarantine_days} days. {title} names it in its activity log."
        ),
    )


APPLE_BUSINESS_MANAGER = _apple("apple-business-manager", "Apple Business Manager", 30)
APPLE_SCHOOL_MANAGER = _apple("apple-school-manager", "Apple School Manager", 120)
