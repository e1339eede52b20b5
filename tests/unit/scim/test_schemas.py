from __future__ import annotations

from typing import Any

import httpx
import pytest
from support.servers.discovery import schemas
from support.servers.patching import CORE

from reconciler.errors import ScimError, TargetError
from reconciler.scim.schemas import ask_for_unique_user_names, declares_unique_user_names


@pytest.mark.parametrize(
    ("row", "unique"),
    [
        ({}, True),
        ({"uniqueness": "global"}, True),
        ({"name": "USERNAME"}, True),
        ({"caseExact": None}, True),
        ({"caseExact": True}, False),
        ({"uniqueness": "none"}, False),
        ({"uniqueness": "Server"}, False),
        ({"uniqueness": ["server"]}, False),
        ({"uniqueness": True}, False),
        ({"uniqueness": None}, False),
        ({"name": "userNames"}, False),
        ({"name": None}, False),
    ],
)
def test_the_row_of_the_user_name_says_whether_names_are_unique(row: dict[str, Any], *, unique: bool) -> None:
    assert declares_unique_user_names(schemas(**row)) is unique


def test_every_row_and_schema_of_users_has_to_say_it() -> None:
    document = schemas()
    user = document["Resources"][0]
    document["Resources"].append({**user, "id": CORE.upper(), "attributes": []})
    assert not declares_unique_user_names(document)
    document = schemas()
    document["Resources"][0]["attributes"].append({"name": "userName", "uniqueness": "none"})
    assert not declares_unique_user_names(document)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "server",
        {},
        {"Resources": None},
        {"Resources": {}},
        {"Resources": [None, 1, {"id": 7}]},
        *[{"Resources": [{"id": CORE, "attributes": rows}]} for rows in (None, {}, [], [None], ["userName"])],
    ],
)
def test_what_is_no_list_of_schemas_declares_nothing(document: Any) -> None:
    assert not declares_unique_user_names(document)


class Service:
    def __init__(self, answer: httpx.Response | Exception) -> None:
        self.answer = answer

    def ask(self, path: str, parameters: None = None, *, seconds: float | None = None) -> httpx.Response:
        assert (path, parameters) == ("/Schemas", None)
        assert seconds is not None
        assert seconds <= 10, "creates wait for it"
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "unique"),
    [
        (httpx.Response(200, json=schemas()), True),
        (httpx.Response(200, json=schemas(uniqueness="none")), False),
        (httpx.Response(404, json=schemas()), False),
        (httpx.Response(200, content=b"<html>"), False),
        (ScimError(0, "", "too large"), False),
        (TargetError("no answer"), False),
    ],
)
def test_a_service_that_does_not_say_it_declares_nothing(answer: httpx.Response | Exception, *, unique: bool) -> None:
    assert ask_for_unique_user_names(Service(answer)) is unique
