from typing import Any

import pytest

from reconciler.errors import TargetError
from reconciler.scim.list_response import parse_page
from reconciler.scim.listed_users import Page

ADA = {"id": "7"}
CALLED_A_LIST = ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]


@pytest.mark.parametrize(
    ("body", "page"),
    [
        ({"totalResults": 1, "Resources": [ADA]}, Page(1, [ADA])),
        ({"TOTALRESULTS": "1", "resources": [ADA], "nextCursor": "c"}, Page(1, [ADA], "c")),
        ({"totalResults": 0, "Resources": None}, Page(0, [])),
        ({"schemas": CALLED_A_LIST, "Resources": [ADA]}, Page(None, [ADA])),
        ({"totalResults": 9, "nextCursor": []}, Page(9, [], None, "the service's nextCursor is not a string")),
    ],
)
def test_a_page_is_parsed_whatever_the_case_of_its_keys(body: dict[str, Any], page: Page) -> None:
    assert parse_page(body) == page


@pytest.mark.parametrize(
    "body",
    [{}, {"Resources": []}, {"totalResults": "x", "schemas": CALLED_A_LIST}, {"totalResults": 1, "Resources": 1}],
)
def test_what_is_no_list_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(TargetError, match="the service lists users"):
        parse_page(body)
