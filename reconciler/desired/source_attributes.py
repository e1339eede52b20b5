"""The source attributes that Microsoft Entra provides, for completion in editors. Any other attribute is allowed too.

Names are those of Entra's provisioning schema, which differ from Microsoft Graph's (`mobile` is `mobilePhone` there).
"""

from __future__ import annotations

from collections.abc import Mapping

_EXTENSIONS = {f"extensionAttribute{number}": f"On-premises extension attribute {number}" for number in range(1, 16)}
ENTRA_ATTRIBUTES: Mapping[str, str] = {
    "userPrincipalName": "Sign-in name: identifies the user in this directory, unique",
    "objectId": "Identifier that never changes: survives renames, unique (`id` in Microsoft Graph)",
    "accountEnabled": "false: the user is out of scope, and the account is deactivated",
    "displayName": "Full name as shown in address books",
    "givenName": "First name",
    "surname": "Family name",
    "mail": "Primary e-mail address",
    "mailNickname": "Mail alias: the part of the address before the @",
    "otherMails": "More e-mail addresses (a list)",
    "proxyAddresses": "Addresses of the mailbox, such as SMTP:ada@example.com (a list)",
    "jobTitle": "Job title",
    "department": "Department",
    "companyName": "Company",
    "division": "Division (employeeOrgData.division in Microsoft Graph)",
    "costCenter": "Cost center (employeeOrgData.costCenter in Microsoft Graph)",
    "manager": "The manager of the user",
    "employeeId": "Number of the employee: text, so leading zeros are kept",
    "employeeType": "Type of the employment, such as Employee or Contractor",
    "employeeHireDate": "First day of work",
    "employeeLeaveDateTime": "Last day of work",
    "userType": "Member or Guest",
    "preferredLanguage": "Language, such as en-US",
    "usageLocation": "Country of use of licences, two letters such as DE",
    "telephoneNumber": "Business telephone number (businessPhones in Microsoft Graph)",
    "mobile": "Mobile telephone number (mobilePhone in Microsoft Graph)",
    "facsimileTelephoneNumber": "Fax number (faxNumber in Microsoft Graph)",
    "physicalDeliveryOfficeName": "Office (officeLocation in Microsoft Graph)",
    "streetAddress": "Street and house number",
    "postalCode": "Postal code: text, so leading zeros are kept",
    "city": "City",
    "state": "State or province",
    "country": "Country or region",
    "dirSyncEnabled": "Whether Active Directory is the source (onPremisesSyncEnabled in Microsoft Graph)",
    "onPremisesSecurityIdentifier": "Security identifier (SID) of the user in Active Directory",
    "originalUserPrincipalName": "userPrincipalName of a guest with its #EXT# part",
    **_EXTENSIONS,
}
"""The description of each attribute, by name. Source: Entra's provisioning schema and its default mappings."""
COMPUTED_ATTRIBUTES: Mapping[str, str] = {
    "IsSoftDeleted": "Computed: true if the user is disabled, expired, out of scope or removed",
}
"""Attributes that mappings and filters can read and no file sets."""
