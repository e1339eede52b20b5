"""Apple Business Manager and Apple School Manager: what is publicly known about their SCIM service, row by row."""

from __future__ import annotations

from reconciler.core.paths import ENTERPRISE
from reconciler.core.profile import Attribute, Comparison, Confidence, MappingRow, Switch, TargetProfile, TokenRules
from reconciler.profiles.unmappable import UNMAPPABLE

_APPLE_TABLE = "Apple, Sync users from Microsoft Entra ID: table of attributes"
_MICROSOFT = "Microsoft, Tutorial: Configure Apple Business Manager for automatic user provisioning"
_ROSTER = "lengths as in Apple's roster API; none are published for SCIM"
_AUTHENTIK = "authentik documentation for Apple: both names are required"

# An edit that only changes the case of a name or a department is deliberate, so these are compared exactly. userName is
# not, because Apple may return it in lower case; externalId is not, because a GUID in another case is the same user.
_ATTRIBUTES = (
    Attribute("userName", _APPLE_TABLE, Confidence.DOCUMENTED, Comparison.CASE_PRESERVING, required=True),
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
    *UNMAPPABLE,
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


def _build_token_rules(title: str) -> TokenRules:
    return TokenRules(
        years=Switch(1, "Apple, Manage directory sync tokens: a token expires after one year", Confidence.DOCUMENTED),
        first_use_days=Switch(
            4, "Apple: transfer the token to Microsoft Entra ID within 4 calendar days", Confidence.DOCUMENTED
        ),
        client_secret_days=Switch(
            366, "field report: the client secret lasts 6, 9 or 12 months, as chosen", Confidence.REPORTED
        ),
        renewal=f"Make a second token in {title}, which allows two at a time and shows the new one as active once it"
        " was used.",
        secret_renewal=f"Make a new client secret in {title}, in the settings of directory sync.",
    )


def _list_conflict_causes(quarantine_days: int) -> tuple[str, ...]:
    # Apple: Resolve user account conflicts; Transfer of personal Apple Accounts; activity log; deleted accounts.
    return (
        (
            "a personal Apple Account with this address (activity log: USERNAME_CONFLICT_WITH_EXISTING_APPLE_ID): "
            "Apple asks its owner to choose another address and renames the account after 60 days. Only contacting "
            "the owner speeds it up; run again then."
        ),
        (
            "an account created manually, by single sign-on or by SFTP (EMAIL_UNAVAILABLE_AS_MAID): open the "
            "account, choose Resolve, download the conflicts and merge them; or give that account another name."
        ),
        (
            "an administrator's or People Manager's account (NOT_ENOUGH_PRIVILEGE): these cannot be synced. Give "
            "the user a second account, or another role first; until then leave them out of scope."
        ),
        (
            f"an account deleted in the last {quarantine_days} days (OPERATION_NOT_ALLOWED): its name is free "
            "again after that time. Wait, or use another user name."
        ),
        (
            "an account left over from a connection that was removed and created again: resolve the conflict as "
            "above, with Auto Merge off, otherwise accounts of different users may be merged."
        ),
    )


def _list_disconnect_steps(title: str) -> tuple[str, ...]:
    # Apple: Intro to directory syncing; SCIM conflicts; disconnecting keeps the accounts as manual ones.
    return (
        f"Do not apply a plan yet: {title} keeps the accounts of a disconnected directory as manual ones.",
        f"In {title}, see whether directory sync is connected, and whether the token is of this organisation.",
        (
            "If it was disconnected, connect again and choose to merge: each account then stays with its "
            "user. Without merging, every create is a conflict that has to be resolved there."
        ),
        (
            "Compare the users with a snapshot from before (accounts.jsonl of `reconciler export`). Then have the "
            "plan reviewed and approved: with merging, a create takes over the account of the same name."
        ),
    )


def _build_refusal_hints(title: str, edition: str) -> dict[int, str]:
    return {
        401: f"{title}'s tokens last a year, and a new one must be used within 4 days: otherwise "
        "create another one there. A disconnected directory has no token that works.",
        403: f"{title} may take a minute to activate a new connection: wait and run again. Turn directory "
        "sync on, for one source only.",
        404: f"{title}'s is https://federation.apple.com/feeds/{edition}/scim.",
    }


def _build_profile(name: str, title: str, edition: str, quarantine_days: int) -> TargetProfile:
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
        unique_user_names=Switch(
            True,
            "Apple: the Managed Apple Account is unique; field report: a name that is taken is refused with 409",
            Confidence.REPORTED,
        ),
        quarantine_days=Switch(
            quarantine_days, "Apple: do not reuse a user name after deletion for this time", Confidence.DOCUMENTED
        ),
        page_size=Switch(200, "field report: count=200 is answered; the maximum is not published", Confidence.REPORTED),
        patch_op_capitalised=Switch(
            True, "field report: Replace is accepted, as Entra sends it; lower case is untried", Confidence.REPORTED
        ),
        conflict_hint=f"An account that {title} does not show over SCIM holds the name",
        conflict_causes=_list_conflict_causes(quarantine_days),
        domain_hint=f"Add and verify the domain in {title} and turn on federated authentication for it.",
        disconnect_steps=_list_disconnect_steps(title),
        refusal_hints=_build_refusal_hints(title, edition),
        token_rules=_build_token_rules(title),
    )


APPLE_BUSINESS_MANAGER = _build_profile("apple-business-manager", "Apple Business Manager", "business", 30)
APPLE_SCHOOL_MANAGER = _build_profile("apple-school-manager", "Apple School Manager", "school", 120)
