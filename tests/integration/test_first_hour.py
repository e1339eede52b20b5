"""What people get wrong in their first hour: the message, its place, and that it is one, from validate and from plan.

Each case is a change of a directory that is valid: the file, a text in it and what it is replaced with; without a text
to replace, the whole file.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.command import run

NOW = ("--now", "2026-12-01")
SETTINGS = """\
target:
  profile: apple-business-manager
  base_url: https://federation.apple.com/feeds/business/scim/
  domains: [example.com]
ownership: externalId pr
lifecycle:
  actions: [create, update, deactivate]
  out_of_scope: deactivate
guards:
  removals: {count: 10, percent: 10}
"""
SCOPE = """\
sync: assigned
assigned:
  groups: [apple-users]
filters:
  - name: with a department
    clauses:
      - {attribute: department, operator: IS NOT NULL}
"""
MAPPINGS = """\
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: active, expression: 'Not([IsSoftDeleted])', default: "True"}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
- target: "enterprise:department"
  template: "{{ department | trim }}"
"""
GROUPS = """\
- name: apple-users
  members:
    users:
      - ada@example.com
      - grace@example.com
      - alan@example.com
"""
PEOPLE = """\
- objectId: id-ada
  userPrincipalName: ada@example.com
  givenName: Ada
  surname: Lovelace
  department: Research
  accountEnabled: true
  lifecycle: {starts: 2026-01-01}

- objectId: id-grace
  userPrincipalName: grace@example.com
  givenName: Grace
  surname: Hopper
  department: Navy
  jobTitle: Admiral

- objectId: id-alan
  userPrincipalName: alan@example.com
  givenName: Alan
  surname: Turing
  department: Research
