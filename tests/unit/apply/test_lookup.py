from __future__ import annotations

from typing import Any

import pytest
from support.builders import APPLE, attribute, change, reader, resource
from support.scripted_service import NAME_FREE, REFUSED, Answered, ScriptedService

from reconciler.apply.lookup import UserLookup
from reconciler.core.plan import Action

NEW = change("new", Action.CREATE)
ADA = resource("ada")


def lookup(service: ScriptedService) -> UserLookup:
    return UserLookup(service, reader(), APPLE)


@pytest.mark.parametrize(
    ("answer", "ids", "complete"),
    [
        ([], [], True),
        ([ADA], ["live-ada"], True),
        ([resource("ada", userName="ADA@example.com")], ["live-ada"], True),
        ([resource("eve")], [], False),
        ([ADA, resource("eve")], ["live-ada"], False),
        ([{**ADA, "userName": "ada@example.com.evil.org"}], [], False),
        ([{key: value for key, value in ADA.items() if key != "userName"}], [], False),
        ([{**ADA, "id": ".."}], [], False),
        ([{**ADA, "id": None}], [], False),
        ([{"userName": "ada@example.com"}], [], False),
        ([{**ADA, "id": 7}], ["7"], True),
    ],
)
def test_an_answer_counts_for_users_that_have_the_value_only(
    answer: list[dict[str, Any]], ids: list[str], *, complete: bool
) -> None:
    service = ScriptedService()
    service.script["FIND userName ada@example.com"] = [Answered(answer)]
    found = lookup(service).find("userName", "ada@example.com")
    assert ([user.id for user in found.users], found.complete) == (ids, complete)


def test_values_are_compared_as_the_profile_says() -> None:
    service = ScriptedService()
    asked = Answered([resource("ada", externalId="ID-ADA")])
    service.script["FIND externalId id-ada"] = [asked, asked]
    assert lookup(service).find("externalId", "id-ada").users
    exact = UserLookup(service, reader(), type(APPLE)(**{**_fields(APPLE), "attributes": (attribute("externalId"),)}))
    assert not exact.find("externalId", "id-ada").users


def _fields(profile: Any) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in profile.__dataclass_fields__}


def test_a_refused_filter_proves_nothing() -> None:
    service = ScriptedService(resource("new"))
    service.script["FIND userName new@example.com"] = [REFUSED]
    assert not lookup(service).find("userName", "new@example.com").complete


def test_the_holder_of_a_name_is_asked_for_until_filters_turn_out_not_to_work() -> None:
    service = ScriptedService(resource("new"))
    found = lookup(service)
    assert found.find_name_holder(NEW) is not None
    service.script["FIND userName new@example.com"] = [Answered([resource("eve")])]
    assert found.find_name_holder(NEW) is None
    assert found.find_name_holder(NEW) is None
    assert service.log.count("FIND userName new@example.com") == 2


@pytest.mark.parametrize(("answer", "filters"), [(NAME_FREE, True), (REFUSED, False), (Answered([ADA]), False)])
def test_the_first_look_up_shows_whether_a_service_filters(answer: Any, *, filters: bool) -> None:
    service = ScriptedService()
    service.script["FIND userName new@example.com"] = [answer]
    found = lookup(service)
    assert not found.filters
    found.find_name_holder(NEW)
    assert found.filters is filters


def test_a_name_that_is_refused_says_nothing_about_the_others() -> None:
    service = ScriptedService(resource("new"))
    found = lookup(service)
    odd = change("odd", Action.CREATE)
    service.script["FIND userName odd@example.com"] = [NAME_FREE, REFUSED]
    assert [found.find_name_holder(odd), found.find_name_holder(odd)] == [None, None]
    assert found.find_name_holder(NEW) is not None


def test_a_service_that_refuses_the_first_look_up_is_not_asked_again() -> None:
    service = ScriptedService(resource("new"))
    found = lookup(service)
    service.script["FIND userName new@example.com"] = [REFUSED]
    assert [found.find_name_holder(NEW), found.find_name_holder(NEW)] == [None, None]
    assert service.log.count("FIND userName new@example.com") == 1


def test_a_created_user_is_found_by_external_id_then_by_name() -> None:
    service = ScriptedService(resource("new", externalId="other"))
    found, conclusive = lookup(service).find_created(NEW)
    assert (found and found.id, conclusive) == ("live-new", True)
    assert service.log == ["FIND externalId id-new", "FIND userName new@example.com"]
    assert lookup(ScriptedService()).find_created(NEW) == (None, True)
    two = ScriptedService(resource("new"), resource("new", id="again"))
    assert lookup(two).find_created(NEW) == (None, False)


def test_the_account_of_a_planned_change_is_the_one_with_its_id() -> None:
    gone = change("ada", Action.DELETE)
    found = lookup(ScriptedService(ADA)).find_planned(gone)
    assert found is not None
    assert lookup(ScriptedService(resource("ada", id="another"))).find_planned(gone) is None
    assert lookup(ScriptedService()).find_planned(gone) is None
