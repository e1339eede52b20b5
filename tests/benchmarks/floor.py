"""The floor: the least a Python process needs for what a plan needs. `python floor.py STATE_DIR BASE_URL`.

It reads the users by libyaml's events, all pages over one bare connection, joins them and compares the mapped
attributes; no validation, no positions, no scope, no guards. Prints seconds and MiB as JSON. Without an address it only
parses; with `--hash` in its place it only reads and hashes the files.
"""

import gc
import hashlib
import http.client
import json
import resource
import sys
import time
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from _ruamel_yaml import CParser
from ruamel.yaml.events import (
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

COUNT = 200  # the pages that the plan asks for
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}


def parsed(text: str) -> Any:
    """The document as lists and dicts of strings, booleans and None."""
    event_of = CParser(text).get_event
    root: list[Any] = []
    current: Any = root
    key: str | None = None
    stack: list[tuple[Any, str | None]] = []
    while True:
        event = event_of()
        kind = event.__class__
        if kind is ScalarEvent:
            value = event.value
            if event.implicit[0] and value in CONSTANTS:
                value = CONSTANTS[value]
            if current.__class__ is list:
                current.append(value)
            elif key is None:
                key = value
            else:
                current[key] = value
                key = None
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            started: Any = {} if kind is MappingStartEvent else []
            if current.__class__ is list:
                current.append(started)
            else:
                current[key] = started
            stack.append((current, None))
            current, key = started, None
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            current, key = stack.pop()
        elif kind is StreamEndEvent:
            return root[0] if root else None


def desired_users(directory: Path) -> list[dict[str, Any]]:
    return [user for path in sorted(directory.glob("users/**/*.yaml")) for user in parsed(path.read_text("utf-8"))]


def live_users(base_url: str) -> Iterator[dict[str, Any]]:
    url = urlsplit(base_url)
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    headers = {"Authorization": "Bearer t0ken", "Accept": "application/scim+json"}
    start, total = 1, 1
    while start <= total:
        connection.request("GET", f"{url.path}/Users?startIndex={start}&count={COUNT}", headers=headers)
        page = msgspec.json.decode(connection.getresponse().read())
        users = page["Resources"]
        if not users:
            break
        yield from users
        total = page["totalResults"]
        start += len(users)
    connection.close()


_SOURCE = itemgetter(
    "userPrincipalName", "givenName", "surname", "timezone", "employeeId", "costCenter", "division", "department"
)


def wanted(user: dict[str, Any]) -> tuple[Any, ...]:
    return (*_SOURCE(user), user["preferredLanguage"].replace("-", "_"), True)


def found(user: dict[str, Any]) -> tuple[Any, ...]:
    name, extra = user["name"], user[ENTERPRISE]
    return (
        user["userName"],
        name["givenName"],
        name["familyName"],
        user["timezone"],
        extra["employeeNumber"],
        extra["costCenter"],
        extra["division"],
        extra["department"],
        user["locale"],
        user.get("active", True),
    )


def differing(desired: list[dict[str, Any]], live: list[dict[str, Any]]) -> int:
    """How many users are on one side only or differ in a mapped attribute."""
    by_external_id = {user["externalId"]: user for user in live}
    differ = 0
    for user in desired:
        match = by_external_id.pop(user["objectId"], None)
        differ += match is None or found(match) != wanted(user)
    return differ + len(by_external_id)


def hash_files(directory: Path) -> int:
    """Hash all files; return how many bytes they have."""
    contents = (path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())
    return sum(len(content) for content in contents if hashlib.sha256(content).digest())


def main() -> None:
    gc.disable()
    if sys.argv[2:] == ["--hash"]:
        sys.stdout.write(json.dumps({"bytes": hash_files(Path(sys.argv[1]))}) + "\n")
    elif sys.argv[2:]:
        measure_join()
    else:
        sys.stdout.write(json.dumps({"users": len(desired_users(Path(sys.argv[1])))}) + "\n")


def measure_join() -> None:
    """Parse, read and join; print what each took."""
    begin = time.perf_counter()
    desired = desired_users(Path(sys.argv[1]))
    after_parse = time.perf_counter()
    live = list(live_users(sys.argv[2]))
    after_read = time.perf_counter()
    differ = differing(desired, live)
    end = time.perf_counter()
    figures = {
        "parse_s": round(after_parse - begin, 4),
        "read_s": round(after_read - after_parse, 4),
        "join_s": round(end - after_read, 4),
        "wall_s": round(end - begin, 4),
        # Linux counts KiB.
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "users": len(desired),
        "differ": differ,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
