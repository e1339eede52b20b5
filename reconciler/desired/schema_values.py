"""The kinds of values in the files of the desired state. Every scalar arrives as text."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)

NOT_BOOLEAN = "expected true or false"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _parse_boolean(value: Any) -> Any:
    text = value.strip().casefold() if isinstance(value, str) else value
    if text in (True, False):
        return text
    if text in ("true", "false"):
        return text == "true"
    raise ValueError(NOT_BOOLEAN)


def _parse_flag(value: Any) -> Any:
    return False if value is None else _parse_boolean(value)


def _parse_day(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # Pydantic would read "20261201" as seconds since 1970.
    text = value.strip()
    if _DATE.fullmatch(text):
        with suppress(ValueError):
            return date.fromisoformat(text)
    raise ValueError("expected a date such as 2026-12-31")


def _parse_optional_day(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else _parse_day(value)


def to_list(value: Any) -> Any:
    """Return an empty list for a key without a value."""
    return [] if value is None else value


def _allow_null(schema: dict[str, Any]) -> None:
    schema["type"] = [schema["type"], "null"]


EMPTY_IS_LIST = (BeforeValidator(to_list), Field(json_schema_extra=_allow_null))
"""Annotations of a list that may be a key without a value."""
Boolean = Annotated[bool, BeforeValidator(_parse_boolean)]
Flag = Annotated[bool, BeforeValidator(_parse_flag), Field(json_schema_extra=_allow_null)]
"""A boolean that is false without a value."""
Day = Annotated[date, BeforeValidator(_parse_day)]
OptionalDay = Annotated[date | None, BeforeValidator(_parse_optional_day)]
"""A date, or no value: an empty text is none."""
DeclaredDay = Annotated[date | None, BeforeValidator(_parse_day)]
"""A date, or a key without a value. An empty text is an error: nothing would warn of what it was to say."""
TextList = Annotated[list[str], *EMPTY_IS_LIST]
OptionalTextList = Annotated[list[str], *EMPTY_IS_LIST] | None
"""A list, or no key: a key without a value is an empty list."""
Percent = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]


class StrictModel(BaseModel):
    """A mapping that has no other keys than these."""

    model_config = ConfigDict(extra="forbid", frozen=True)
