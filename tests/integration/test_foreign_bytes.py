"""Answers of services, of GitHub and of git, and small files, as strangers may write them: a value or an error of ours.

The law of `test_foreign_files`, for what does not come from a file that a command names.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest import mock

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.builders import MAPPINGS, OWNED, SCIM, resource
from support.command import assert_harmless
from support.foreign_bytes import NUMBERS, mutated
from support.git_repository import GitRepository

from reconciler.core.model import Target
from reconciler.core.planning.live_user import LiveReader
from reconciler.errors import ReconcilerError
from reconciler.git import commits as git_commits
from reconciler.git import incomplete_clone as git_incomplete_clone
from reconciler.git import repository as git_repository
from reconciler.git.commits import Commits
from reconciler.git.process import GitCommandError
from reconciler.git.repository import TreeFilter, find_head_commit, find_merge_base, read_regular_files, write_tree
from reconciler.github import import_pull
from reconciler.github.api import GitHub, retry_github
from reconciler.github.apply_runs import WorkflowRun, find_unapplied_runs, judge_run, refuse_after_later_runs
from reconciler.github.comments import Marker, close_issue, find_only_marker, write_comment, write_issue
from reconciler.github.environment import read_workflow
from reconciler.github.import_patch import read_patch
from reconciler.github.import_pull import ImportPull
from reconciler.github.reviewed_plan import (
    Pull,
    RecordedPlan,
    at_last_approval,
    download_plans,
    find_current_plan,
    find_merged_pull,
    find_recorded_plan,
)
from reconciler.record import merge
from reconciler.record.branch import find_local_tip
from reconciler.record.lock import LockWait, describe_holder, hold_lock
from reconciler.scim.client import ScimClient
from reconciler.scim.errors import ErrorMessages
from reconciler.scim.live_read import read_live
from reconciler.scim.response_limits import ResponseLimitTransport
from reconciler.scim.retry import parse_retry_after
from reconciler.scim.retry_transport import RetryTransport, ScimRetryRule
from reconciler.scim.secret import Secret, SentTokens
from reconciler.session.terminal import Terminal

SECONDS = 20
MANY = settings(
    max_examples=max(10, settings().max_examples // 3),  # each runs several commands or calls
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
BASE = "https://scim.example.com/scim"


def check(call: Callable[[], object], *others: type[Exception]) -> None:
    """Call; the only exceptions are those of the project, harmless when they are shown, and `others`."""
    began = time.monotonic()
    try:
        call()
    except ReconcilerError as exc:
        shown = io.StringIO()
        with contextlib.redirect_stderr(shown):
            Terminal(no_color=True, redact=False, quiet=False, verbose=False).error(exc)
        assert_harmless(shown.getvalue())
    except others:
        pass
    assert time.monotonic() - began < SECONDS


# --- a SCIM service ---------------------------------------------------------------

ADA = {**resource("ada"), "id": "7"}
LIST = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
    "totalResults": 1,
    "startIndex": 1,
    "itemsPerPage": 1,
    "Resources": [ADA],
}
ERROR = {
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
    "status": "409",
    "scimType": "uniqueness",
    "detail": "no",
}
HEADERS = {
    "Retry-After": [
        "0",
        "1",
        "-1",
        "1e9",
        "9" * 5_000,
        "²",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Mon, 01 Jan 0001 00:00:00 +1400",
        "",
    ],
    "Location": ["https://[", "//", "https://a..b/", "javascript:x", "\xff\xfe", "x" * 5_000, "http://[::1%25x]/"],
    "Content-Type": ["text/html", "application/scim+json; charset=utf-7", "\xff", "application/json; charset=x"],
    "Content-Encoding": ["gzip", "gzip, gzip", "br", "identity", "zstd", "\xff"],
    "Content-Length": ["0", "5", "-1"],
    "ETag": ['W/"1"', "\xff"],
    "Date": ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 +1400", "x", ""],
    "X-Rate-Limit-Reset": ["9" * 400],
}


def headers() -> st.SearchStrategy[list[tuple[bytes, bytes]]]:
    each = st.sampled_from([(name, value) for name, values in HEADERS.items() for value in values])
    return st.lists(each.map(lambda pair: (pair[0].encode(), pair[1].encode("latin-1", "replace"))), max_size=3)


def client(status: int, head: list[tuple[bytes, bytes]], content: bytes) -> ScimClient:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=head, stream=httpx.ByteStream(content))

    messages = ErrorMessages(BASE, SentTokens(Secret("tok-s3cret")), {})
    limiter = SimpleNamespace(
        slot=lambda **_more: contextlib.nullcontext(SimpleNamespace(sent_at=0.0)),
        record_accepted=lambda _slot: None,
        record_refused=lambda *_: 0.0,
        allow_retry=lambda *_: False,
    )
    inner: Any = ResponseLimitTransport(httpx.MockTransport(answer))
    transport = RetryTransport(inner, ScimRetryRule(messages), limiter)  # type: ignore[arg-type]
    return ScimClient(BASE, transport, messages, user_agent="test/1")


@MANY
@given(content=mutated(LIST, {**LIST, "totalResults": 0, "Resources": []}, ADA), head=headers() | st.just([]))
def test_a_list_of_users(content: bytes, head: list[tuple[bytes, bytes]]) -> None:
    service, reader = client(200, head, content), LiveReader(SCIM, MAPPINGS, OWNED)
    check(lambda: read_live(service, reader, (), MAPPINGS, page_size=200, progress=lambda *_: None))
    check(lambda: service.find_users("userName", "ada@example.com"))


@MANY
@given(
    content=mutated(ADA, LIST, ERROR),
    head=headers() | st.just([]),
    status=st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 407, 409, 412, 429, 500, 503, 599, 999]),
)
def test_an_answer_about_one_user(content: bytes, head: list[tuple[bytes, bytes]], status: int) -> None:
    service, reader = client(status, head, content), LiveReader(SCIM, MAPPINGS, OWNED)
    check(lambda: service.get_user("7"))
    check(lambda: [reader.read(each) for each in filter(None, [service.get_user("7")])])
    check(lambda: service.create_user({"userName": "a"}))
    check(lambda: service.patch_user("7", {}))
    check(lambda: service.delete_user("7"))
    check(lambda: service.list_users(reader.read, page_size=100, progress=lambda *_: None))


@given(value=st.text() | st.sampled_from(HEADERS["Retry-After"]) | st.sampled_from(NUMBERS).map(str))
def test_a_pause_that_a_service_asks_for(value: str) -> None:
    for now in (datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 12, 31, tzinfo=UTC)):
        pause = parse_retry_after(value, now)
        assert pause is None or 0 <= pause < 10**6


# --- GitHub -----------------------------------------------------------------------

COMMIT, MERGED = "a" * 40, "c" * 40
WHEN = "2026-03-01T10:00:00Z"
REPOSITORY = {"full_name": "example/people"}
PULL = {"number": 7, "merged_at": WHEN, "merge_commit_sha": MERGED, "head": {"sha": COMMIT}}
ANSWERS: Mapping[str, Any] = {
    "pulls": [{**PULL, "base": {"ref": "main", "repo": REPOSITORY}}],
    "reviews": [{"state": "APPROVED", "author_association": "OWNER", "submitted_at": WHEN, "commit_id": COMMIT}],
    "statuses": [
        {
            "context": "reconciler/plan",
            "creator": {"login": "github-actions[bot]"},
            "created_at": WHEN,
            "description": f"sha256:{'0' * 64} of run 12: 1 to create",
        }
    ],
    "run": {
        "event": "pull_request_target",
        "path": ".github/workflows/plan.yml@refs/heads/main",
        "repository": REPOSITORY,
        "artifacts": [{"id": 3, "name": f"reviewed-plan-{COMMIT}", "expired": False}],
    },
    "runs": {
        "workflow_runs": [
            {
                "id": 5,
                "run_number": 9,
                "event": "push",
                "head_branch": "main",
                "head_sha": MERGED,
                "status": "completed",
                "conclusion": "failure",
            }
        ],
        "jobs": [
            {
                "name": "apply",
                "runner_id": 3,
                "started_at": WHEN,
                "completed_at": WHEN,
                "steps": [{"name": "Set up job", "conclusion": "success"}, {"name": "Apply", "conclusion": "failure"}],
            }
        ],
        "artifacts": [{"id": 3, "name": "plans", "expired": False, "created_at": WHEN}],
    },
    "imports": [
        {
            "number": 7,
            "state": "open",
            "merged_at": None,
            "body": "<!-- reconciler import sha256:x -->",
            "head": {"ref": "reconciler/import", "sha": COMMIT, "repo": REPOSITORY},
            "base": {"ref": "main", "sha": MERGED, "repo": REPOSITORY},
        }
    ],
    "checks": {"check_runs": [{"name": "desired-state", "conclusion": "failure"}]},
    "comments": [{"id": 1, "user": {"login": "github-actions[bot]"}, "body": "<!-- m -->", "title": "t", "number": 3}],
}


RUN = WorkflowRun(5, 9, MERGED, "completed", "failure")
HERE = read_workflow({"GITHUB_REF_NAME": "main", "GITHUB_SHA": MERGED})
IMPORT = ImportPull("main", "sha256:x", "Import", "<!-- reconciler import sha256:x -->")


def hub(answer: Callable[[httpx.Request], httpx.Response]) -> GitHub:
    transport = retry_github(httpx.MockTransport(answer), lambda _seconds: None)
    known = httpx.Client(base_url="https://api.github.com", transport=transport)
    return GitHub(known, httpx.Client(transport=transport), "example/people")


def answering(status: int, head: list[tuple[bytes, bytes]], content: bytes) -> GitHub:
    return hub(lambda _request: httpx.Response(status, headers=head, stream=httpx.ByteStream(content)))


STATUSES = st.sampled_from([200] * 6 + [302, 403, 404, 429, 500, 999])


@MANY
@given(content=mutated(*ANSWERS.values()), head=headers() | st.just([]), status=STATUSES)
def test_answers_of_github(content: bytes, head: list[tuple[bytes, bytes]], status: int) -> None:
    found = answering(status, head, content)
    pull, plan = Pull(7, COMMIT, datetime(2026, 4, 1, tzinfo=UTC)), RecordedPlan("sha256:" + "0" * 64, 12)
    check(lambda: find_merged_pull(found, MERGED, "main"))
    check(lambda: at_last_approval(found, pull))
    check(lambda: find_recorded_plan(found, pull))
    check(lambda: refuse_after_later_runs(found, "apply.yml", "main", 3))
    check(lambda: find_unapplied_runs(found, "apply.yml", "main", 9))
    check(lambda: judge_run(found, RUN))
    check(lambda: find_only_marker(found, 7, "m"))
    check(lambda: list(download_plans(found, pull, plan, "plan.yml", HERE)))
    check(lambda: write_comment(found, 7, Marker("m"), "body"))
    check(lambda: write_issue(found, Marker("m"), "title", "body"))
    check(lambda: close_issue(found, Marker("m"), "body"))
    check(lambda: find_current_plan(found, 7, COMMIT, "plan.yml", HERE))
    check(lambda: import_pull.find_open_pull(found, "main"))
    check(lambda: import_pull.is_declined(found, IMPORT))
    check(lambda: import_pull.write_pull(found, IMPORT, None))
    check(lambda: import_pull.set_labels(found, 7, ["a"], ["a", "b"]))
    check(lambda: import_pull.find_conclusion(found, "ci.yml", COMMIT))
    check(lambda: import_pull.find_failed_checks(found, COMMIT))
    check(lambda: import_pull.merge_pull(found, 7, COMMIT, "Import"))


@MANY
@given(content=mutated({"format_version": "1.0", "base": COMMIT, "files": {"users/a.yaml": "x", "scope.yaml": None}}))
def test_a_patch_of_an_import(content: bytes) -> None:
    check(lambda: read_patch(content))


def archive(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(name, content)
    return made.getvalue()


ARCHIVES = st.builds(
    archive, st.sampled_from(["plan.json", "x/receipt.jsonl", "../plan.json", "other"]), st.binary(max_size=50)
)


@MANY
@given(
    content=ARCHIVES | st.binary(max_size=100),
    at=st.integers(0, 200),
    put=st.binary(max_size=4),
    where=st.sampled_from(HEADERS["Location"]) | st.text(max_size=20),
)
def test_an_artifact_of_github(content: bytes, at: int, put: bytes, where: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/zip"):
            return httpx.Response(302, headers=[(b"location", where.encode("utf-8", "replace"))])
        if request.url.path.endswith(("/jobs", "/5/artifacts")):
            return httpx.Response(200, json=ANSWERS["runs"])
        if "/actions/runs" in request.url.path:
            return httpx.Response(200, json=ANSWERS["run"])
        return httpx.Response(200, content=content[:at] + put + content[at + len(put) :])

    pull, plan = Pull(7, COMMIT, datetime(2026, 4, 1, tzinfo=UTC)), RecordedPlan("sha256:" + "0" * 64, 12)
    for place in (where, "https://elsewhere.example.com/artifact.zip"):
        where = place
        check(lambda: list(download_plans(hub(answer), pull, plan, "plan.yml", HERE)))
        check(lambda: judge_run(hub(answer), RUN))


# --- git --------------------------------------------------------------------------

ID = b"0123456789abcdef0123456789abcdef01234567"
OUTPUTS = [
    ID + b"\n",
    b"state/\n",
    b"true\n",
    b"1772000000 " + ID + b" " + ID + b"\n",
    b"100644 blob "
    + ID
    + b"    12\tstate/users/a.yaml\0120000 blob "
    + ID
    + b" 3\tlink\0160000 commit "
    + ID
    + b" -\tx\0",
    b"040000 tree " + ID + b" -\tstate\0",
    ID + b"\0:100644 100644 " + ID + b" " + ID + b" M\0state/users/a.yaml\0",
    ID + b"\0::100644 100644 000000 " + ID + b" " + ID + b" " + ID + b" MM\0state/a\0",
    ID + b" blob 3\nabc\n",
    ID + b" missing\n",
    ID + b" commit 60\ntree " + ID + b"\nauthor A <a@b> 1 +0000\n\nsubj\n",
    ID + b" blob 99999999999999999999\n",
    b"hash\trefs/heads/main\n",
]
ODD_BYTES = st.sampled_from(
    [b"\0", b"\n", b"\t", b" ", b"-", b"\xff", b"9" * 5_000, b"..", b"/", b"\xc2\xb2", b"\xd9\xa3", b"BAD", b":", b""]
)


@st.composite
def outputs(draw: st.DrawFn) -> bytes:
    """Return what git may print, with a few bytes replaced."""
    content = b"".join(draw(st.lists(st.sampled_from(OUTPUTS), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(content)))
        content = content[:at] + draw(ODD_BYTES) + content[at + draw(st.integers(0, 45)) :]
    return content


class Process:
    """`git cat-file --batch` that answers with these bytes."""

    def __init__(self, content: bytes) -> None:
        self.stdin, self.stdout = io.BytesIO(), io.BytesIO(content)

    def kill(self) -> None: ...

    def communicate(self) -> None: ...


@contextlib.contextmanager
def git_prints(content: list[bytes]) -> Iterator[None]:
    answers = iter(content)

    def answer(*_arguments: object, **_more: object) -> bytes:
        return next(answers, content[-1])

    with (
        mock.patch.object(git_commits, "run_git", answer),
        mock.patch.object(git_repository, "run_git", answer),
        mock.patch.object(git_incomplete_clone, "run_git", answer),
        mock.patch.object(git_commits.subprocess, "Popen", return_value=Process(content[-1])),
    ):
        yield


@MANY
@given(content=st.lists(outputs(), min_size=1, max_size=4))
def test_output_of_git(content: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    here, identity = tmp_path_factory.getbasetemp(), ID.decode()
    around = tmp_path_factory.mktemp("around")
    into = around / "tree"
    into.mkdir()
    wanted = TreeFilter(lambda _name: True, 1_000)
    calls: list[Callable[[], object]] = [
        lambda: find_head_commit(here),
        lambda: find_merge_base(here, "main"),
        lambda: write_tree(here, identity, into, wanted),
        lambda: list(read_regular_files(here, identity, "plans", lambda _name: True)),
        lambda: Commits(here).resolve("main"),
        lambda: Commits(here).read_graph(identity),
        lambda: list(Commits(here).read_changes([identity])),
        lambda: Commits(here).compare(identity, identity),
        lambda: Commits(here).list_files(identity),
        lambda: Commits(here).read_blob(identity),
        lambda: Commits(here).read_commit(identity),
    ]
    for call in calls:
        with git_prints(content):
            check(call, GitCommandError)
    assert list(around.iterdir()) == [into]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> GitRepository:
    made = GitRepository(tmp_path_factory.mktemp("repository"), ".")
    made.commit("Begin", {"a.txt": "one\n"})
    return made


@MANY
@given(name=st.text("ab/.-@{}~^:*[\\ \0é\ud800", min_size=1, max_size=12))
def test_names_of_refs(name: str, repository: GitRepository) -> None:
    check(lambda: find_merge_base(repository.root, name))
    check(lambda: Commits(repository.root).resolve(name))
    if "\0" not in name:
        check(lambda: find_local_tip(repository.root, name))


# --- small files ------------------------------------------------------------------


@MANY
@given(content=mutated({"pid": 1, "user": "a", "host": "b", "since": WHEN}))
def test_the_holder_of_a_lock(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("lock") / "a.lock"
    path.write_bytes(content)
    wait = LockWait(0, lambda _text: None, sleep=lambda _seconds: None, clock=iter(range(100)).__next__)

    def take() -> None:
        with hold_lock(path, wait):
            raise AssertionError("it is held")

    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert_harmless(describe_holder(path) or "")
        check(take)


@MANY
@given(one=mutated({"last": WHEN, "answered": None}), other=mutated({"last": WHEN}))
def test_copies_of_the_record_are_merged(one: bytes, other: bytes) -> None:
    merge.newer_refusal(one, other)
    whole = merge.merge_receipts(one, other)
    assert merge.merge_receipts(whole, whole) == whole
    files = {"a/receipt.jsonl": one, "refusal.json": one}
    merge.files_to_write(files, {"a/receipt.jsonl": other, "refusal.json": other, "a/plan.json": one})


def test_the_examples_are_valid() -> None:
    service = client(200, [], json.dumps(LIST).encode())
    reader = LiveReader(SCIM, MAPPINGS, OWNED)
    assert len(service.list_users(reader.read, page_size=1, progress=lambda *_: None).users) == 1
    found = answering(200, [], json.dumps(ANSWERS["pulls"]).encode())
    assert find_merged_pull(found, MERGED, "main").number == 7
    assert Target("scim", BASE).base_url == BASE
