"""What each function does, in a sentence or two, with examples. Their results are computed, not written here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

Attributes: TypeAlias = Mapping[str, object]
_ADA: Attributes = {"givenName": "Ada", "surname": "Lovelace"}
_MAIL: Attributes = {"mail": "Ada.Lovelace@example.com"}
_HIRED: Attributes = {"employeeHireDate": "2026-03-16"}
_TEACHER: Attributes = {"appRoleAssignments": ["Teacher"]}
_TWO_ROLES: Attributes = {"appRoleAssignments": ["Teacher", "Admin"]}


class FunctionText(NamedTuple):
    """A description in Markdown, and examples: expressions with the attributes of a user."""

    text: str
    examples: tuple[tuple[str, Attributes], ...]


TEXTS: Mapping[str, FunctionText] = {
    "Not": FunctionText(
        "`False` for `True`, and `True` for everything else. Case does not matter.",
        (("Not([IsSoftDeleted])", {"IsSoftDeleted": "False"}),),
    ),
    "IsNull": FunctionText(
        "Whether there is no value. An empty text is a value.",
        (("IsNull([department])", {}), ("IsNull([department])", {"department": ""})),
    ),
    "IsNothing": FunctionText("The same as `IsNull`.", (("IsNothing([department])", {}),)),
    "IsNullOrEmpty": FunctionText(
        "Whether there is no value, or an empty text.", (("IsNullOrEmpty([department])", {"department": ""}),)
    ),
    "IsPresent": FunctionText(
        "Whether there is a value that is not empty.", (("IsPresent([department])", {"department": "IT"}),)
    ),
    "IsString": FunctionText(
        "Whether the value is a text. Several values are none.", (("IsString([department])", {"department": "IT"}),)
    ),
    "CBool": FunctionText(
        "Whether a value or comparison is true: the text `True`, or a number other than zero.",
        (("CBool([userType] = [employeeType])", {"userType": "Member", "employeeType": "Member"}), ('CBool("0")', {})),
    ),
    "Error": FunctionText(
        "Fails with a message: the user is reported and left untouched.",
        (('IIF(IsPresent([mail]), [mail], Error("no mail"))', {}),),
    ),
    "IIF": FunctionText(
        "The second argument if the condition is true, else the third. Only the one that is needed is evaluated.",
        (('IIF([country] = "DE", "Berlin", "London")', {"country": "DE"}),),
    ),
    "Switch": FunctionText(
        "The value of the first key that is equal to the source, with its case; else the default. Without a default"
        " there is no value.",
        (('Switch([city], "Elsewhere", "Berlin", "BER", "Paris", "PAR")', {"city": "Paris"}),),
    ),
    "Coalesce": FunctionText(
        "The first source that has a value and is not empty; the last source counts even if it is empty.",
        (("Coalesce([department], [companyName])", {"companyName": "Example"}),),
    ),
    "IgnoreFlowIfNullOrEmpty": FunctionText(
        "The value; without one, or with an empty one, the attribute is not sent at all.",
        (
            ("IgnoreFlowIfNullOrEmpty([mobile])", {"mobile": "+49 30 1234"}),
            ("IgnoreFlowIfNullOrEmpty([mobile])", {"mobile": ""}),
        ),
    ),
    "SelectUniqueValue": FunctionText(
        "The first candidate that no account has. It is evaluated when the account is created, and never again; it"
        " cannot be inside of another function.",
        (
            (
                'SelectUniqueValue(Join(".", [givenName], [surname]), Join("", Left([givenName], 1), [surname]))',
                _ADA,
            ),
        ),
    ),
    "Append": FunctionText(
        "The source followed by the suffix.", (('Append([employeeId], "-x")', {"employeeId": "12"}),)
    ),
    "Join": FunctionText(
        "All values of all sources, with the separator between them. Those without a value are left out.",
        (('Join(" ", [givenName], [middleName], [surname])', _ADA),),
    ),
    "Prepend": FunctionText("The source after the prefix.", (('Prepend("x-", [employeeId])', {"employeeId": "12"}),)),
    "Len": FunctionText(
        "The number of characters, as .NET counts: an emoji has two. Without a value 0.", (("Len([surname])", _ADA),)
    ),
    "Left": FunctionText("The first characters of a text.", (("Left([givenName], 1)", _ADA),)),
    "Mid": FunctionText(
        "Characters from a position on; the first is 1. Without a length all that follow.",
        (("Mid([surname], 1, 4)", _ADA), ("Mid([surname], 5)", _ADA)),
    ),
    "InStr": FunctionText(
        "The position of the second text in the first, from `start` on; 0 if it is not there. Case counts unless"
        " `compareType` says otherwise.",
        (('InStr([mail], "@")', _MAIL),),
    ),
    "Word": FunctionText(
        "A word by its number, from 1. Every character of `Delimiters` ends a word.", (('Word([mail], 2, "@")', _MAIL),)
    ),
    "Split": FunctionText(
        "The parts of a text between delimiters, without spaces around them: a list of values.",
        (('Split([department], ",")', {"department": "IT, Support"}),),
    ),
    "StripSpaces": FunctionText(
        "The text without any space.", (("StripSpaces([telephoneNumber])", {"telephoneNumber": "+49 30 1234"}),)
    ),
    "Trim": FunctionText("The text without white space at its ends.", (("Trim([city])", {"city": " Berlin "}),)),
    "ToLower": FunctionText(
        "Lower case. The culture, such as `tr-TR`, matters for Turkish and Azeri.", (("ToLower([mail])", _MAIL),)
    ),
    "ToUpper": FunctionText(
        "Upper case. The culture, such as `tr-TR`, matters for Turkish and Azeri.",
        (("ToUpper([surname])", _ADA), ('ToUpper([city], "tr-TR")', {"city": "izmir"})),
    ),
    "PCase": FunctionText(
        "Each word with a capital, the rest in lower case.",
        (("PCase([displayName])", {"displayName": "ADA LOVELACE"}),),
    ),
    "NormalizeDiacritics": FunctionText(
        "Letters without their accents, for addresses.", (("NormalizeDiacritics([surname])", {"surname": "Müller"}),)
    ),
    "Redact": FunctionText(
        "The value itself: only logs and explanations show `[Redact]` in its place.",
        (("Redact([employeeId])", {"employeeId": "12"}),),
    ),
    "Replace": FunctionText(
        "A text with a part replaced. With `oldValue` and `replacementValue` each occurrence; with `regexPattern` each"
        " match; with `regexGroupName` that group alone. With `oldValue` and `template` the template, with the source"
        " in place of `oldValue`. [Mappings and filters of Microsoft Entra](../entra-schema.md) has the details.",
        (
            ('Replace([mail], "@example.com", , , "@example.org", , )', _MAIL),
            (r'Replace([mail], , "(?<Suffix>@(.)*)", "Suffix", "", , )', _MAIL),
            ('Replace([mobile], "{0}", , , , , "tel:{0}")', {"mobile": "+49301234"}),
        ),
    ),
    "BitAnd": FunctionText("The bits that are set in both numbers.", (("BitAnd(&HF, &HF7)", {}),)),
    "CStr": FunctionText("The value as text.", (("CStr([employeeId])", {"employeeId": "0012"}),)),
    "Count": FunctionText(
        "The number of values.", (("Count([otherMails])", {"otherMails": ["a@example.com", "b@example.com"]}),)
    ),
    "Item": FunctionText(
        "A value by its number, from 1. Beyond the last one it fails.",
        (("Item([otherMails], 1)", {"otherMails": ["a@example.com", "b@example.com"]}),),
    ),
    "RemoveDuplicates": FunctionText(
        "Each value once; the first of equal ones stays.",
        (("RemoveDuplicates([otherMails])", {"otherMails": ["a@example.com", "a@example.com"]}),),
    ),
    "ConvertToBase64": FunctionText("Base64 of the text in UTF-16LE.", (('ConvertToBase64("Ada")', {}),)),
    "ConvertFromBase64": FunctionText(
        "The text that Base64 stands for, by default in UTF-16LE.",
        (('ConvertFromBase64("QQBkAGEA")', {}), ('ConvertFromBase64("QWRh", "UTF8")', {})),
    ),
    "ConvertToUTF8Hex": FunctionText(
        "The bytes of the text in UTF-8, as hexadecimal digits.", (('ConvertToUTF8Hex("Zoë")', {}),)
    ),
    "DNComponent": FunctionText(
        "The value of a component of a distinguished name by its number, from 1.",
        (("DNComponent([dn], 2)", {"dn": "CN=Ada,OU=Sales,DC=example"}),),
    ),
    "StringFromSid": FunctionText(
        "The text form of a security identifier, which files hold in Base64.",
        (("StringFromSid([sid])", {"sid": "AQEAAAAAAAUSAAAA"}),),
    ),
    "SingleAppRoleAssignment": FunctionText(
        "The name of the user's application role. Several roles are an error: nothing says which one counts.",
        (
            ("SingleAppRoleAssignment([appRoleAssignments])", _TEACHER),
            ("SingleAppRoleAssignment([appRoleAssignments])", _TWO_ROLES),
        ),
    ),
    "AppRoleAssignments": FunctionText(
        "The names of the user's application roles.", (("AppRoleAssignments([appRoleAssignments])", _TWO_ROLES),)
    ),
    "AppRoleAssignmentsComplex": FunctionText(
        "The user's application roles as elements of SCIM's `roles`; none is primary.",
        (("AppRoleAssignmentsComplex([appRoleAssignments])", _TEACHER),),
    ),
    "AssertiveAppRoleAssignmentsComplex": FunctionText(
        "The same values as `AppRoleAssignmentsComplex`.",
        (("AssertiveAppRoleAssignmentsComplex([appRoleAssignments])", _TEACHER),),
    ),
    "Guid": FunctionText(
        "A new random GUID when the account is created; later the attribute is left as it is.", (("Guid()", {}),)
    ),
    "RandomString": FunctionText(
        "Random characters when the account is created, at least so many of each kind and none of"
        " `CharactersToAvoid`; later the attribute is left as it is. At most 256.",
        (('RandomString(12, 2, 1, 2, 2, "0Oo1lI")', {}),),
    ),
    "CDate": FunctionText("A date and time in UTC.", (("CDate([employeeHireDate])", _HIRED),)),
    "Now": FunctionText(
        "The current time in UTC. Here and below it is 1 January 2026; `--now` sets it.", (("Now()", {}),)
    ),
    "DateAdd": FunctionText(
        "A date some intervals later, or earlier if the number is negative. Intervals are those of Visual Basic:"
        " `yyyy`, `q`, `m`, `d`, `ww`, `h`, `n`, `s`.",
        (('DateAdd("d", -7, CDate([employeeHireDate]))', _HIRED),),
    ),
    "DateDiff": FunctionText(
        "The number of intervals from the first date to the second.",
        (('DateDiff("d", Now(), CDate([employeeHireDate]))', _HIRED),),
    ),
    "DateFromNum": FunctionText(
        "The date of a number as Active Directory has it: steps of 100 nanoseconds since 1601.",
        (('DateFromNum("129699324000000000")', {}),),
    ),
    "NumFromDate": FunctionText(
        "Active Directory's number of a date.", (("NumFromDate(CDate([employeeHireDate]))", _HIRED),)
    ),
    "FormatDateTime": FunctionText(
        "A date in another format; the letters are .NET's. It fails if the source does not have the input format.",
        (('FormatDateTime([employeeHireDate], , "yyyy-MM-dd", "dd.MM.yyyy")', _HIRED),),
    ),
}
