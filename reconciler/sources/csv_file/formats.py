"""The CSV formats that other systems write, as data: which headers show the format, and what each column is. Pure.

Names are folded (`fold_header`). A column of a known format without an attribute is ignored; what no format knows is
reported as unknown. Sources: the templates and exports of each system (docs/csv-import.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.desired.source_attributes import ENTRA_ATTRIBUTES
from reconciler.sources.csv_file.options import LISTS

BLOCK_SIGN_IN = "block sign in"


@dataclass(frozen=True, slots=True)
class Format:
    """`signature`: headers that only this format has together. `ignored`: columns without an attribute."""

    title: str
    signature: frozenset[str]
    attributes: Mapping[str, str]
    ignored: frozenset[str] = frozenset()

    def knows(self, name: str) -> bool:
        """Whether a folded header belongs to the format."""
        return name in self.attributes or name in self.ignored


def _parse(table: str) -> dict[str, str]:
    rows = (line.partition(" = ") for line in table.strip().splitlines())
    return {header.strip(): attribute.strip() for header, _, attribute in rows}


def _names(*names: str) -> frozenset[str]:
    return frozenset(names)


OWN_NAMES: Mapping[str, str] = {
    **{name.casefold(): name for name in ENTRA_ATTRIBUTES if name not in LISTS},
    "employeeorgdata.costcenter": "costCenter",
    "employeeorgdata.division": "division",
}
"""Our attribute names, which are Entra's, by folded header."""
_GRAPH_NAMES = _parse("""
id = objectId
officelocation = physicalDeliveryOfficeName
mobilephone = mobile
""")
ENTRA_PROPERTIES: Mapping[str, str] = {**OWN_NAMES, **_GRAPH_NAMES}
"""What `[property]` in a header of Entra's templates can be."""
ENTRA_DOWNLOAD = Format(
    'Entra ID, "Download users"',
    _names("userprincipalname", "displayname", "id", "usertype"),
    ENTRA_PROPERTIES,
    _names(
        *("alternateemailaddress", "agegroup", "consentprovidedforminor", "legalagegroupclassification"),
        *("creationtype", "directorysynced", "invitationstate", "identityissuer", "createddatetime"),
    ),
)
GOOGLE = Format(
    "Google Workspace",
    _names("email address", "first name", "last name"),
    _parse("""
first name = givenName
last name = surname
email address = userPrincipalName
status = accountEnabled
employee id = employeeId
employee type = employeeType
employee title = jobTitle
department = department
cost center = costCenter
work phone = telephoneNumber
mobile phone = mobile
"""),
    _names(
        *(
            "org unit path",
            "new primary email",
            "last sign in",
            "recovery email",
            "home secondary email",
            "work address",
        ),
        *("work secondary email", "recovery phone", "home phone", "home address", "manager email", "building id"),
        *("floor name", "floor section", "email usage", "drive usage", "photos usage", "storage limit", "storage used"),
        *("2sv enrolled", "2sv enforced", "new status", "change password at next sign-in", "new licenses", "licenses"),
        *("advanced protection program enrollment",),
    ),
)
OKTA = Format(
    "Okta",
    _names("login"),
    _parse("""
login = userPrincipalName
firstname = givenName
lastname = surname
email = mail
title = jobTitle
displayname = displayName
mobilephone = mobile
primaryphone = telephoneNumber
streetaddress = streetAddress
city = city
state = state
zipcode = postalCode
countrycode = country
preferredlanguage = preferredLanguage
usertype = employeeType
employeenumber = employeeId
costcenter = costCenter
organization = companyName
division = division
department = department
"""),
    _names(
        *("middlename", "honorificprefix", "honorificsuffix", "nickname", "profileurl", "secondemail"),
        *("postaladdress", "locale", "timezone", "managerid", "manager"),
    ),
)
APPLE_SCHOOL = Format(
    "Apple School Manager",
    _names("person_id", "first_name", "last_name"),
    _parse("""
person_id = objectId
person_number = employeeId
first_name = givenName
last_name = surname
email_address = userPrincipalName
"""),
    _names("middle_name", "grade_level", "sis_username", "location_id"),
)
FORMATS = (ENTRA_DOWNLOAD, GOOGLE, OKTA, APPLE_SCHOOL)
MARKERS = _names("required", "upload only", "read only", "optional")
"""In brackets behind a header of Google Workspace; anything else in brackets is the property of Entra's templates."""
SECRETS = _names(
    *("password", "passwordprofile", "password hash function", "initial password", "temporary password", "passcode"),
    *("password_policy", "recovery_question", "recovery_answer", "passwort", "kennwort", "mot de passe", "contraseña"),
    *("pin", "secret", "wachtwoord"),
)
"""Columns that no --map can import and of which no cell is kept."""
STATES = _names(
    *("status", "state", "active", "inactive", "enabled", "disabled", "suspended", "blocked", "aktiv", "inaktiv"),
    *("gesperrt", "deaktiviert", "is active", "isactive", "account status", "user status", "block sign in"),
)
"""Columns that may say that someone has left: worth a warning if they are not imported."""
