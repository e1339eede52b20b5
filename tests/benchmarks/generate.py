"""Desired states and live users of any size, the same for the same seed."""

import json
import random
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

USERS_A_FILE = 5000
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

_GIVEN = ("Ada", "Grace", "Zoë", "Linus", "José", "Nguyễn", "花子", "Margaret", "Łukasz", "Anne-Marie", "Aïcha", "Owen")
_FAMILY = ("Lovelace", "Hopper", "Müller", "O'Neil", "García", "Åström", "山田", "Null", "van der Berg", "No", "Chen")
_DEPARTMENTS = ("Engineering", "Sales", "Marketing", "Finance", "People & Culture", "IT", "Legal", "Customer Care")
_DIVISIONS = ("EMEA", "AMER", "APAC")
_TITLES = ("Engineer", "Account Executive", "Analyst", "Manager", "Technician", "Counsel", "Designer")
_PLACES = (
    ("Berlin", "de-DE", "Europe/Berlin"),
    ("Lyon", "fr-FR", "Europe/Paris"),
    ("Austin", "en-US", "America/Chicago"),
    ("Ōsaka", "ja-JP", "Asia/Tokyo"),
    ("São Paulo", "pt-BR", "America/Sao_Paulo"),
    ("Leeds", "en-GB", "Europe/London"),
)
_PLAIN = re.compile(r"[^\W\d_][\w./@-]*(?: [\w&'-]+)*")
_RESERVED = frozenset({"Null", "No"})


def people(n: int, seed: int) -> Iterator[dict[str, str]]:
    """n source users in Entra attribute names."""
    chance = random.Random(seed)  # noqa: S311
    for number in range(n):
        city, language, timezone = chance.choice(_PLACES)
        yield {
            "objectId": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "userPrincipalName": f"person.{number:07d}@example.com",
            "givenName": chance.choice(_GIVEN),
            "surname": chance.choice(_FAMILY),
            "department": chance.choice(_DEPARTMENTS),
            "employeeId": f"{number:07d}",
            "costCenter": f"{chance.randrange(10_000):04d}",
            "division": chance.choice(_DIVISIONS),
            "preferredLanguage": language,
            "timezone": timezone,
            "jobTitle": chance.choice(_TITLES),
            "city": city,
        }


def write_desired_state(directory: Path, n: int, seed: int = 1, *, base_url: str) -> None:
    """A desired state of n users, all in scope, whose guards let everything pass."""
    users = directory / "users"
    users.mkdir(parents=True, exist_ok=True)
    (directory / "settings.yaml").write_text(_settings(base_url, n), "utf-8")
    (directory / "scope.yaml").write_text("sync: all\n", "utf-8")
    for number, batch in enumerate(_batches(people(n, seed)), start=1):
        text = "".join(map(_as_yaml, batch))
        (users / f"users-{number:04d}.yaml").write_text(text, "utf-8")


def _settings(base_url: str, n: int) -> str:
    return f"""\
target:
  profile: apple-business-manager
  base_url: {base_url}
  domains: [example.com]
guards:
  removals: {{count: {max(n, 1)}, percent: 100}}
  updates: {{percent: 100}}
"""


def _batches(users: Iterator[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    batch: list[dict[str, str]] = []
    for user in users:
        batch.append(user)
        if len(batch) == USERS_A_FILE:
            yield batch
            batch = []
    if batch:
        yield batch


def _as_yaml(user: dict[str, str]) -> str:
    lines = [f"  {key}: {_scalar(value)}\n" for key, value in user.items()]
    return "- " + "".join(lines)[2:]


def _scalar(value: str) -> str:
    plain = _PLAIN.fullmatch(value) and value not in _RESERVED
    return value if plain else json.dumps(value, ensure_ascii=False)


def live_users(
    n: int, seed: int = 1, drift: float = 0.02, departments: Mapping[int, str] | None = None
) -> Iterator[dict[str, Any]]:
    """The SCIM users that n people of this seed became, of whom the share `drift` got another department since.

    `departments`: of those who were not applied with the one that they began with, by their numbers.
    """
    drifted = set(random.Random(f"drift/{seed}").sample(range(n), round(n * drift)))  # noqa: S311
    for number, person in enumerate(people(n, seed)):
        applied = (departments or {}).get(number, person["department"])
        department = f"{applied} (moved)" if number in drifted else applied
        yield _resource(number, person, department)


def _resource(number: int, person: dict[str, str], department: str) -> dict[str, Any]:
    return {
        "schemas": [CORE, ENTERPRISE],
        "id": f"GN-{number:07d}",
        "externalId": person["objectId"],
        "userName": person["userPrincipalName"],
        "name": {"givenName": person["givenName"], "familyName": person["surname"]},
        "locale": person["preferredLanguage"].replace("-", "_"),
        "timezone": person["timezone"],
        ENTERPRISE: {
            "employeeNumber": person["employeeId"],
            "costCenter": person["costCenter"],
            "division": person["division"],
            "department": department,
        },
        "meta": {
            "resourceType": "User",
            "created": "2026-01-01T00:00:00Z",
            "lastModified": "2026-01-01T00:00:00Z",
        },
    }
