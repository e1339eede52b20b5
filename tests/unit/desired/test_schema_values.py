from datetime import date
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from reconciler.desired.schema_values import Boolean, Day, Flag, OptionalDay, StrictModel, TextList


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Boolean, "TRUE", True),
        (Boolean, False, False),
        (Flag, None, False),
        (Flag, "true", True),
        (Day, "2026-12-31", date(2026, 12, 31)),
        (Boolean, " True ", True),
        (Day, " 2026-12-31\t", date(2026, 12, 31)),
        (OptionalDay, "2026-12-31 ", date(2026, 12, 31)),
        (OptionalDay, "", None),
        (OptionalDay, "  ", None),
        (OptionalDay, "\u00a0", None),
        (OptionalDay, None, None),
        (TextList, None, []),
    ],
)
def test_scalars_become_what_their_key_needs(kind: Any, text: Any, value: Any) -> None:
    assert TypeAdapter(kind).validate_python(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Boolean, None),
        (Boolean, "yes"),
        (Boolean, "1"),
        (Flag, "no"),
        (Day, "20261231"),
        (Day, "2026-02-30"),
        (Day, ""),
        (Day, " "),
        (Boolean, ""),
        (OptionalDay, "-"),
        (OptionalDay, "20261231"),
        (OptionalDay, "2026 -12-31"),
        (OptionalDay, "31.12.2026"),
    ],
)
def test_anything_else_is_refused(kind: Any, text: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text)


def test_a_key_that_nothing_reads_is_refused() -> None:
    class Model(StrictModel):
        name: str = ""

    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Model.model_validate({"nam": "x"})