"""
FILES = {
    "settings.yaml": SETTINGS,
    "scope.yaml": SCOPE,
    "mappings.yaml": MAPPINGS,
    "groups/apple.yaml": GROUPS,
    "users/people.yaml": PEOPLE,
}
Edit = tuple[str, str | None, str | bytes]
CASES: dict[str, tuple[list[Edit], list[str]]] = {
    "key enabled": (
        [("users/people.yaml", "  jobTitle: Admiral\n", "  enabled: x\n")],
        ['error users/people.yaml:14:3: key "enabled" looks like accountEnabled'],
    ),
    "key disabled": (
        [("users/people.yaml", "  jobTitle: Admiral\n", "  disabled: x\n")],
        ['error users/people.yaml:14:3: key "disabled" looks like accountEnabled'],
    ),
    "key expires": (
        [("users/people.yaml", "  jobTitle: Admiral\n", "  expires: x\n")],
        ['error users/people.yaml:14:3: key "expires" looks like lifecycle.expires'],
    ),
    "key protected": (
        [("users/people.yaml", "  jobTitle: Admiral\n", "  protected: x\n")],
        ['error users/people.yaml:14:3: key "protected" looks like lifecycle.protected'],
    ),
    "key lastName": (
        [("users/people.yaml", "  jobTitle: Admiral\n", "  lastName: x\n")],
        ['error users/people.yaml:14:3: key "lastName" looks like surname'],
    ),
    "key email": (
        [("users/people.yaml", "  jobTitle: Admiral\n", "  email: x\n")],
        ['error users/people.yaml:14:3: key "email" looks like mail'],
    ),
    "key upn": (
        [("users/people.yaml", "  jobTitle: Admiral\n", "  upn: x\n")],
        ['error users/people.yaml:14:3: key "upn" looks like userPrincipalName'],
    ),
    "key id": (
        [("users/people.yaml", "  jobTitle: Admiral\n", "  id: x\n")],
        ['error users/people.yaml:14:3: key "id" looks like objectId'],
    ),
    "key departement": (
        [("users/people.yaml", "  jobTitle: Admiral\n", "  departement: x\n")],
        ['error users/people.yaml:14:3: key "departement" looks like department'],
    ),
    "key jobtitle": (
        [("users/people.yaml", "  jobTitle: Admiral\n", "  jobtitle: x\n")],
        ['warning users/people.yaml:14:3: key "jobtitle" looks like jobTitle'],
    ),
    "key groups": (
        [("users/people.yaml", "  jobTitle: Admiral\n", "  groups: x\n")],
        ['warning users/people.yaml:14:3: key "groups" looks like the members of a group'],
    ),
    "only email": (
        [("users/people.yaml", "  userPrincipalName: grace@example.com\n", "  email: grace@example.com\n")],
        ['error users/people.yaml:10:3: key "email" looks like userPrincipalName'],
    ),
    "surname->lastName all": (
        [
            (
                "users/people.yaml",
                None,
                PEOPLE.replace("surname", "lastName"),
            )
        ],
        ['error users/people.yaml:4:3: key "lastName" looks like surname (3 times in this file)'],
    ),
    "bad source": (
        [("mappings.yaml", "source: surname", "source: surName")],
        [
            "error mappings.yaml:5:12: 3 users: name.familyName is required by Apple Business Manager and has no value",
            'warning mappings.yaml:5:12: no user has an attribute "surName"',
        ],
    ),
    "bad userName source": (
        [("mappings.yaml", "source: userPrincipalName", "source: surname")],
        ['error mappings.yaml:2:12: 3 users: userName "Lovelace" is not an e-mail address'],
    ),
    "bad domain": (
        [("settings.yaml", "[example.com]", "[exmaple.com]")],
        ['error users/people.yaml:2:22: 3 users: userName "ada@example.com" is outside the verified domains'],
    ),
    "bad target": (
        [("mappings.yaml", "name.familyName", "name.lastName")],
        ['error mappings.yaml:5:12: Apple Business Manager has no attribute "name.lastName"'],
    ),
    "filter typo": (
        [("scope.yaml", "attribute: department", "attribute: departement")],
        ['warning scope.yaml:7:21: no user has an attribute "departement"'],
    ),
    "conflict users": (
        [
            (
                "users/people.yaml",
                "  department: Navy\n",
                "<<<<<<< HEAD\n  department: Navy\n=======\n  department: Army\n>>>>>>> feature\n",
            )
        ],
        ["error users/people.yaml:13:1: an unresolved merge conflict"],
    ),
    "conflict indented": (
        [
            (
                "users/people.yaml",
                "  department: Navy\n",
                "  <<<<<<< HEAD\n  department: Navy\n  =======\n  department: Army\n  >>>>>>> feature\n",
            )
        ],
        ["error users/people.yaml:13:3: not YAML: an unresolved merge conflict"],
    ),
    "tab indent": (
        [("users/people.yaml", "  department: Navy\n", "\tdepartment: Navy\n")],
        ["error users/people.yaml:13:1: not YAML: a tab instead of spaces"],
    ),
    "tab after dash": (
        [("users/people.yaml", "- objectId: id-grace", "-\tobjectId: id-grace")],
        ["error users/people.yaml:9:2: not YAML: a tab instead of spaces"],
    ),
    "no blank": (
        [("users/people.yaml", "department: Navy", "department:Navy")],
        ["error users/people.yaml:13:14: not YAML: no space after the colon"],
    ),
    "no blank first": (
        [("users/people.yaml", "- objectId: id-grace", "- objectId:id-grace")],
        ["error users/people.yaml:9:12: not YAML: no space after the colon"],
    ),
    "no blank flow": (
        [("mappings.yaml", "source: surname", "source:surname")],
        ["error mappings.yaml:5:36: not YAML: no space after the colon"],
    ),
    "no colon": (
        [("users/people.yaml", "department: Navy", "department Navy")],
        ["error users/people.yaml:13:13: not YAML: no colon after the key"],
    ),
    "no dash": (
        [("users/people.yaml", "- objectId: id-grace", "  objectId: id-grace")],
        ['error users/people.yaml:9:3: a dash is missing: key "objectId" is given twice in one entry'],
    ),
    "no dash before userPrincipalName": (
        [("users/people.yaml", "- objectId: id-grace\n", "")],
        ['error users/people.yaml:9:3: a dash is missing: key "userPrincipalName" is given twice in one entry'],
    ),
    "dash line commented out": (
        [("users/people.yaml", "- objectId: id-grace", "# - objectId: id-grace")],
        ['error users/people.yaml:10:3: a dash is missing: key "userPrincipalName" is given twice in one entry'],
    ),
    "dash line and name commented out": (
        [
            (
                "users/people.yaml",
                "- objectId: id-grace\n  userPrincipalName: grace@example.com\n",
                "# - objectId: id-grace\n# userPrincipalName: grace@example.com\n",
            )
        ],
        ['error users/people.yaml:11:3: a dash is missing: key "givenName" is given twice in one entry'],
    ),
    "no dash before a group": (
        [("groups/apple.yaml", "      - alan@example.com\n", "      - alan@example.com\n  name: staff\n")],
        ['error groups/apple.yaml:7:3: a dash is missing: key "name" is given twice in one entry'],
    ),
    "one key twice": (
        [("users/people.yaml", "  department: Navy\n", "  department: Navy\n  department: Army\n")],
        ['error users/people.yaml:14:3: key "department" is given twice'],
    ),
    "no dash first": (
        [("users/people.yaml", "- objectId: id-ada", "  objectId: id-ada")],
        ["error users/people.yaml:1:3: the file must be a list"],
    ),
    "no blank after dash": (
        [("users/people.yaml", "- objectId: id-grace", "-objectId: id-grace")],
        ["error users/people.yaml:9:2: not YAML: no space after the dash"],
    ),
    "no dash group": (
        [("groups/apple.yaml", "      - grace@example.com", "        grace@example.com")],
        ['error groups/apple.yaml:4:9: there is no user "ada@example.com grace@example.com"'],
    ),
    "list item indented less": (
        [("groups/apple.yaml", "      - grace@example.com", "    - grace@example.com")],
        ["error groups/apple.yaml:5:5: not YAML: indented by 4 spaces instead of 6"],
    ),
    "list item indented more": (
        [("groups/apple.yaml", "      - grace@example.com", "        - grace@example.com")],
        ["error groups/apple.yaml:5:9: a list item is indented more than the one before"],
    ),
    "no dash group in the same column": (
        [("groups/apple.yaml", "      - grace@example.com", "      grace@example.com")],
        ["error groups/apple.yaml:5:7: not YAML: no dash before the list item"],
    ),
    "en dash": (
        [("groups/apple.yaml", "      - grace@example.com", "      \u2013 grace@example.com")],
        ["error groups/apple.yaml:5:7: not YAML: a dash of another kind (U+2013)"],
    ),
    "bullet": (
        [("groups/apple.yaml", "      - grace@example.com", "      \u2022 grace@example.com")],
        ["error groups/apple.yaml:5:7: not YAML: a dash of another kind (U+2022)"],
    ),
    "unclosed dquote": (
        [("users/people.yaml", "department: Navy", 'department: "Navy')],
        ["error users/people.yaml:13:15: not YAML: a quote that is not closed"],
    ),
    "unclosed squote mapping": (
        [("mappings.yaml", "'Not([IsSoftDeleted])'", "'Not([IsSoftDeleted])")],
        ["error mappings.yaml:3:32: not YAML: a quote that is not closed"],
    ),
    "unclosed squote name": (
        [("users/people.yaml", "surname: Hopper", "surname: 'O'Hara'")],
        ["error users/people.yaml:12:15: not YAML: text after the closing quote"],
    ),
    "unclosed brace": (
        [("mappings.yaml", "source: surname}", "source: surname")],
        ["error mappings.yaml:5:3: not YAML: a { that is not closed"],
    ),
    "unclosed bracket": (
        [("settings.yaml", "[example.com]", "[example.com")],
        ["error settings.yaml:4:12: not YAML: a [ that is not closed"],
    ),
    "extra brace": (
        [("mappings.yaml", "source: surname}", "source: surname}}")],
        ["error mappings.yaml:5:45: not YAML: a } too many"],
    ),
    "unquoted jinja": (
        [("mappings.yaml", '"{{ department | trim }}"', "{{ department | trim }}")],
        ["error mappings.yaml:7:13: {{ without quotes"],
    ),
    "unquoted jinja flow": (
        [("mappings.yaml", "source: surname", "template: {{ surname }}")],
        ["error mappings.yaml:5:39: {{ without quotes"],
    ),
    "unquoted expr": (
        [("mappings.yaml", "'Not([IsSoftDeleted])'", "Not([IsSoftDeleted])")],
        ["error mappings.yaml:3:36: not YAML: text that is not expected between { and }"],
    ),
    "unquoted expr comma": (
        [("mappings.yaml", "source: surname", 'expression: Join(" ", [givenName], [surname])')],
        ["error mappings.yaml:5:51: a list where a key is expected"],
    ),
    "at": (
        [("users/people.yaml", "department: Navy", "department: @navy")],
        ["error users/people.yaml:13:15: not YAML: a value begins with @"],
    ),
    "amp": (
        [("users/people.yaml", "department: Navy", "department: &Navy")],
        ['error users/people.yaml:13:15: anchor "&Navy" is not allowed'],
    ),
    "amp R&D": (
        [("users/people.yaml", "department: Navy", "department: & Navy")],
        ["error users/people.yaml:13:15: not YAML: a value begins with &"],
    ),
    "star": (
        [("users/people.yaml", "department: Navy", "department: *Navy")],
        ['error users/people.yaml:13:15: alias "*Navy" is not allowed'],
    ),
    "percent": (
        [("users/people.yaml", "department: Navy", "department: %Navy")],
        ["error users/people.yaml:13:15: not YAML: a value begins with %"],
    ),
    "backtick": (
        [("users/people.yaml", "department: Navy", "department: `Navy`")],
        ["error users/people.yaml:13:15: not YAML: a value begins with `"],
    ),
    "bang": (
        [("users/people.yaml", "department: Navy", "department: !Navy")],
        ['error users/people.yaml:13:15: tag "!Navy" is not allowed'],
    ),
    "pipe": (
        [("users/people.yaml", "department: Navy", "department: | Navy")],
        ["error users/people.yaml:13:15: not YAML: a value begins with |"],
    ),
    "dash value": (
        [("users/people.yaml", "department: Navy", "department: - Navy")],
        ["error users/people.yaml:13:15: not YAML: a value begins with -"],
    ),
    "colon in value": (
        [("users/people.yaml", "department: Navy", "department: Navy: West")],
        ["error users/people.yaml:13:19: not YAML: a colon in the value"],
    ),
    "bracket value": (
        [("users/people.yaml", "department: Navy", "department: [Navy] West")],
        ["error users/people.yaml:13:22: not YAML: text after the end of the value"],
    ),
    "curly value map": (
        [("users/people.yaml", "department: Navy", "department: {Navy}")],
        ["error users/people.yaml:13:15: department: expected text or a list of texts"],
    ),
    "nbsp indent": (
        [("users/people.yaml", "  department: Navy", "\xa0 department: Navy")],
        ["error users/people.yaml:13:1: not YAML: a no-break space (U+00A0) instead of a space"],
    ),
    "nbsp after colon": (
        [("users/people.yaml", "department: Navy", "department:\xa0Navy")],
        ["error users/people.yaml:13:14: not YAML: a no-break space (U+00A0) instead of a space"],
    ),
    "nbsp around key": (
        [("users/people.yaml", "  department: Navy", "  department\xa0: Navy")],
        ["error users/people.yaml:13:13: a no-break space (U+00A0) instead of a space"],
    ),
    "smart quotes": (
        [("users/people.yaml", "department: Navy", "department: “Navy”")],
        ["error users/people.yaml:13:15: a typographic quote (U+201C)"],
    ),
    "bom middle": (
        [("users/people.yaml", "- objectId: id-grace", "\ufeff- objectId: id-grace")],
        ["error users/people.yaml:9:1: not YAML: a byte order mark (U+FEFF) inside of the file"],
    ),
    "cr only": (
        [
            (
                "users/people.yaml",
                None,
                PEOPLE.replace("\n", "\r"),
            )
        ],
        ["error users/people.yaml:1:19: the lines end with a carriage return only (CR)"],
    ),
    "cp1252": (
        [("users/people.yaml", "surname: Hopper", b"surname: M\xfcller")],
        ["error users/people.yaml:12:13: not UTF-8 text: the byte 0xFC, in Windows-1252 ü"],
    ),
    "utf16": (
        [
            (
                "users/people.yaml",
                None,
                PEOPLE.encode("utf-16"),
            )
        ],
        ["error users/people.yaml:1:1: UTF-16 text, not UTF-8"],
    ),
    "csv": (
        [
            (
                "users/people.yaml",
                None,
                "userPrincipalName,givenName,surname\nada@example.com,Ada,Lovelace\n",
            )
        ],
        ["error users/people.yaml:1:1: a table (CSV), not YAML"],
    ),
    "xlsx": (
        [("users/people.yaml", None, b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00abc")],
        ["error users/people.yaml:1:1: an Excel workbook or another ZIP archive, not YAML"],
    ),
    "json graph": (
        [
            (
                "users/people.yaml",
                None,
                '{"@odata.context": "x", "value": [{"userPrincipalName": "ada@example.com"}]}\n',
            )
        ],
        ["error users/people.yaml:1:1: the file must be a list"],
    ),
    "two docs": (
        [("users/people.yaml", "- objectId: id-grace", "---\n- objectId: id-grace")],
        ["error users/people.yaml:9:1: more than one document in the file"],
    ),
    "map users:": (
        [
            (
                "users/people.yaml",
                None,
                "users:\n" + PEOPLE.replace("- ", "  - ").replace("\n  ", "\n    "),
            )
        ],
        ["error users/people.yaml:1:1: the file must be a list"],
    ),
    "list for map settings": (
        [("settings.yaml", None, "- target:\n    profile: scim\n")],
        ["error settings.yaml:1:1: the file must be a mapping"],
    ),
    "members list": (
        [
            (
                "groups/apple.yaml",
                None,
                "- name: apple-users\n  members:\n    - ada@example.com\n    - grace@example.com\n",
            )
        ],
        ["error groups/apple.yaml:3:5: members: expected a mapping"],
    ),
    "users text": (
        [
            (
                "groups/apple.yaml",
                "users:\n      - ada@example.com\n      - grace@example.com\n      - alan@example.com\n",
                "users: ada@example.com\n",
            )
        ],
        ["error groups/apple.yaml:3:12: members.users: expected a list"],
    ),
    "unknown settings key + bad user": (
        [
            ("settings.yaml", "ownership:", "ownershp:"),
            ("users/people.yaml", "accountEnabled: true", "accountEnabled: ja"),
            ("mappings.yaml", "name.familyName", "name.lastName"),
            ("scope.yaml", "department", "departement"),
        ],
        [
            'error settings.yaml:5:1: unknown key "ownershp"',
            'error mappings.yaml:5:12: Apple Business Manager has no attribute "name.lastName"',
            "error users/people.yaml:6:19: accountEnabled: expected true or false",
        ],
    ),
    "unknown target key": (
        [("settings.yaml", "domains:", "domain:")],
        ['error settings.yaml:4:3: unknown key "domain"'],
    ),
    "yes": (
        [("users/people.yaml", "accountEnabled: true", "accountEnabled: yes")],
        ["error users/people.yaml:6:19: accountEnabled: expected true or false"],
    ),
    "date german": (
        [("users/people.yaml", "2026-01-01", "01.01.2026")],
        ["error users/people.yaml:7:23: lifecycle.starts: expected a date such as 2026-12-31"],
    ),
    "sync: asigned": (
        [("scope.yaml", "sync: assigned", "sync: asigned")],
        ["error scope.yaml:1:7: sync: expected one of assigned, all"],
    ),
    "indent": (
        [("users/people.yaml", "  department: Navy", "   department: Navy")],
        ["error users/people.yaml:13:4: not YAML: indented by 3 spaces instead of 2"],
    ),
    "indent none": (
        [("users/people.yaml", "  department: Navy", "department: Navy")],
        ["error users/people.yaml:13:1: not YAML: indented by 0 spaces instead of 2"],
    ),
    "operator": (
        [("scope.yaml", "IS NOT NULL", "NOT NULL")],
        ['error scope.yaml:7:43: there is no operator "NOT NULL"'],
    ),
    "group not there": (
        [("scope.yaml", "apple-users", "aple-users")],
        ['error scope.yaml:3:12: there is no group "aple-users"'],
    ),
    "user not there": (
        [("groups/apple.yaml", "grace@example.com", "grce@example.com")],
        ['error groups/apple.yaml:5:9: there is no user "grce@example.com"'],
    ),
    "typo in userPrincipalName": (
        [("users/people.yaml", "grace@example.com", "gracee@example.com")],
        ['error groups/apple.yaml:5:9: there is no user "grace@example.com"'],
    ),
    "typo in the domain of userPrincipalName": (
        [("users/people.yaml", "grace@example.com", "grace@exmaple.com")],
        ['error groups/apple.yaml:5:9: there is no user "grace@example.com"'],
    ),
    "invisible character in userPrincipalName": (
        [("users/people.yaml", "grace@example.com", "grace\u200b@example.com")],
        [
            (
                "error users/people.yaml:10:27: userPrincipalName contains the character U+200B ZERO WIDTH SPACE,"
                " which cannot be seen"
            )
        ],
    ),
    "look-alike letter in the domain": (
        [("users/people.yaml", "grace@example.com", "grace@ex\u0430mple.com")],
        [
            (
                "error users/people.yaml:10:30: userPrincipalName contains the character"
                " U+0430 CYRILLIC SMALL LETTER A, among Latin letters"
            )
        ],
    ),
    "key lifecyle with a mapping": (
        [("users/people.yaml", "  jobTitle: Admiral\n", "  lifecyle: {expires: 2026-12-31}\n")],
        ['error users/people.yaml:14:3: key "lifecyle" looks like lifecycle'],
    ),
    "key surename": (
        [("users/people.yaml", "surname: Hopper", "surename: Hopper")],
        ['error users/people.yaml:12:3: key "surename" looks like surname'],
    ),
    "key id for name": (
        [("groups/apple.yaml", "- name: apple-users", "- id: apple-users")],
        ['error groups/apple.yaml:1:3: unknown key "id"'],
    ),
    "entry pasted twice": (
        [
            (
                "users/people.yaml",
                "- objectId: id-alan",
                (
                    "- objectId: id-grace\n  userPrincipalName: grace@example.com\n  surname: Hopper\n\n"
                    "- objectId: id-alan"
                ),
            )
        ],
        ['error users/people.yaml:17:22: userPrincipalName "grace@example.com" is used twice'],
    ),
    "the only user with a filtered attribute is refused": (
        [
            ("scope.yaml", "attribute: department, operator: IS NOT NULL", "attribute: city, operator: IS NULL"),
            ("users/people.yaml", "  jobTitle: Admiral\n", "  city: Rome\n  accountEnabled: ja\n"),
        ],
        ["error users/people.yaml:15:19: accountEnabled: expected true or false"],
    ),
    "no row for externalId": (
        [("mappings.yaml", "- {target: externalId, source: objectId, match: 1}\n", "")],
        ["error mappings.yaml:1:1: 3 users: externalId is required by Apple Business Manager and has no value"],
    ),
    "misspelt source of externalId": (
        [("mappings.yaml", "source: objectId", "source: objectid")],
        ['error mappings.yaml:1:12: no user has an attribute "objectid"'],
    ),
    "misspelt source of userName": (
        [("mappings.yaml", "source: userPrincipalName", "source: userPrincipleName")],
        ['error mappings.yaml:2:12: no user has an attribute "userPrincipleName"'],
    ),
    "domain @": (
        [("settings.yaml", "[example.com]", "['@example.com']")],
        ['error settings.yaml:4:13: target.domains: "@example.com" is not a domain'],
    ),
    "domain URL": (
        [("settings.yaml", "[example.com]", "['https://example.com']")],
        ['error settings.yaml:4:13: target.domains: "https://example.com" is not a domain'],
    ),
    "domain wildcard": (
        [("settings.yaml", "[example.com]", "['*.example.com']")],
        ['error settings.yaml:4:13: target.domains: "*.example.com" is not a domain'],
    ),
    "domain with a space": (
        [("settings.yaml", "[example.com]", "[example.com example.org]")],
        ['error settings.yaml:4:13: target.domains: "example.com example.org" is not a domain'],
    ),
    "domain URL without quotes": (
        [("settings.yaml", "[example.com]", "[https://example.com]")],
        ["error settings.yaml:4:18: not YAML: a colon in the value"],
    ),
    "domain @ without quotes": (
        [("settings.yaml", "[example.com]", "[@example.com]")],
        ["error settings.yaml:4:13: not YAML: a value begins with @"],
    ),
    "base_url with /v2": (
        [("settings.yaml", "business/scim/", "business/scim/v2")],
        ["warning settings.yaml:3:13: target.base_url does not end with /scim"],
    ),
    "base_url near Apple's": (
        [("settings.yaml", "federation.apple.com", "federation.aple.com")],
        [
            (
                'warning settings.yaml:3:13: target.base_url: the host "federation.aple.com" looks like'
                " federation.apple.com"
            ),
        ],
    ),
    "url http://scim.example.com/scim": (
        [
            (
                "settings.yaml",
                "profile: apple-business-manager\n  base_url: https://federation.apple.com/feeds/business/scim/",
                'profile: scim\n  base_url: "http://scim.example.com/scim"',
            )
        ],
        ["error settings.yaml:3:13: target.base_url http://scim.example.com/scim would send the token unencrypted"],
    ),
    "url https://scim.example.com/scim?aadOptscim062020": (
        [
            (
                "settings.yaml",
                "profile: apple-business-manager\n  base_url: https://federation.apple.com/feeds/business/scim/",
                'profile: scim\n  base_url: "https://scim.example.com/scim?aadOptscim062020"',
            )
        ],
        ["error settings.yaml:3:13: target.base_url https://scim.example.com/scim may have no user, query or fragment"],
    ),
    "url https://scim。example.com/scim": (
        [
            (
                "settings.yaml",
                "profile: apple-business-manager\n  base_url: https://federation.apple.com/feeds/business/scim/",
                'profile: scim\n  base_url: "https://scim。example.com/scim"',
            )
        ],
        ["error settings.yaml:3:13: target.base_url https://scim。example.com/scim is not a URL"],
    ),
    "url https://u:p@scim.example.com/scim": (
        [
            (
                "settings.yaml",
                "profile: apple-business-manager\n  base_url: https://federation.apple.com/feeds/business/scim/",
                'profile: scim\n  base_url: "https://u:p@scim.example.com/scim"',
            )
        ],
        ["error settings.yaml:3:13: target.base_url https://scim.example.com/scim may have no user, query or fragment"],
    ),
}
_PLACED = re.compile(r"^(Error|Warning): (.*)\n\n  on ([^\s,]+:\d+:\d+)", re.MULTILINE)


def write(root: Path, edits: list[Edit]) -> None:
    files = {name: text.encode() for name, text in FILES.items()}
    for name, old, new in edits:
        content = new if isinstance(new, bytes) else new.encode()
        assert old is None or old.encode() in files[name]
        files[name] = content if old is None else files[name].replace(old.encode(), content, 1)
    for name, content in files.items():
        path = root / "desired-state" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def read_messages(text: str) -> list[str]:
    """Return severity, place and summary of each diagnostic in what a command prints."""
    return [f"{severity.lower()} {place}: {summary}" for severity, summary, place in _PLACED.findall(text)]


@pytest.mark.parametrize("name", CASES)
def test_an_error_is_one_message_at_its_place(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edits, expected = CASES[name]
    write(tmp_path, edits)
    monkeypatch.chdir(tmp_path)
    validated = run(["reconciler", "validate", *NOW])
    planned = run(["reconciler", "plan", "--sandbox", *NOW])
    assert read_messages(validated.err) == expected
    assert len(expected) == validated.err.count("Error: ") + validated.err.count("Warning: ")
    wrong = any(message.startswith("error") for message in expected)
    assert validated.code == (1 if wrong else 0)
    assert planned.code == (1 if wrong and not planned.out else planned.code)
    shown = [message for message in read_messages(planned.err + planned.out) if message in expected]
    assert sorted(shown) == sorted(expected)
    assert "delete the user" not in validated.err


def test_most_errors_are_one_message() -> None:
    assert len(CASES) >= 50
    assert sum(len(expected) > 1 for _, expected in CASES.values()) <= 3


def test_the_directory_without_an_error_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, [])
    monkeypatch.chdir(tmp_path)
    assert run(["reconciler", "validate", *NOW]).err == ""


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("mappings.yaml", "source: surname", "source: surName"),
        ("mappings.yaml", "source: userPrincipalName", "source: givenName"),
        ("settings.yaml", "[example.com]", "[exmaple.com]"),
    ],
)
def test_one_wrong_row_is_one_error_for_hundreds_of_users(
    name: str, old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [
        f"- {{objectId: n{n}, userPrincipalName: n{n}@example.com, givenName: N, surname: N, department: R}}\n"
        for n in range(245)
    ]
    write(
        tmp_path, [("users/people.yaml", None, "".join(people)), ("scope.yaml", None, "sync: all\n"), (name, old, new)]
    )
    (tmp_path / "desired-state/groups/apple.yaml").unlink()
    monkeypatch.chdir(tmp_path)
    result = run(["reconciler", "validate", *NOW])
    assert result.err.count("Error: ") == 1
    assert "Error: 245 users: " in result.err
    assert 'user["n0@example.com"] on users/people.yaml:1:' in result.err
    assert len(result.err.splitlines()) < 20
    assert "1 error in desired-state." in result.out


def write_people(root: Path, scope: str) -> None:
    """Write a directory of 245 users."""
    people = [
        f"- {{objectId: n{n}, userPrincipalName: n{n}@example.com, givenName: N, surname: N, department: R}}\n"
        for n in range(245)
    ]
    write(root, [("users/people.yaml", None, "".join(people)), ("scope.yaml", None, scope)])
    (root / "desired-state/groups/apple.yaml").unlink(missing_ok=True)


def test_one_wrong_clause_is_an_error_of_every_user_and_shown_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_people(tmp_path, "sync: all\n")
    monkeypatch.chdir(tmp_path)
    assert run(["reconciler", "apply", "--sandbox", "--auto-approve", *NOW]).code == 0
    clause = "      - {attribute: surname, operator: GREATER_THAN, value: 3}\n"
    write_people(tmp_path, f"sync: all\nfilters:\n  - name: x\n    clauses:\n{clause}")
    validated = run(["reconciler", "validate", *NOW])
    assert validated.err.count("Error: ") == 1
    assert "Error: 245 users: the scoping filters cannot be evaluated for this user" in validated.err
    planned = run(["reconciler", "plan", "--sandbox", *NOW])
    assert "245 users have errors: left untouched, see above." in planned.out
    as_json = json.loads(run(["reconciler", "plan", "--sandbox", "--format", "json", *NOW]).out)
    assert len({item["address"] for item in as_json["diagnostics"] if item["address"]}) == 245
    one = run(["reconciler", "plan", "--sandbox", "--user", "n200@example.com", *NOW])
    assert 'Users: user["n200@example.com"] on users/people.yaml:201:' in one.out
    explained = run(["reconciler", "explain", "n200@example.com", "--sandbox", *NOW])
    assert "the scoping filters cannot be evaluated for this user" in explained.out + explained.err
    assert "deactivated already" not in explained.out


@pytest.mark.parametrize("wrong", ["gracee@example.com", "grace@exmaple.com"])
def test_a_name_that_differs_by_a_typo_is_shown_at_both_places(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, [("users/people.yaml", "grace@example.com", wrong)])
    monkeypatch.chdir(tmp_path)
    shown = run(["reconciler", "validate", *NOW]).err
    assert f"users/people.yaml:10:22 has {wrong}: correct the one that is wrong." in shown
    assert "Did you mean" not in shown


@pytest.mark.parametrize("name", FILES)
def test_an_empty_file_is_never_to_be_removed_outside_of_git(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, [(name, None, "")])
    monkeypatch.chdir(tmp_path)
    shown = run(["reconciler", "validate", *NOW]).err
    assert f"error {name}:1:1: the file is empty" in read_messages(shown)
    assert "rm " not in shown
