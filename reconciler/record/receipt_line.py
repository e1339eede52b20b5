"""The lines of a receipt: one model for the writer, the reader and the published JSON Schema.

A line is a JSON object whose `event` says which class it is. Keys that this version does not know are ignored; keys
that an older version did not write have defaults. A receipt may have been edited since, so a value of the wrong type
is not an error: see `_coerce`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from reconciler.core.model import Target
from reconciler.core.plan import Action, Result
from reconciler.record.timestamps import LONG_AGO, parse_timestamp

FORMAT_VERSION = "1.0"
LARGEST_CLOCK_OFFSET = 100 * 365 * 86_400
"""Seconds between two clocks: a clock that was never set is decades behind."""
_REQUIRED = ["format_version", "time", "event", "plan_id"]

FormatVersion = Annotated[str, Meta(extra_json_schema={"const": FORMAT_VERSION})]
Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
PlanId = Annotated[str, Meta(extra_json_schema={"pattern": "^sha256:[0-9a-f]{64}$"})]
ActionName = Annotated[str, Meta(extra_json_schema={"enum": [action.value for action in Action]})]
ResultName = Annotated[str, Meta(extra_json_schema={"enum": [result.value for result in Result]})]
EndName = Annotated[str, Meta(extra_json_schema={"enum": ["complete", "interrupted", "quarantined"]})]
ClockOffset = Annotated[int, Meta(ge=-LARGEST_CLOCK_OFFSET, le=LARGEST_CLOCK_OFFSET)] | UnsetType
Count = Annotated[int, Meta(ge=0)] | UnsetType


class ReceiptLine(Struct, frozen=True, kw_only=True, tag_field="event"):
    """What every line has."""

    format_version: FormatVersion = FORMAT_VERSION
    time: Timestamp = ""
    plan_id: PlanId = ""

    @property
    def event(self) -> str:
        """The name of the event."""
        return str(self.__struct_config__.tag)

    @property
    def timestamp(self) -> datetime | None:
        """The moment it was written; None if it is undated."""
        return parse_timestamp(self.time)

    @property
    def sort_time(self) -> datetime:
        """The moment it was written; an undated line sorts first."""
        return self.timestamp or LONG_AGO


class PopulationNote(Struct, frozen=True, kw_only=True):
    """How many there were when all were read last, for incremental plans."""

    users: Annotated[int, Meta(ge=0, description="Users in the files")]
    managed: Annotated[int, Meta(ge=0, description="Managed accounts")]
    active: Annotated[int, Meta(ge=0, description="Those of them that were active")]
    at: Annotated[Timestamp, Meta(description="When all accounts were read last")]
    planned: Annotated[Timestamp, Meta(description="The time that the plan was made for")]
    version: Annotated[str, Meta(description="The version of Reconciler that made it")]


class ApplyStarted(ReceiptLine, frozen=True, kw_only=True, tag="apply_started"):
    """An apply begins. A plan that is applied again has several in one receipt."""

    target: str = ""
    profile: str = ""
    tenant: Annotated[str | UnsetType, Meta(description="The tenant at the target, if the settings name one")] = UNSET
    changes: int = 0
    whole: Annotated[bool, Meta(description="Whether the apply was about all users")] = True
    commit: Annotated[str | None, Meta(description="The commit that was checked out when it was applied")] = None
    config_digest: Annotated[str, Meta(description="Of the desired state that was applied")] = ""
    top_files: Annotated[
        tuple[str, ...] | UnsetType,
        Meta(description="The files at the top level of the desired state; absent: unknown"),
    ] = UNSET
    key: Annotated[str | UnsetType, Meta(description="Which key the digests were made with")] = UNSET
    run: Annotated[str | UnsetType, Meta(description="The run of GitHub Actions that applied: id/attempt")] = UNSET
    service_ahead: Annotated[
        ClockOffset,
        Meta(description="Seconds that the service's clock was ahead of the one of `time`; absent: they agreed"),
    ] = UNSET
    approved: Annotated[
        dict[str, str] | UnsetType, Meta(description="Which approval lifted each guard that failed; absent: unknown")
    ] = UNSET
    unattended: Annotated[
        bool | UnsetType, Meta(description="true: the plan was not reviewed (`apply --unattended`)")
    ] = UNSET
    protected: Annotated[
        tuple[str, ...] | UnsetType, Meta(description="Ids of accounts that the entries of their users protect")
    ] = UNSET
    unprotected: Annotated[
        tuple[str, ...] | UnsetType, Meta(description="Ids of accounts whose entries ended their protection")
    ] = UNSET
    accounts: Annotated[
        tuple[str, ...] | UnsetType,
        Meta(description="Ids of active accounts that users in scope had, at most 1,000; absent: as on record"),
    ] = UNSET
    population: Annotated[
        PopulationNote | UnsetType,
        Meta(description="What incremental plans go on from; absent: the plan left users open, or was of some users"),
    ] = UNSET

    @property
    def recorded_target(self) -> Target:
        """Where the apply went."""
        return Target(self.profile, self.target, self.tenant if isinstance(self.tenant, str) and self.tenant else None)


class Started(ReceiptLine, frozen=True, kw_only=True, tag="started"):
    """A request is about to be sent."""

    address: str = ""
    action: ActionName = ""
    id: str | None = None
    attributes: tuple[str, ...] = ()
    original_user_name: Annotated[
        str | UnsetType, Meta(description="The name to go back to, if the request gives a temporary one")
    ] = UNSET
    was_active: Annotated[
        bool | UnsetType, Meta(description="Whether the account was active before; absent for a create")
    ] = UNSET
    user_name: Annotated[
        str | UnsetType | None, Meta(description="The account's userName before; absent for a create")
    ] = UNSET
    external_id: Annotated[
        str | UnsetType | None, Meta(description="The account's externalId before; absent for a create")
    ] = UNSET
    full_name: Annotated[
        str | UnsetType | None, Meta(description="The account's full name before, if the request changes a part of it")
    ] = UNSET
    last_modified: Annotated[
        str | UnsetType,
        Meta(description="The service's meta.lastModified of the account before, if the request removes it"),
    ] = UNSET


class Finished(ReceiptLine, frozen=True, kw_only=True, tag="finished"):
    """A change was carried out, failed or was left out."""

    address: str = ""
    action: ActionName = ""
    id: str | None = None
    user_name: str | None = None
    result: ResultName = ""
    message: str = ""
    attributes: tuple[str, ...] = ()
    change: Annotated[str, Meta(description="The same for the same change")] = ""
    external_id: Annotated[str | UnsetType | None, Meta(description="The account's externalId")] = UNSET
    protected: Annotated[bool | UnsetType, Meta(description="The entry of the new user protects the account")] = UNSET
    forms: Annotated[
        tuple[str, ...] | UnsetType,
        Meta(description="Digests of values that the service stored in another form: account, path, sent and shown"),
    ] = UNSET
    unseen: Annotated[
        str | UnsetType, Meta(description="Id of an inactive account that the service has, and does not show")
    ] = UNSET
    unconfirmed: Annotated[
        dict[str, str] | UnsetType,
        Meta(description="Digests of the values, by path, that show as before although the request may be in effect"),
    ] = UNSET


class Quarantined(ReceiptLine, frozen=True, kw_only=True, tag="quarantined"):
    """The apply stops itself."""

    reason: Annotated[str, Meta(description="Why an apply stopped itself, in Entra's names")] = ""
    message: str = ""


class ApplyFinished(ReceiptLine, frozen=True, kw_only=True, tag="apply_finished"):
    """The apply is over. The counts are of outcomes; a result that no change had is absent."""

    how: EndName = "complete"
    left: Annotated[int, Meta(description="Changes that were not begun")] = 0
    done: Count = UNSET
    failed: Count = UNSET
    skipped: Count = UNSET
    not_in_effect: Count = UNSET
    unknown: Count = UNSET


class UnknownLine(ReceiptLine, frozen=True, kw_only=True, tag=""):
    """An event that this version does not know, with what may protect an account all the same."""

    action: ActionName = ""
    id: str | None = None
    user_name: str | None = None
    result: ResultName = ""


KnownLine = ApplyStarted | Started | Finished | Quarantined | ApplyFinished
_CLASSES: tuple[type[ReceiptLine], ...] = (ApplyStarted, Started, Finished, Quarantined, ApplyFinished)
_BY_EVENT = {str(each.__struct_config__.tag): each for each in _CLASSES}
_decode: Callable[[bytes], ReceiptLine] = msgspec.json.Decoder(KnownLine).decode
_decode_lines: Callable[[bytes], list[ReceiptLine]] = msgspec.json.Decoder(KnownLine).decode_lines


def to_entry(line: ReceiptLine) -> dict[str, Any]:
    """Return the JSON object of a line, its keys in the order in which they are written."""
    values = ((name, getattr(line, name)) for name in line.__struct_fields__)
    fields = {name: msgspec.to_builtins(value) if isinstance(value, Struct) else value for name, value in values}
    head = {"format_version": line.format_version, "time": line.time, "event": line.event}
    return {**head, **{name: value for name, value in fields.items() if value is not UNSET}}


def parse_entry(text: bytes) -> dict[str, Any]:
    """Return the JSON object of a line as it is.

    Raises `ValueError` or `RecursionError` if it is not JSON, `TypeError` if it is not an object.
    """
    entry = json.loads(text)
    if not isinstance(entry, dict):
        raise TypeError("not an object")
    return entry


def parse_line(text: bytes) -> ReceiptLine:
    """Return a line. Raises as `parse_entry`."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # An unknown event, a value of another type, or what only Python's parser takes: half a surrogate pair.
        return _coerce(parse_entry(text))


