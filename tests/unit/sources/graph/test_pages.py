from __future__ import annotations

import pytest

from reconciler.sources.graph.clouds import parse_origin
from reconciler.sources.graph.errors import GraphError, Reading
from reconciler.sources.graph.pages import RowCollector, check_link

READING = Reading("/users", 2)


def test_rows_are_converted_in_their_order() -> None:
    rows = RowCollector(lambda row: row["n"])
    assert rows.add({"value": [{"id": "a", "n": 1}, {"n": 2}]}, READING) == 2
    assert rows.add({"value": [{"id": "a", "n": 3}], "@odata.deltaLink": "x"}, READING) == 1
    found = rows.finish()
    assert (found.rows, found.pages, found.duplicates, found.delta_link) == ([1, 2, 3], 2, {"a"}, "x")


@pytest.mark.parametrize("port", ["", ":443"])
def test_a_link_of_the_same_origin_stays_as_it_is(port: str) -> None:
    link = f"https://Graph.Microsoft.com{port}/v1.0/users?$skiptoken=%2b%41"
    assert check_link(link, parse_origin("X", "https://graph.microsoft.com"), READING) == link


def test_a_link_elsewhere_is_shown_without_its_query() -> None:
    with pytest.raises(GraphError) as raised:
        check_link("https://evil.example/v1?secret", parse_origin("X", "https://graph.microsoft.com"), READING)
    assert raised.value.summary == (
        'the link on page 2 of /users leaves https://graph.microsoft.com: "https://evil.example/v1"'
    )
