"""Services that answer incorrectly: the result is the right plan or a clear refusal, never a wrong plan."""

from __future__ import annotations

from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer, ServerFaults, make_user
from support.workspace import CommandResult, OpenWorkspace, source

PEOPLE = 450  # three pages of 200
RIGHT = {"new@example.com": "create", "changed": "update", "gone-1": "deactivate", "gone-2": "deactivate"}


def plan_and_apply(
    open_workspace: OpenWorkspace, faults: ServerFaults, count: int = PEOPLE
) -> tuple[FakeScimServer, CommandResult]:
    """Plan for `count` live users: one is to be changed, two are gone from git, and one in git is new."""
    service = FakeScimServer(faults, [make_user(number) for number in range(count)])
    workspace = open_workspace(service)
    live = [make_user(number) for number in range(count)]
    names = {live[0]["userName"]: "changed", live[-1]["userName"]: "gone-1", live[count // 2]["userName"]: "gone-2"}
    wanted = [source(user) for user in live if names.get(user["userName"]) in (None, "changed")]
    wanted[0]["department"] = "Moved"
    wanted.append(source(make_user(9000, userName="new@example.com")))
    workspace.users(wanted)
    result = workspace.plan()
    return service, CommandResult(result.code, _with_names(result.out, names), result.err)


def _with_names(text: str, names: dict[str, str]) -> str:
    for name, word in names.items():
        text = text.replace(f'"key": "{name}"', f'"key": "{word}"')
    return text


RIGHT_PLAN: dict[str, ServerFaults] = {
    "nothing odd": ServerFaults(),
    "clamps count silently": ServerFaults(page_cap=50),
    "clamps count to one": ServerFaults(page_cap=7),
    "refuses a large count with 400": ServerFaults(reject_count_above=100),
    "refuses a large count with 500": ServerFaults(reject_count_above=30, reject_status=500),
    "page 1 again past the end": ServerFaults(first_page_past_end=True),
    "startIndex echoed": ServerFaults(echo_start_index=True),
    "no itemsPerPage": ServerFaults(omit_items_per_page=True),
    "newest first": ServerFaults(newest_first=True),
    "newest first, a create shifts every page": ServerFaults(newest_first=True, create_during_read=1),
    "a user is created while reading": ServerFaults(create_during_read=2),
    "ids ordered as text": ServerFaults(ids_as_text=True),
    "ids ordered as text, a create while reading": ServerFaults(ids_as_text=True, create_during_read=1),
    "drops the enterprise extension in lists": ServerFaults(drop_enterprise_in_lists=True),
    "active as text": ServerFaults(active_as_string=True),
    "active left out when true": ServerFaults(omit_active_when_true=True),
    "user names in lower case": ServerFaults(lowercase_user_name=True),
    "no meta": ServerFaults(omit_meta=True),
    "no ETag": ServerFaults(no_etag=True),
    "a body-hash ETag": ServerFaults(body_hash_etag_ignores_if_match=True),
    "ids as numbers": ServerFaults(id_as_integer=True),
    "total as text": ServerFaults(total_as_string=True),
    "no Resources when empty": ServerFaults(resources_missing_when_empty=True),
    "resources in lower case": ServerFaults(resources_lowercase=True),
    "ignores filters": ServerFaults(ignore_filter=True),
    "refuses filters with 400": ServerFaults(filter_unsupported=400),
    "refuses filters with 501": ServerFaults(filter_unsupported=501),
    "a page fails once": ServerFaults(error_on_page=2, error_status=500),
    "a page is busy once": ServerFaults(error_on_page=2, error_status=503, retry_after=0),
    "too many requests once, in seconds": ServerFaults(error_on_page=1, error_status=429, retry_after=1),
    "too many requests once, as a date": ServerFaults(
        error_on_page=3, error_status=429, retry_after=1, retry_after_as_date=True
    ),
    "a connection breaks once": ServerFaults(broken_transfer=2),
    "a connection is closed once": ServerFaults(lost_list=1),
    "JSON is cut off once": ServerFaults(truncated_json=2),
    "the first page is empty once": ServerFaults(body_on_list=1),
    "a page is blank twice": ServerFaults(body_on_list=2, body=b" \r\n", broken_times=2),
}

REFUSED: dict[str, tuple[ServerFaults, int, str]] = {
    "caps totalResults": (ServerFaults(cap_total=200), 3, "but lists more"),
    "caps what can be reached": (ServerFaults(cap_depth=400), 3, "is empty, though more users were announced"),
    "caps both": (ServerFaults(cap_total=300, cap_depth=300), 3, "the list leaves out"),
    "ignores startIndex": (ServerFaults(ignore_start_index=True), 3, "repeats users only; startIndex may be ignored"),
    "a user twice, another not at all": (ServerFaults(duplicate_on_page=2), 3, "twice (3 attempts)"),
    "a short page": (ServerFaults(short_page=2), 3, ""),
    "shuffles": (ServerFaults(unstable_order=True), 3, "twice (3 attempts)"),
    "says it is empty": (ServerFaults(empty_lie=True), 3, "the list leaves out"),
    "a user without an id": (ServerFaults(user_without_id="ada.0@example.com"), 3, "without an id"),
    "no total": (ServerFaults(total_missing=True), 1, "without saying how many there are"),
    "HTML called JSON": (ServerFaults(html_as_json=1), 1, "a web page instead of JSON"),
    "HTML called JSON on page 2": (ServerFaults(html_as_json=2), 1, "a web page instead of JSON"),
    "a login page": (ServerFaults(login_page=True), 1, "a web page instead of JSON"),
    "JSON cut off": (ServerFaults(truncated_json=2, broken_times=None), 1, "not JSON"),
    "an empty page": (ServerFaults(body_on_list=2, broken_times=None), 1, "nothing instead of JSON"),
    "JSON nested without end": (ServerFaults(deep_json=100_000), 1, "not JSON"),
    "a redirect": (ServerFaults(redirect="http://127.0.0.1:9"), 1, 'redirects to "http://127.0.0.1:9'),
    "an endless answer": (ServerFaults(huge_body=200_000_000), 1, "larger than 64 MiB"),
    "a gzip bomb": (ServerFaults(gzip_bomb=300_000_000), 1, "larger than 64 MiB"),
    "a page that keeps failing": (
        ServerFaults(error_on_page=2, error_status=501, error_times=None),
        3,
        "(the page from startIndex 201 on)",
    ),
}


@pytest.mark.parametrize("name", RIGHT_PLAN)
def test_a_nonconforming_service_gets_the_right_plan(name: str, open_workspace: OpenWorkspace) -> None:
    service, result = plan_and_apply(open_workspace, RIGHT_PLAN[name])
    assert result.code == 2, result.err
    actions = result.actions
    extra = [key for key in actions if key not in RIGHT]
    # The user created meanwhile is managed and not in git, so the removal is correct.
    assert {actions[key] for key in extra} <= {"deactivate"}
    assert len(extra) <= (1 if service.faults.create_during_read else 0)
    assert {key: actions[key] for key in RIGHT if key in actions} == RIGHT
    assert result.plan["complete"]
    assert service.writes == []


@pytest.mark.parametrize("name", REFUSED)
def test_an_unreliable_service_is_refused(name: str, open_workspace: OpenWorkspace) -> None:
    faults, code, message = REFUSED[name]
    service, result = plan_and_apply(open_workspace, faults)
    assert (result.code, service.writes) == (code, []), result.out[:2000] + result.err
    if code == 3:
        assert not result.plan["complete"]
        assert not result.plan["applyable"]
        assert {change["action"] for change in result.plan["resource_changes"]} <= {"update", "adopt", "reactivate"}
        guards = [guard["message"] for guard in result.plan["guards"] if guard["name"] == "complete-read"]
        assert message in guards[0]
    else:
        assert result.out == ""
        assert message in result.err
    assert "Traceback" not in result.err


def test_an_expired_token_is_reported(open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = open_workspace(FakeScimServer())
    monkeypatch.setenv("RECONCILER_TOKEN", "another")
    result = workspace.plan()
    assert result.code == 1
    assert "does not accept the token (401)" in result.err
    assert "another" not in result.err


def test_a_wrong_base_url_is_reported_with_what_to_check(open_workspace: OpenWorkspace) -> None:
    workspace = open_workspace(FakeScimServer())
    workspace.base_url += "/v2"
    workspace.settings()
    result = workspace.plan()
    assert result.code == 1
    assert "there is no SCIM service" in result.err
    assert "Apple's has no /v2" in result.err


def test_an_incomplete_read_is_not_applied(open_workspace: OpenWorkspace) -> None:
    service = FakeScimServer(ServerFaults(cap_total=200), [make_user(number) for number in range(250)])
    workspace = open_workspace(service)
    workspace.users([source(make_user(number), department="Moved") for number in range(3)])
    result = workspace.apply()
    assert result.code == 3
    assert "could not be read completely" in result.out
    assert service.writes == []


def test_values_missing_from_the_list_are_detected_and_cleared(open_workspace: OpenWorkspace) -> None:
    """The list drops the enterprise extension, and no user in git has a department: only a read by id shows it."""
    users: list[dict[str, Any]] = [make_user(number) for number in range(4)]
    service = FakeScimServer(ServerFaults(drop_enterprise_in_lists=True), users)
    workspace = open_workspace(service)
    workspace.write(
        "mappings.yaml",
        "- {target: externalId, source: objectId, match: 1}\n"
        "- {target: userName, source: userPrincipalName, match: 2}\n"
        "- {target: 'enterprise:department', source: department, when_null: clear}\n",
    )
    workspace.users([source(user, department=None) for user in users])
    result = workspace.plan()
    assert result.code == 2
    assert set(result.actions.values()) == {"update"}
    assert len(result.actions) == 4
