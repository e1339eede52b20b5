"""The switches between Apple's documented behaviour, field reports and a plain RFC service."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

from reconciler.sandbox.sandbox_error import SandboxError


def _choice(default: object, *others: object) -> Any:
    return field(default=default, metadata={"choices": (default, *others)})


def _number(default: float, *, least: float = 0) -> Any:
    return field(default=default, metadata={"least": least})


@dataclass(frozen=True, slots=True)
class Quirks:
    """How the sandbox behaves; the default is Apple as documented or, where Apple is silent, the most likely behaviour.

    `plain()` is the other end: a service that does what RFC 7643 and RFC 7644 say and nothing else.
    """

    # Endpoints and parts of the protocol.
    discovery: Literal["absent", "rfc"] = _choice("absent", "rfc")  # no evidence either way at Apple
    endpoints: Literal["users", "rfc"] = _choice("users", "rfc")  # documented: no groups; Bulk, Me, .search inferred
    filters: Literal["eq", "rfc"] = _choice("eq", "rfc")  # field report: userName eq; the rest is unknown
    etag: bool = _choice(False, True)  # no evidence: assumed unsupported

    # The attributes that a user may and must have.
    unknown_attr: Literal["ignore", "reject400", "break_connection", "store"] = _choice(
        "ignore", "reject400", "break_connection", "store"
    )  # documented: "breaks the connection"; field report: ignored. "store": the whole RFC 7643 user is kept
    domain_rule: bool = _choice(True, False)  # documented: userName is in a verified domain
    required_names: bool = _choice(True, False)  # inferred from the sign-in side
    unique_external_id: bool = _choice(True, False)  # inferred

    # Accounts that have the name already.
    auto_merge: bool = _choice(False, True)  # documented switch of the web interface
    admin_collision: Literal["409", "silently_ignored"] = _choice("409", "silently_ignored")
    reserve_names: bool = _choice(True, False)  # documented: 30 days business, 120 days school

    # Lists.
    page_cap: int = _number(200, least=1)  # undocumented
    items_per_page: Literal["ok", "zero", "absent"] = _choice("ok", "zero", "absent")  # field report
    list_hides_n: int = _number(0)  # field report: a name can be taken and not be listed
    resources_absent_when_empty: bool = _choice(False, True)  # RFC 7644 §3.4.2 allows it
    eventual_consistency: float = _number(0.0)  # seconds until a new user is listed and found by a filter

    # The shape read back.
    gn_ids: bool = _choice(True, False)  # field report: ids look like GN-…
    lowercase_username: bool = _choice(True, False)  # weak field report
    omit_active_when_true: bool = _choice(True, False)  # field report
    omit_primary: bool = _choice(True, False)  # field report

    # Writes.
    patch_status: Literal[200, 204] = _choice(200, 204)  # field report: either
    patch_rejects: frozenset[str] = field(default=frozenset(), metadata={"paths": True})  # field report: unknown which
    put_needs_id: bool = _choice(True, False)  # field report
    put_external_id: Literal["accept", "reject400"] = _choice("accept", "reject400")  # disputed field reports
    active_false: Literal["deactivate", "stored_only"] = _choice("deactivate", "stored_only")  # documented twice

    # The authorization server. All of it is unknown at Apple but for the grants.
    authorization: Literal["approve", "deny", "page"] = _choice("approve", "deny", "page")  # "page": a user decides
    pkce: Literal["optional", "required", "refused"] = _choice("optional", "required", "refused")
    rotate_refresh: bool = _choice(True, False)  # each refresh replaces the refresh token
    reuse_revokes_family: bool = _choice(True, False)  # if a replaced refresh token comes again
    access_token_life: int = _number(3600, least=1)  # seconds
    refresh_token_life: int = _number(0)  # seconds; 0: without end
    expires_in: Literal["sent", "absent"] = _choice("sent", "absent")
    token_answer: Literal["ok", "no_refresh_token", "server_error", "html", "lost"] = _choice(
        "ok", "no_refresh_token", "server_error", "html", "lost"
    )  # "html" and "lost" (502): the tokens were issued, but the answer does not hold them

    # Injected faults.
    html_errors: bool = _choice(False, True)  # a 5xx is an HTML page, as from a load balancer
    rate_limit: int = _number(0)  # requests per second, then 429 with Retry-After; 0 is off
    flaky: int = _number(0)  # every nth request is answered 500 and 503 in turn; 0 is off
    flaky_lands: bool = _choice(False, True)  # the flaky request was carried out, only its answer is lost
    slow: float = _number(0.0)  # seconds each request takes longer
    activation: float = _number(0.0)  # documented: up to 60 s; so long from its first use on a token gets 403
    in_between: Literal["nothing", "login_page", "redirect", "proxy_password", "proxy_error"] = _choice(
        "nothing", "login_page", "redirect", "proxy_password", "proxy_error"
    )  # an intermediary answers instead of the service

    @classmethod
    def plain(cls) -> Self:
        """Return a plain RFC 7644 service with users alone and every feature it announces."""
        return cls(
            discovery="rfc",
            endpoints="rfc",
            filters="rfc",
            etag=True,
            unknown_attr="store",
            domain_rule=False,
            required_names=False,
            unique_external_id=False,
            reserve_names=False,
            page_cap=1000,
            gn_ids=False,
            lowercase_username=False,
            omit_active_when_true=False,
            omit_primary=False,
            put_needs_id=False,
        )

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Self:
        """Read quirks from JSON data; what is left out keeps Apple's default.

        Raises SandboxError for a name or a value that doesn't exist.
        """
        known = {quirk.name: quirk.metadata for quirk in fields(cls)}
        checked: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise SandboxError(f"Unknown quirk {name!r}. Known quirks: {', '.join(sorted(known))}.")
            checked[name] = _check_value(name, value, known[name])
        return cls(**checked)

    def to_mapping(self) -> dict[str, Any]:
        """Return the quirks as JSON data that `from_mapping` reads back."""
        values = {quirk.name: getattr(self, quirk.name) for quirk in fields(self)}
        return values | {"patch_rejects": sorted(self.patch_rejects)}


def _check_value(name: str, value: object, metadata: Mapping[str, Any]) -> Any:
    if "paths" in metadata:
        return _check_paths(name, value)
    if "choices" in metadata:
        return _check_choice(name, value, metadata["choices"])
    return _check_number(name, value, metadata["least"], float if name in _SECONDS else int)


_SECONDS = frozenset({"slow", "eventual_consistency", "activation"})


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> object:
    # `True == 1` in Python: compare the types as well.
    for choice in choices:
        if value == choice and type(value) is type(choice):
            return choice
    allowed = " | ".join(str(choice).lower() if isinstance(choice, bool) else repr(choice) for choice in choices)
    raise SandboxError(f"Quirk {name!r} can't be {value!r}. Allowed: {allowed}.")


def _check_number(name: str, value: object, least: float, kind: type[int] | type[float]) -> float:
    allowed = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or not least <= value < float("inf"):
        words = "a whole number" if kind is int else "a number of seconds"
        raise SandboxError(f"Quirk {name!r} can't be {value!r}. It is {words}, at least {least:g}.")
    return kind(value)


def _check_paths(name: str, value: object) -> frozenset[str]:
    if isinstance(value, list | tuple | set | frozenset) and all(isinstance(path, str) and path for path in value):
        return frozenset(value)
    raise SandboxError(f"Quirk {name!r} can't be {value!r}. It is a list of attribute paths, e.g. ['externalId'].")
