"""The formats of other systems, as they write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.csv_files import people, read

from reconciler.desired.source_attributes import ENTRA_ATTRIBUTES
from reconciler.sources.csv_file import formats

BULK = """version:v1.0
Name [displayName] Required,User name [userPrincipalName] Required,Initial password [passwordProfile] Required,\
Block sign in (Yes/No) [accountEnabled] Required,First name [givenName],Last name [surname],Job title [jobTitle],\
Department [department],Usage location [usageLocation],Street address [streetAddress],State or province [state],\
Country or region [country],Office [physicalDeliveryOfficeName],City [city],ZIP or postal code [postalCode],\
Office phone [telephoneNumber],Mobile phone [mobile],Employee ID [employeeId]
Example: Chris Green,chris@contoso.com,myPassword1234,No,Chris,Green,IT Manager,Information Technology,US,,,,,,,,,
Ada Lovelace,ada@contoso.com,Winter2026!,Yes,Ada,Lovelace,Analyst,Research,GB,1 St James Sq,,UK,7/12,London,SW1Y,,,007
"""
OLD_DOWNLOAD = """userPrincipalName,displayName,surname,mail,givenName,objectId,userType,jobTitle,department,\
accountEnabled,usageLocation,streetAddress,state,country,physicalDeliveryOfficeName,city,postalCode,telephoneNumber,\
mobile
ada@contoso.com,Ada Lovelace,Lovelace,ada@contoso.com,Ada,6f1c9a52,Member,Analyst,Research,False,GB,,,,,,,,
"""
NEW_DOWNLOAD = """userPrincipalName,displayName,surname,mail,givenName,id,userType,jobTitle,department,accountEnabled,\
usageLocation,streetAddress,state,country,officeLocation,city,postalCode,telephoneNumber,mobilePhone,\
alternateEmailAddress,ageGroup,consentProvidedForMinor,legalAgeGroupClassification,companyName,creationType,\
directorySynced,invitationState,identityIssuer,createdDateTime
ada@contoso.com,Ada Lovelace,Lovelace,ada@contoso.com,Ada,6f1c9a52,Member,Analyst,Research,True,GB,,,,7/12,,,,+44 1,,,,\
,Contoso,,,,contoso.onmicrosoft.com,2026-01-01T00:00:00Z
"""
GOOGLE = """First Name [Required],Last Name [Required],Email Address [Required],Password [Required],\
Password Hash Function [UPLOAD ONLY],Org Unit Path [Required],New Primary Email [UPLOAD ONLY],Status [READ ONLY],\
Last Sign In [READ ONLY],Recovery Email,Employee ID,Employee Type,Employee Title,Manager Email,Department,Cost Center,\
Building ID,New Status [UPLOAD ONLY]
Ada,Lovelace,ada@contoso.com,****,,/Research,,Suspended,2026-01-01,,007,Staff,Analyst,,Research,0012,,
"""
OKTA = """login,firstName,lastName,middleName,honorificPrefix,honorificSuffix,email,title,displayName,nickName,\
profileUrl,secondEmail,mobilePhone,primaryPhone,streetAddress,city,state,zipCode,countryCode,postalAddress,\
preferredLanguage,locale,timezone,userType,employeeNumber,costCenter,organization,division,department,managerId,manager
ada@contoso.com,Ada,Lovelace,,,,ada.l@contoso.com,Analyst,Ada L,,,,+44 1,,,London,,SW1Y,GB,,en-GB,,,Staff,007,0012,\
Contoso,EMEA,Research,,
"""
STUDENTS = """person_id,person_number,first_name,middle_name,last_name,grade_level,email_address,sis_username,\
password_policy,location_id
S-0001,0007,Ada,K,Lovelace,12,ada@contoso.com,ada,4,L1
"""
STAFF = """person_id,person_number,first_name,middle_name,last_name,email_address,sis_username,location_id
T-0001,0007,Ada,K,Lovelace,ada@contoso.com,ada,L1
"""
OWN = """userPrincipalName,objectId,givenName,employeeOrgData.costCenter,division,extensionAttribute7,employeeHireDate
ada@contoso.com,6f1c9a52,Ada,0012,EMEA,x,2026-03-02
"""
NAME = {"userPrincipalName": "ada@contoso.com"}
ADA = {**NAME, "givenName": "Ada", "surname": "Lovelace"}
ENTRA = {**ADA, "displayName": "Ada Lovelace", "jobTitle": "Analyst", "department": "Research", "usageLocation": "GB"}
DOWNLOAD = {**ENTRA, "mail": "ada@contoso.com", "objectId": "6f1c9a52", "userType": "Member"}
READ = {
    BULK: {
        **ENTRA,
        "accountEnabled": False,
        "streetAddress": "1 St James Sq",
        "country": "UK",
        "physicalDeliveryOfficeName": "7/12",
        "city": "London",
        "postalCode": "SW1Y",
        "employeeId": "007",
    },
    OLD_DOWNLOAD: {**DOWNLOAD, "accountEnabled": False},
    NEW_DOWNLOAD: {
        **DOWNLOAD,
        "accountEnabled": True,
        "physicalDeliveryOfficeName": "7/12",
        "mobile": "+44 1",
        "companyName": "Contoso",
    },
    GOOGLE: {
        **ADA,
        "accountEnabled": False,
        "employeeId": "007",
        "employeeType": "Staff",
        "jobTitle": "Analyst",
        "department": "Research",
        "costCenter": "0012",
    },
    OKTA: {
        **ADA,
        "mail": "ada.l@contoso.com",
        "jobTitle": "Analyst",
        "displayName": "Ada L",
        "mobile": "+44 1",
        "city": "London",
        "postalCode": "SW1Y",
        "country": "GB",
        "preferredLanguage": "en-GB",
        "employeeType": "Staff",
        "employeeId": "007",
        "costCenter": "0012",
        "companyName": "Contoso",
        "division": "EMEA",
        "department": "Research",
    },
    STUDENTS: {**ADA, "objectId": "S-0001", "employeeId": "0007"},
    STAFF: {**ADA, "objectId": "T-0001", "employeeId": "0007"},
    OWN: {
        **NAME,
        "objectId": "6f1c9a52",
        "givenName": "Ada",
        "costCenter": "0012",
        "division": "EMEA",
        "extensionAttribute7": "x",
        "employeeHireDate": "2026-03-02",
    },
}
NAMES = ["bulk", "old download", "new download", "google", "okta", "students", "staff", "own"]


@pytest.mark.parametrize(("text", "attributes"), READ.items(), ids=NAMES)
def test_each_format_is_read_without_an_option(text: str, attributes: dict[str, object]) -> None:
    snapshot = read(text)
    assert people(text) == [attributes]
    assert snapshot.diagnostics == ()
    assert not any(note.startswith("Unknown columns") for note in snapshot.notes)


@pytest.mark.parametrize("text", READ, ids=NAMES)
def test_each_format_is_read_in_each_encoding_and_dialect(text: str) -> None:
    expected = people(text)
    for other in (
        text.replace("\n", "\r\n"),
        text.replace("\n", "\r"),
        text.replace(",", ";"),
        text.replace(",", "\t"),
    ):
        for encoding in ("utf-8", "utf-8-sig", "utf-16"):
            assert people(other.encode(encoding)) == expected


def test_the_examples_of_the_documentation_are_read_as_they_are() -> None:
    page = (Path(__file__).parents[4] / "docs" / "csv-import.md").read_text("utf-8")
    examples = [block.partition("```")[0] for block in page.split("```csv\n")[1:]]
    assert [read(text).notes[0].partition(" in the format ")[2] for text in examples] == [
        "Entra ID, bulk operations.",
        'Entra ID, "Download users".',
        "Google Workspace.",
        "Okta.",
        "Apple School Manager.",
        "of attribute names.",
    ]
    for text in examples:
        snapshot = read(text)
        assert [person.name for person in snapshot.people] == ["ada@example.com"]
        assert snapshot.diagnostics == ()


def test_the_suffixes_of_google_are_sometimes_cut() -> None:
    cut = GOOGLE.replace(" [Required]", "").replace(" [UPLOAD ONLY]", "").replace(" [READ ONLY]", "")
    assert people(cut) == [READ[GOOGLE]]


@pytest.mark.parametrize("text", [BULK, GOOGLE, STUDENTS], ids=["bulk", "google", "students"])
def test_passwords_are_nowhere(text: str) -> None:
    text = text.replace("****", "Winter2026!").replace(",4,L1", ",Winter2026!,L1")
    assert "Winter2026!" in text
    snapshot = read(text)
    assert "Winter2026!" not in repr(snapshot)
    assert any(note.startswith("Passwords are neither imported nor stored: ") for note in snapshot.notes)


def test_the_columns_of_a_format_are_imported_only_with_its_signature() -> None:
    text = "userPrincipalName,id,first_name,Email Address,email\nada@contoso.com,12,Ada,x,y\n"
    assert people(text) == [NAME]


def test_each_format_maps_to_attributes_of_entra() -> None:
    for each in formats.FORMATS:
        assert set(each.attributes.values()) <= set(ENTRA_ATTRIBUTES)
        assert each.signature <= {*each.attributes, *each.ignored}
        assert not each.ignored & set(each.attributes)
        assert not formats.SECRETS & {*each.attributes, *each.ignored}