def parse_whole_lines(content: bytes) -> list[ReceiptLine] | None:
    """Return the lines of a receipt, parsed at once; None if one has to be looked at by itself, or is not complete.

    A caller that gets None parses line by line, with the same result for all that is not None here.
    """
    try:
        lines = _decode_lines(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    # It also takes several objects on one line, and one on several. Neither is left if each end of a line is between
    # two objects, where JSON cannot go on, and there are as many.
    count = len(lines)
    whole = content.count(b"\n") == count == content.count(b"}\n{") + 1 and content.endswith(b"}\n")
    return lines if whole else None


def _coerce(entry: dict[str, Any]) -> ReceiptLine:
    """Return the line of an object whose values may have any type.

    What is not a text is one, what is not a flag is false, what is not a number is 0; all else is as if it was absent.
    """
    kind = _BY_EVENT.get(str(entry.get("event")), UnknownLine)
    fields = msgspec.structs.fields(kind)
    return kind(**{each.name: _coerce_value(entry[each.name], each) for each in fields if each.name in entry})


def _coerce_value(value: Any, field: msgspec.structs.FieldInfo) -> Any:
    try:
        return msgspec.convert(value, field.type)
    except msgspec.ValidationError:
        match field.default:
            case str():
                return str(value)
            case bool():
                return False
            case int():
                return int(value) if isinstance(value, int) else 0
            case default:
                return default


def json_schema() -> dict[str, Any]:
    """Return the published JSON Schema of one line of a receipt."""
    schemas, definitions = msgspec.json.schema_components((*_CLASSES, ReceiptLine), ref_template="#/$defs/{name}")
    common = definitions.pop(ReceiptLine.__name__)["properties"]
    for properties in (common, *(each["properties"] for each in definitions.values())):
        for each in properties.values():
            each.pop("default", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of a receipt of Reconciler",
        "type": "object",
        "required": _REQUIRED,
        "properties": {**common, "event": {"enum": list(_BY_EVENT)}},
        "oneOf": list(schemas)[:-1],
        "$defs": definitions,
    }
