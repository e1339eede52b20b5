"""Strict models of fleet.yaml and tenant.yaml: the one definition of their keys."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from reconciler.core.policy import MAX_APPROVAL_PERIOD
from reconciler.core.tenant_names import TENANT_NAME, TENANT_PATTERN, TENANT_RULE, is_tenant_name
from reconciler.core.text import quote, shorten
from reconciler.desired.layout import DEFAULTS, GROUPS, PLANS
from reconciler.desired.schema_values import EMPTY_IS_LIST, Count, Day, Percent, StrictModel, TextList

MAX_AT_ONCE = 256
MAX_SHARDS = 256
"""GitHub starts no more jobs of one matrix."""
MAX_RATE = 1000
_MAX_LABELS = 20
_MAX_LABEL = 100
_WHOLE = 100
_OFF = "off"
_FOLDER = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
_PLACE = re.compile(rf"(?P<parent>{_FOLDER})/(?P<name>\*|[^/*]+)")
_OTHER_FOLDERS = (DEFAULTS, GROUPS, PLANS)
"""Folders at the root of a fleet that hold something other than tenants."""
_PLACE_PATTERN = rf"^(?!({'|'.join(_OTHER_FOLDERS)})/){_FOLDER}/(\*|{TENANT_NAME})$"


def _check_name(text: str) -> str:
    if not is_tenant_name(text):
        raise ValueError(f"expected {TENANT_RULE}")
    return text


def split_place(text: str) -> tuple[str, str]:
    """Return the parent folder and the name of an entry of `tenants`; the name is * for all folders in the parent.

    Raises `ValueError` unless it is FOLDER/* or FOLDER/NAME.
    """
    found = _PLACE.fullmatch(text)
    if found is None or found["parent"] in _OTHER_FOLDERS:
        raise ValueError("expected FOLDER/* or FOLDER/NAME below the root of the fleet, such as tenants/*")
    if found["name"] != "*":
        _check_name(found["name"])
    return found["parent"], found["name"]


def _check_place(text: str) -> str:
    split_place(text)
    return text


def _describe_places(found: dict[str, Any]) -> None:
    """Say in the JSON Schema what `split_place` accepts."""
    place = {"type": "string", "pattern": _PLACE_PATTERN}
    found.pop("items")
    found["anyOf"] = [place, {"type": found.pop("type"), "items": place, "minItems": 1}]


def _to_places(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Name = Annotated[str, AfterValidator(_check_name), Field(json_schema_extra={"pattern": TENANT_PATTERN})]


class WaveEntry(StrictModel):
    """Tenants that are applied together: those named, else a share of the others, else all that are left."""

    name: Name = Field(description="Shown in summaries, and named by --wave and in tenant.yaml")
    tenants: Annotated[list[Name], *EMPTY_IS_LIST] = Field(default=[], description="Names of the tenants of this wave")
    percent: Percent | None = Field(
        default=None, description="Share of all tenants, by hash of the name: the same ones each time"
    )

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "required": ["tenants", "percent"],
                "properties": {"tenants": {"type": "array", "minItems": 1}, "percent": {"not": {"type": "null"}}},
            }
        }
    )

    @model_validator(mode="after")
    def _one_rule(self) -> WaveEntry:
        if self.tenants and self.percent is not None:
            raise ValueError("a wave has either tenants or percent")
        return self


class CapsEntry(StrictModel):
    """Upper bounds of one run over the fleet."""

    tenants_at_once: Annotated[int, Field(ge=1, le=MAX_AT_ONCE)] = Field(
        default=8, description="Tenants that one shard plans or applies at the same time"
    )
    requests_per_second: Annotated[float, Field(ge=1, le=MAX_RATE)] | None = Field(
        default=None, description="Of all tenants at one address together; without it each tenant has its own rate"
    )
    shards: Annotated[int, Field(ge=1, le=MAX_SHARDS)] = Field(
        default=32, description="Jobs that the tenants are divided among"
    )


def _parse_off(value: Any) -> Any:
    """Return None for the word off: a limit is switched off by a word, never by what is missing."""
    return None if value == _OFF else value


def _offer_off(found: dict[str, Any]) -> None:
    found["anyOf"] = [each for each in found["anyOf"] if each != {"type": "null"}] + [{"const": _OFF}]


CountOrOff = Annotated[Count | None, BeforeValidator(_parse_off), Field(json_schema_extra=_offer_off)]
PercentOrOff = Annotated[Percent | None, BeforeValidator(_parse_off), Field(json_schema_extra=_offer_off)]


class FleetLimitEntry(StrictModel):
    """A limit across tenants; the lower one of count and percent stops the run.

    One that is not given keeps its default; the word off is no limit.
    """

    count: CountOrOff
    percent: PercentOrOff


class FailedLimitEntry(FleetLimitEntry):
    """How many tenants of a wave may fail."""

    count: CountOrOff = Field(default=3, description="More than this stop the run; off: no number does")
    percent: PercentOrOff = Field(default=5, description="More than this share stops the run, too; off: none does")


class RemovalsLimitEntry(FleetLimitEntry):
    """How many accounts may be removed in all tenants of a wave."""

    count: CountOrOff = Field(default=200, description="More than this stop the run; off: no number does")
    percent: PercentOrOff = Field(default=2, description="More than this share stops the run, too; off: none does")


class FleetGuardsEntry(StrictModel):
    """What stops a run, or the next wave, across tenants."""

    failed: FailedLimitEntry = Field(default=FailedLimitEntry(), description="Tenants of the wave that failed")
    removals: RemovalsLimitEntry = Field(
        default=RemovalsLimitEntry(),
        description="Removed accounts, of those of the tenants in the plan",
    )
    tenants_changed_by_defaults: CountOrOff = Field(
        default=50, description="Tenants that a change of defaults/, groups/ or the program may affect at once"
    )
    new_tenants: CountOrOff = Field(default=5, description="New tenants in one run")


class FleetApprovalEntry(StrictModel):
    """Lets exactly one plan of the fleet pass guards across tenants, until a date."""

    plan: str = Field(pattern=r"^sha256:[0-9a-f]{64}$", description="The ID of the fleet plan, as gather prints it")
    lifts: Annotated[
        list[Literal["failed", "removals", "new_tenants", "tenants_changed_by_defaults"]],
        Field(min_length=1, json_schema_extra={"uniqueItems": True}),
    ] = Field(
        default=["removals"],
        description="Guards that it lifts; failed: of tenants without a plan",
    )
    until: Day = Field(description=f"The last day, at most {MAX_APPROVAL_PERIOD.days} days ahead")
    reason: str = Field(description="Why, for the reviewer and the record")


class FleetEntry(StrictModel):
    """fleet.yaml."""

    tenants: Annotated[list[Annotated[str, AfterValidator(_check_place)]], BeforeValidator(_to_places)] = Field(
        description="Where the tenants are: tenants/*, or a list of FOLDER/* and FOLDER/NAME",
        json_schema_extra=_describe_places,
    )
    waves: Annotated[list[WaveEntry], *EMPTY_IS_LIST] = Field(
        default=[], description="In which order tenants are applied; the last wave takes all that are left"
    )
    caps: CapsEntry = Field(default=CapsEntry(), description="Upper bounds of one run")
    guards: FleetGuardsEntry = Field(default=FleetGuardsEntry(), description="What stops a run across tenants")
    approvals: Annotated[list[FleetApprovalEntry], *EMPTY_IS_LIST] = Field(
        default=[], description="Each lets exactly one plan of the fleet pass"
    )

    @cached_property
    def places(self) -> frozenset[tuple[str, str]]:
        """Parent folder and name of each entry of `tenants`. Asked for each tenant and file: computed once."""
        return frozenset(map(split_place, self.tenants))

    @cached_property
    def parents(self) -> frozenset[str]:
        """The folders that hold tenants."""
        return frozenset(parent for parent, _ in self.places)


def _describe_list(found: dict[str, Any]) -> None:
    """Say in the JSON Schema that the list has an element."""
    found.update({"type": "array", "minItems": 1})


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    if len(labels) > _MAX_LABELS:
        raise ValueError(f"expected at most {_MAX_LABELS} labels")
    long = next((each for pair in labels.items() for each in pair if len(each) > _MAX_LABEL), None)
    if long is not None:
        raise ValueError(f"{quote(shorten(long, 40))} is longer than {_MAX_LABEL} characters")
    return labels


class TenantEntry(StrictModel):
    """tenant.yaml.

    That `domains` is required is checked where a fleet or its tenant is read: earlier revisions are read without it.
    """

    model_config = ConfigDict(json_schema_extra={"required": ["domains"]})

    group: Name | None = Field(
        default=None, description="Folder of groups/ whose files come between defaults/ and its own"
    )
    wave: Name | None = Field(default=None, description="Wave of fleet.yaml, in place of its share by percent")
    labels: Annotated[dict[str, str], AfterValidator(_check_labels)] = Field(
        default={},
        description="For readers and for reports",
        json_schema_extra={
            "maxProperties": _MAX_LABELS,
            "propertyNames": {"maxLength": _MAX_LABEL},
            "additionalProperties": {"type": "string", "maxLength": _MAX_LABEL},
        },
    )
    domains: TextList = Field(
        default=[],
        description="Verified domains of the organisation, at least one: they are target.domains, and no other "
        "tenant's. The token has to be for an organisation with one of them",
        json_schema_extra=_describe_list,
    )
