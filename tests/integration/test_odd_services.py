"""Services lie. Every lie ends in the right plan or in a clear refusal, never in a wrong plan."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Open
from servers.odd_scim import Oddities, OddScim, make_user
from workspace import Ended, source

PEOPLE = 450  # three pages of 200
RIGHT = {"new@example.com": "create", "changed": "update", "gone-1": "deactivate", "gone-2": "deactivate"}


def company(at_work: Open, oddities: Oddities, people: int = PEOPLE) -> tuple[OddScim, Ended]:
    """Of `people` live users one is to be changed, two are gone from git, and one in git is new."""
    service = OddScim(oddities, [make_user(number) for number in range(people)])
    workspace = at_work(service)
    live = [make_user(number) for number in range(people)]
    names = {live[0]["userName"]: "changed", live[-1]["userName"]: "gone-1", live[people // 2]["userName"]: "gone-2"}
    wanted = [source(user) for user in live if names.get(user["userName"]) in (None, "changed")]
    wanted[0]["department"] = "Moved"
    wanted.append(source(make_user(9000, userName="new@example.com")))
    workspace.users(wanted)
    ended = workspace.plan()
    return service, Ended(ended.code, _named(ended.out, names), ended.err)


def _named(text: str, names: dict[str, str]) -> str:
    for name, word in names.items():
        text = text.replace(f'"key": "{name}"', f'"key": "{word}"')
    return text


RIGHT_PLAN: dict[str, Oddities] = {
    "nothing odd": Oddities(),
    "clamps count silently": Oddities(page_cap=50),
    "clamps count to one": Oddities(page_cap=7),
    "refuses a large count with 400": Oddities(reject_count_above=100),
    "refuses a large count with 500": Oddities(reject_count_above=30, reject_status=500),
    "page 1 again past the end": Oddities(first_page_past_end=True),
    "startIndex echoed": Oddities(echo_start_index=True),
    "no itemsPerPage": Oddities(omit_items_per_page=True),
    "newest first": Oddities(newest_first=True),
    "newest first, a create shifts every page": Oddities(newest_first=True, create_during_read=1),
    "a user is created while reading": Oddities(create_during_read=2),
    "ids ordered as text": Oddities(ids_as_text=True),
    "ids ordered as text, a create while reading": Oddities(ids_as_text=True, create_during_read=1),
    "drops the enterprise extension in lists": Oddities(drop_enterprise_in_lists=True),
    "active as text": Oddities(active_as_string=True),
    "active left out when true": Oddities(omit_active_when_true=True),
    "user names in lower case": Oddities(lowercase_user_name=True),
    "no meta": Oddities(omit_meta=True),
    "no ETag": Oddities(no_etag=True),
    "a body-hash ETag": Oddities(body_hash_etag_ignores_if_match=True),
    "ids as numbers": Oddities(id_as_integer=True),
    "total as text": Oddities(total_as_string=True),
    "no Resources when empty": Oddities(resources_missing_when_empty=True),
    "resources in lower case": Oddities(resources_lowercase=True),
    "ignores filters": Oddities(ignore_filter=True),
    "refuses filters with 400": Oddities(filter_unsupported=400),
    "refuses filters with 501": Oddities(filter_unsupported=501),
    "a page fails once": Oddities(error_on_page=2, error_status=500),
    "a page is busy once": Oddities(error_on_page=2, error_status=503, retry_after=0),
    "too many requests once, in seconds": Oddities(error_on_page=1, error_status=429, retry_after=1),
    "too many requests once, as a date": Oddities(
        error_on_page=3, error_status=429, retry_after=1, retry_after_as_date=True
    ),
    "a connection breaks once": Oddities(broken_transfer=2),
}

REFUSED: dict[str, tuple[Oddities, int, str]] = {
    "caps totalResults": (Oddities(cap_total=200), 3, "more come after them"),
    "caps what can be reached": (Oddities(cap_depth=400), 3, "no users came from startIndex"),
    "caps both": (Oddities(cap_total=300, cap_depth=300), 3, "the list leaves out"),
    "ignores startIndex": (Oddities(ignore_start_index=True), 3, "is it ignored?"),
    "a user twice, another not at all": (Oddities(duplicate_on_page=2), 3, "came twice"),
    "a short page": (Oddities(short_page=2), 3, ""),
    "shuffles": (Oddities(unstable_order=True), 3, "came twice"),
    "says it is empty": (Oddities(empty_lie=True), 3, "the list leaves out"),
    "a user without an id": (Oddities(user_without_id="ada.0@example.com"), 3, "without an id"),
    "no total": (Oddities(total_missing=True), 1, "without saying how many there are"),
    "HTML called JSON": (Oddities(html_as_json=1), 1, "a web page instead of JSON"),
    "HTML called JSON on page 2": (Oddities(html_as_json=2), 1, "a web page instead of JSON"),
    "a login page": (Oddities(login_page=True), 1, "a web page instead of JSON"),
    "JSON cut off": (Oddities(truncated_json=2), 1, "not JSON"),
    "JSON nested without end": (Oddities(deep_json=100_000), 1, "not JSON"),
    "a redirect": (Oddities(redirect="http://127.0.0.1:9"), 1, 'redirects to "http://127.0.0.1:9'),
    "an endless answer": (Oddities(huge_body=200_000_000), 1, "larger than 64 MiB"),
    "a gzip bomb": (Oddities(gzip_bomb=300_000_000), 1, "larger than 64 MiB"),
    "a page that keeps failing": (Oddities(error_on_page=2, error_status=501, error_times=None), 3, "a page failed"),
}


@pytest.mark.parametrize("name", RIGHT_PLAN)
def test_an_odd_service_gets_the_right_plan(name: str, at_work: Open) -> None:
    service, ended = company(at_work, RIGHT_PLAN[name])
    assert ended.code == 2, ended.err
    actions = ended.actions
    extra = [key for key in actions if key not in RIGHT]
    # The user whom somebody created meanwhile is managed and not in git: removing it is right.
    assert {actions[key] for key in extra} <= {"deactivate"}
    assert len(extra) <= (1 if service.oddities.create_during_read else 0)
    assert {key: actions[key] for key in RIGHT if key in actions} == RIGHT
    assert ended.plan["complete"]
    assert service.writes == []


@pytest.mark.parametrize("name", REFUSED)
def test_a_service_that_cannot_be_relied_on_is_refused(name: str, at_work: Open) -> None:
    oddities, code, words = REFUSED[name]
    service, ended = company(at_work, oddities)
    assert (ended.code, service.writes) == (code, []), ended.out[:2000] + ended.err
    if code == 3:
        assert not ended.plan["complete"]
        assert not ended.plan["applyable"]
        assert {change["action"] for change in ended.plan["resource_changes"]} <= {"update", "adopt", "reactivate"}
        guards = [guard["message"] for guard in ended.plan["guards"] if guard["name"] == "complete-read"]
        assert words in guards[0]
    else:
        assert ended.out == ""
        assert words in ended.err
    assert "Traceback" not in ended.err


def test_an_expired_token_says_so(at_work: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = at_work(OddScim())
    monkeypatch.setenv("RECONCILER_TOKEN", "another")
    ended = workspace.plan()
    assert ended.code == 1
    assert "does not accept the token (401)" in ended.err
    assert "another" not in ended.err


def test_a_wrong_base_url_says_what_to_check(at_work: Open) -> None:
    workspace = at_work(OddScim())
    workspace.base_url += "/v2"
    workspace.settings()
    ended = workspace.plan()
    assert ended.code == 1
    assert "there is no SCIM service" in ended.err
    assert "Apple's has no /v2" in ended.err


def test_an_incomplete_read_is_not_applied(at_work: Open) -> None:
    service = OddScim(Oddities(cap_total=200), [make_user(number) for number in range(250)])
    workspace = at_work(service)
    workspace.users([source(make_user(number), department="Moved") for number in range(3)])
    ended = workspace.apply()
    assert ended.code == 3
    assert "could not be read completely" in ended.out
    assert service.writes == []


def test_hidden_values_that_must_be_cleared_are_seen(at_work: Open) -> None:
    """The list drops the enterprise extension, and nobody in git has a department: only reading by id shows it."""
    people: list[dict[str, Any]] = [make_user(number) for number in range(4)]
    service = OddScim(Oddities(drop_enterprise_in_lists=True), people)
    workspace = at_work(service)
    workspace.write(
        "mappings.yaml",
        "- {target: externalId, source: objectId, match: 1}\n"
        "- {target: userName, source: userPrincipalName, match: 2}\n"
        "- {target: 'enterprise:department', source: department, when_null: clear}\n",
    )
    workspace.users([source(user, department=None) for user in people])
    ended = workspace.plan()
    assert ended.code == 2
    assert set(ended.actions.values()) == {"update"}
    assert len(ended.actions) == 4
