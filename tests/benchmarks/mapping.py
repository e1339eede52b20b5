"""What expressions cost: mapping N users with twelve expressions compared with twelve direct mappings.

    .venv/bin/python tests/benchmarks/mapping.py 100000

Both run in this process, in turns, three times each; processor seconds, medians. `ratio` is expressions to direct.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from generate import people

from reconciler.core.model import IN_SCOPE, Origin, SourceUser
from reconciler.core.planning.mapping import Projector
from reconciler.desired.loader import BrokenState, DesiredState, load

NOW = datetime(2026, 11, 24, tzinfo=UTC)
RUNS = 3
SETTINGS = "target: {profile: scim, base_url: 'https://scim.example.com'}\n"
TARGETS = (
    "externalId",
    "userName",
    "name.givenName",
    "name.familyName",
    "displayName",
    "title",
    "locale",
    "timezone",
    "enterprise:employeeNumber",
    "enterprise:costCenter",
    "enterprise:division",
    "enterprise:department",
)
SOURCES = (
    "objectId",
    "userPrincipalName",
    "givenName",
    "surname",
    "city",
    "jobTitle",
    "preferredLanguage",
    "timezone",
    "employeeId",
    "costCenter",
    "division",
    "department",
)
EXPRESSIONS = (
    "ToLower([objectId])",
    'Join("@", Item(Split([userPrincipalName], "@"), 1), "example.com")',
    "Mid(Trim([givenName]), 1, 64)",
    "NormalizeDiacritics([surname])",
    'Join(" ", [givenName], [surname])',
    'Coalesce([jobTitle], "Employee")',
    'Replace([preferredLanguage], "-", , , "_", , )',
    'IIF(IsNullOrEmpty([timezone]), "Europe/Berlin", [timezone])',
    'Append("E", [employeeId])',
    'Replace([costCenter], , "^0+", , "", , )',
    'Switch([division], "Other", "EMEA", "Europe", "AMER", "Americas", "APAC", "Asia")',
    'IIF(InStr([department], "&") > "0", Word([department], 1, "&"), [department])',
)


def rows(kind: str, rules: Sequence[str]) -> str:
    """Return mappings.yaml with one row for each of TARGETS."""
    lines = []
    for number, (target, rule) in enumerate(zip(TARGETS, rules, strict=True)):
        match = ", match: 1" if number == 0 else ""
        lines.append(f"- {{target: {json.dumps(target)}, {kind}: {json.dumps(rule)}{match}}}\n")
    return "".join(lines)


def projector(directory: Path, mappings: str) -> Projector:
    """Compile `mappings` in the desired state of `directory`."""
    (directory / "settings.yaml").write_text(SETTINGS, "utf-8")
    (directory / "mappings.yaml").write_text(mappings, "utf-8")
    state = load(directory, NOW)
    if isinstance(state, BrokenState):
        raise SystemExit("\n".join(item.summary for item in state.diagnostics))
    assert isinstance(state, DesiredState)
    return Projector(state.profile, state.mappings, ())


def seconds(mapper: Projector, users: Sequence[SourceUser]) -> float:
    """Return the processor seconds to map all users. Raises `AssertionError` if a user fails."""
    started = time.process_time()
    failed = sum(mapper.project(user, IN_SCOPE)[0].failed for user in users)
    assert not failed
    return time.process_time() - started


def main() -> None:
    """Measure the number of users on the command line."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    origin = Origin("users/users.yaml", 1, 1)
    users = [SourceUser(person, origin) for person in people(count, 1)]
    with tempfile.TemporaryDirectory() as scratch:
        direct = projector(Path(scratch), rows("source", SOURCES))
        expressions = projector(Path(scratch), rows("expression", EXPRESSIONS))
    pairs = [(seconds(direct, users), seconds(expressions, users)) for _ in range(RUNS)]
    figures = {
        "users": count,
        "direct_s": round(statistics.median(pair[0] for pair in pairs), 2),
        "expressions_s": round(statistics.median(pair[1] for pair in pairs), 2),
        "ratio": round(statistics.median(pair[1] / pair[0] for pair in pairs), 2),
    }
    print(json.dumps(figures))  # noqa: T201


if __name__ == "__main__":
    main()
