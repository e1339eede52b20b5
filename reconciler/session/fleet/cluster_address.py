"""The address of the queue's database, from the environment only; outside of this machine the server proves who it is.

Imports psycopg, which belongs to an extra: see `cluster_extra`.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reconciler.core.base_url import is_loopback
from reconciler.core.text import quote, shorten
from reconciler.errors import FleetError
from reconciler.scim.secret import Secret

VARIABLE = "RECONCILER_CLUSTER_DSN"
_LIBPQ = {
    "PGHOST": "host",
    "PGHOSTADDR": "hostaddr",
    "PGPORT": "port",
    "PGDATABASE": "dbname",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGSSLMODE": "sslmode",
    "PGSSLROOTCERT": "sslrootcert",
}
_SECRETS = (VARIABLE, "PGPASSWORD")
_VERIFYING = ("verify-full", "verify-ca")
_DEFAULTS = {"connect_timeout": "10", "application_name": "reconciler", "tcp_user_timeout": "30000"}
_HOW = (
    f"Set {VARIABLE} (postgresql://USER@HOST/DATABASE or host=… dbname=…), or libpq's PGHOST, PGDATABASE, PGUSER and\n"
    "PGPASSWORD, in the environment of this command."
)


def take_address(environment: MutableMapping[str, str]) -> Secret:
    """Return the connection string, and remove what holds a password from `environment`: no child needs it.

    Raises `FleetError` as `read_address`.
    """
    address = read_address(environment)
    for name in _SECRETS:
        environment.pop(name, None)
    return address


def read_address(environment: Mapping[str, str]) -> Secret:
    """Return the connection string.

    Raises `FleetError` if there is none, it cannot be read, or the connection could be listened to.
    """
    text = environment.get(VARIABLE, "").strip()
    given = {name: environment[variable] for variable, name in _LIBPQ.items() if environment.get(variable)}
    if not text and not given.keys() & {"host", "hostaddr", "dbname"}:
        raise FleetError("no database is set for the queue", _HOW)
    parameters = {**_DEFAULTS, **given, **_parse(text)}
    if "service" in parameters or environment.get("PGSERVICE"):
        raise FleetError("a service file cannot say where the queue's database is", _HOW)
    _require_encryption(parameters)
    return Secret(make_conninfo("", **parameters))


def _parse(text: str) -> dict[str, Any]:
    try:
        return conninfo_to_dict(text)
    except (ProgrammingError, UnicodeError):
        # libpq's message repeats a part of the text, which can be the password.
        raise FleetError(f"{VARIABLE} is not a Postgres connection string", _HOW) from None


def _require_encryption(parameters: dict[str, Any]) -> None:
    """Make the server outside of this machine prove who it is: who answers in its place could queue any task."""
    if all(_is_here(host) for host in _list_hosts(parameters)):
        return
    mode = parameters.setdefault("sslmode", "verify-full")
    if mode not in _VERIFYING:
        raise FleetError(
            f"sslmode {quote(shorten(str(mode), 30))} does not prove which server answers",
            "Use sslmode=verify-full, with sslrootcert=FILE for an authority of your own.",
        )
    if mode == "verify-full":
        parameters.setdefault("sslrootcert", "system")


def _list_hosts(parameters: dict[str, Any]) -> list[str]:
    """Return the hosts that are connected to: an address takes precedence over the name at its place."""
    names = str(parameters.get("host", "")).split(",")
    addresses = str(parameters.get("hostaddr", "")).split(",")
    pairs = zip(names + [""] * len(addresses), addresses + [""] * len(names), strict=False)
    count = max(len(names), len(addresses))
    return [address or name for name, address in list(pairs)[:count]]


def _is_here(host: str) -> bool:
    # No host is a Unix socket, and so is a path or a name in the abstract namespace.
    return not host or host.startswith(("/", "@")) or is_loopback(host)
