"""Generated users for the test servers."""

import uuid
from copy import deepcopy
from typing import Any

from support.servers.patching import CORE, ENTERPRISE, ENTERPRISE_STRINGS, NAME_PARTS, User

_GIVEN = ("Ada", "Grace", "Zoë", "Linus", "José", "Nguyễn", "花子", "Margaret", "Łukasz", "Anne-Marie")
_FAMILY = ("Lovelace", "Hopper", "Müller", "O'Neil", "García", "Åström", "山田", "Null", "van der Berg", "No")
_LATIN = ("ada", "grace", "zoe", "linus", "jose", "nguyen", "hanako", "margaret", "lukasz", "anne-marie")
_DEPARTMENTS = ("Engineering", "Sales", "People & Culture", "Finance", "IT")
_LOCALES = (("en_US", "America/New_York"), ("de_DE", "Europe/Berlin"), ("ja_JP", "Asia/Tokyo"))


def make_user(n: int, **overrides: Any) -> User:
    """A realistic enterprise user, the same for the same n.

    Overrides name top-level attributes (`userName=`), parts of the name (`givenName=`) or enterprise attributes
    (`department=`); None leaves one out. Without an `id` the server gives one.
    """
    user = _person(n)
    for key, value in overrides.items():
        place = user["name"] if key in NAME_PARTS else user[ENTERPRISE] if key in ENTERPRISE_STRINGS else user
        if value is None:
            place.pop(key, None)
        else:
            place[key] = deepcopy(value)
    return user


def _person(n: int) -> User:
    locale, timezone = _LOCALES[n % len(_LOCALES)]
    return {
        "schemas": [CORE, ENTERPRISE],
        "externalId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"person-{n}")),
        "userName": f"{_LATIN[n % len(_LATIN)]}.{n}@example.com",
        "name": {"givenName": _GIVEN[n % len(_GIVEN)], "familyName": _FAMILY[n // 3 % len(_FAMILY)]},
        "active": True,
        "locale": locale,
        "timezone": timezone,
        ENTERPRISE: {
            "employeeNumber": f"{n:06d}",
            "costCenter": f"CC-{n % 90 + 10:04d}",
            "division": "EMEA" if n % 2 else "AMER",
            "department": _DEPARTMENTS[n % len(_DEPARTMENTS)],
        },
    }
