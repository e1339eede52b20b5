"""The properties of Graph's types: which there are, which come without `$select`, what an unset one looks like."""

from __future__ import annotations

from typing import Any

_USER = """
accountEnabled ageGroup businessPhones city companyName consentProvidedForMinor country createdDateTime creationType
deletedDateTime department displayName employeeHireDate employeeId employeeLeaveDateTime employeeOrgData employeeType
externalUserState externalUserStateChangeDateTime faxNumber givenName id imAddresses jobTitle
lastPasswordChangeDateTime legalAgeGroupClassification mail mailNickname mobilePhone officeLocation
onPremisesDistinguishedName onPremisesDomainName onPremisesExtensionAttributes onPremisesImmutableId
onPremisesLastSyncDateTime onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled
onPremisesUserPrincipalName otherMails passwordPolicies postalCode preferredDataLocation preferredLanguage
proxyAddresses securityIdentifier showInAddressList state streetAddress surname usageLocation userPrincipalName userType
"""
_GROUP = """
classification createdDateTime deletedDateTime description displayName expirationDateTime groupTypes id
isAssignableToRole mail mailEnabled mailNickname membershipRule membershipRuleProcessingState onPremisesDomainName
onPremisesLastSyncDateTime onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled
preferredDataLocation preferredLanguage proxyAddresses renewedDateTime securityEnabled securityIdentifier theme
visibility
"""
_PRINCIPAL = """
accountEnabled alternativeNames appDescription appDisplayName appId applicationTemplateId appOwnerOrganizationId
appRoleAssignmentRequired appRoles deletedDateTime description displayName homepage id loginUrl logoutUrl notes
notificationEmailAddresses preferredSingleSignOnMode replyUrls servicePrincipalNames servicePrincipalType signInAudience
tags
"""
PROPERTIES = {
    "user": frozenset(_USER.split()),
    "group": frozenset(_GROUP.split()),
    "servicePrincipal": frozenset(_PRINCIPAL.split()),
    "device": frozenset("deletedDateTime displayName id".split()),
    "orgContact": frozenset("deletedDateTime displayName id".split()),
}
ALONE = frozenset(
    "aboutMe birthday hireDate interests mySite pastProjects preferredName responsibilities schools skills"
    " mailboxSettings".split()
)
"""Properties of users that only a read of one user can select."""
_USER_DEFAULT = (
    "businessPhones displayName givenName id jobTitle mail mobilePhone officeLocation preferredLanguage surname"
    " userPrincipalName"
)
DEFAULT = {
    "user": tuple(_USER_DEFAULT.split()),
    "group": tuple(sorted(PROPERTIES["group"])),
    "servicePrincipal": tuple(sorted(PROPERTIES["servicePrincipal"])),
    "device": ("id", "displayName"),
    "orgContact": ("id", "displayName"),
}
"""Without `$select`."""
_COLLECTIONS = frozenset(
    "alternativeNames appRoles businessPhones groupTypes imAddresses notificationEmailAddresses otherMails"
    " proxyAddresses replyUrls servicePrincipalNames tags".split()
)
EXTENSION_ATTRIBUTES = tuple(f"extensionAttribute{number}" for number in range(1, 16))


def unset(kind: str, name: str) -> Any:
    """What a property that was never set looks like in a list."""
    if name in _COLLECTIONS:
        return []
    if kind == "user" and name == "onPremisesExtensionAttributes":
        return dict.fromkeys(EXTENSION_ATTRIBUTES)
    return None


def is_extension(name: str) -> bool:
    """Whether the name is that of a directory extension."""
    return name.startswith("extension_")
