"""The few calls of GitHub's REST API that the workflows make, over real HTTP; shapes as in its documentation, cut.

What GitHub enforces is enforced here: tokens and their permissions, lengths of bodies, pages, who an author is.
"""

import io
import itertools
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from support.servers.http_server import HttpServer, Reply, Request

REPOSITORY = "example/people"
BOT = "github-actions[bot]"
BOT_EMAIL = "41898282+github-actions[bot]@users.noreply.github.com"
MAX_BODY = 65_536
Answer = tuple[int, Any]


@dataclass
class Token:
    """Who it belongs to, and the permissions it has: `{"issues": "write"}`."""

    login: str = BOT
    permissions: Mapping[str, str] = field(default_factory=dict)


class GitHubApi:
    """One repository. Tests put pull requests and runs into it; the workflows add comments, statuses, issues."""

    def __init__(self) -> None:
        self.tokens: dict[str, Token] = {}
        self.pulls: list[dict[str, Any]] = []
        self.reviews: dict[int, list[dict[str, Any]]] = {}
        self.statuses: dict[str, list[dict[str, Any]]] = {}
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.issues: list[dict[str, Any]] = []
        self.runs: dict[int, dict[str, Any]] = {}
        self.jobs: dict[int, list[dict[str, Any]]] = {}
        self.artifacts: list[dict[str, Any]] = []
        self.contents: dict[int, bytes] = {}
        self.enabled: list[str] = []
        self.labels: dict[int, list[str]] = {}
        self.check_runs: dict[str, list[dict[str, Any]]] = {}
        self.dispatches: list[tuple[str, str, dict[str, str]]] = []
        """Workflow, branch and inputs of each run that was started."""
        self.may_open_pulls = True
        """The setting that lets GitHub Actions create pull requests."""
        self.merge_refusal: str | None = None
        """What a rule of the repository says to a merge."""
        self.find_head: Callable[[str], str | None] = lambda _branch: None
        """Returns the head of a branch."""
        self.find_authors: Callable[[str], tuple[str, str]] = lambda _commit: (BOT_EMAIL, BOT_EMAIL)
        """Returns the e-mail addresses of author and committer of a commit."""
        self.is_ancestor: Callable[[str, str], bool] = lambda _commit, _tip: True
        self.merged: Callable[[dict[str, Any]], str] = lambda _pull: "d" * 40
        """Merges a pull request and returns the commit."""
        self.requests: list[Request] = []
        self.failing_users: list[Reply] = []
        """Answered in place of what was asked, one after the other."""
        self.redirect: str | None = None
        """The address of downloads; None: this server."""
        self.now = "2026-12-01T08:00:00Z"
        self._branches: set[str] = set()
        """Those that had a head."""
        self._ids = itertools.count(1001)
        self._door = HttpServer(self._answer)

    @property
    def url(self) -> str:
        return self._door.origin

    def close(self) -> None:
        self._door.close()
        assert self._door.failures == []

    # --- what tests put in ----------------------------------------------------

    def pull(self, number: int, head: str, merged_as: str | None, **changes: Any) -> None:
        self.pulls.append(
            {
                "number": number,
                "state": "closed" if merged_as else "open",
                "merged_at": self.now if merged_as else None,
                "merge_commit_sha": merged_as,
                "head": {"sha": head, "ref": "change", "repo": {"full_name": REPOSITORY}},
                "base": {"ref": "main", "repo": {"full_name": REPOSITORY}},
                **changes,
            }
        )

    def review(self, pull: int, commit: str | None, **changes: Any) -> None:
        """Return an approval by an authorized reviewer, changed by `changes`."""
        made = {"user": {"login": "rita"}, "state": "APPROVED", "author_association": "MEMBER", "commit_id": commit}
        self.reviews.setdefault(pull, []).append({**made, "submitted_at": self.now, **changes})

    def run(self, number: int, workflow: str, event: str, **changes: Any) -> int:
        identity = next(self._ids)
        self.runs[identity] = {
            "id": identity,
            "run_number": number,
            "event": event,
            "path": f".github/workflows/{workflow}",
            "head_branch": "main",
            "head_sha": "c" * 40,
            "status": "in_progress",
            "conclusion": None,
            "repository": {"full_name": REPOSITORY},
            **changes,
        }
        return identity

    def job(self, run: int, name: str, steps: Mapping[str, str | None], **changes: Any) -> dict[str, Any]:
        """Add a job with the conclusion of each step."""
        made = {
            "name": name,
            "status": "completed",
            "conclusion": "success",
            "runner_id": 1 if steps else None,
            "run_attempt": 1,
            "started_at": self.now,
            "completed_at": self.now,
            "steps": [{"name": step, "status": "completed", "conclusion": how} for step, how in steps.items()],
            **changes,
        }
        self.jobs.setdefault(run, []).append(made)
        return made

    def artifact(self, run: int, name: str, files: Mapping[str, bytes], **changes: Any) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, content in files.items():
                archive.writestr(file, content)
        identity = next(self._ids)
        self.contents[identity] = packed.getvalue()
        made = {"id": identity, "name": name, "expired": False, "created_at": self.now, "run": run}
        self.artifacts.append({**made, **changes})

    def status(self, commit: str, description: str, creator: str = BOT, **changes: Any) -> None:
        made = {"context": "reconciler/plan", "state": "success", "description": description, "created_at": self.now}
        self.statuses.setdefault(commit, []).insert(0, {**made, "creator": {"login": creator}, **changes})

    def comment(self, pull: int, login: str, body: str) -> dict[str, Any]:
        made = {"id": next(self._ids), "user": {"login": login}, "body": body}
        self.comments.setdefault(pull, []).append(made)
        return made

    def issue(self, login: str, body: str, **changes: Any) -> dict[str, Any]:
        made = {"number": next(self._ids), "user": {"login": login}, "title": "", "body": body, "state": "open"}
        self.issues.append({**made, **changes})
        return self.issues[-1]

    # --- what it answers ------------------------------------------------------

    def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.failing_users:
            return self.failing_users.pop(0)
        parts = urlsplit(request.target)
        if parts.path.startswith("/blob/"):
            # Another host at GitHub's, which refuses a token it doesn't know.
            assert "Authorization" not in request.headers
            return Reply(status=200, body=self.contents[int(parts.path.rpartition("/")[2])])
        token = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if token is None:
            return _reply((401, {"message": "Bad credentials"}))
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix(f"/repos/{REPOSITORY}")
        content = json.loads(request.body) if request.body else {}
        for method, pattern, permission, answer in self._routes():
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                if not _may(token, self._permission_for(path, permission)):
                    return _reply((403, {"message": "Resource not accessible by integration"}))
                return _reply(answer(token, query, content, *found.groups()))
        return _reply((404, {"message": "Not Found"}))

    def _permission_for(self, path: str, permission: str) -> str:
        """Comments on an issue need the permission of issues, those on a pull request that of pull requests."""
        found = re.fullmatch(r"/issues/(\d+)/comments", path)
        of_issue = found is not None and any(item["number"] == int(found[1]) for item in self.issues)
        return permission.replace("pull-requests", "issues") if of_issue else permission

    def _routes(self) -> list[tuple[str, str, str, Callable[..., Answer | Reply]]]:
        return [
            ("GET", r"/commits/(\w+)/pulls", "pull-requests:read", self._pulls_of),
            ("GET", r"/pulls", "pull-requests:read", self._list_pulls),
            ("POST", r"/pulls", "pull-requests:write", self._open_pull),
            ("GET", r"/pulls/(\d+)", "pull-requests:read", self._show_pull),
            ("PATCH", r"/pulls/(\d+)", "pull-requests:write", self._edit_pull),
            ("PUT", r"/pulls/(\d+)/merge", "contents:write", self._merge_pull),
            ("GET", r"/issues/(\d+)/labels", "pull-requests:read", self._list_labels),
            ("POST", r"/issues/(\d+)/labels", "pull-requests:write", self._add_labels),
            ("DELETE", r"/issues/(\d+)/labels/(.+)", "pull-requests:write", self._remove_label),
            ("GET", r"/commits/(\w+)/check-runs", "checks:read", self._list_check_runs),
            ("GET", r"/commits/(\w{40})", "contents:read", self._show_commit),
            ("GET", r"/compare/(\w+)\.\.\.(\w+)", "contents:read", self._compare),
            ("POST", r"/actions/workflows/([\w.]+)/dispatches", "actions:write", self._dispatch),
            ("GET", r"/pulls/(\d+)/reviews", "pull-requests:read", self._reviews_of),
            ("GET", r"/commits/(\w+)/statuses", "statuses:read", self._statuses_of),
            ("POST", r"/statuses/(\w+)", "statuses:write", self._add_status),
            ("GET", r"/issues/(\d+)/comments", "pull-requests:read", self._comments_of),
            ("POST", r"/issues/(\d+)/comments", "pull-requests:write", self._add_comment),
            ("PATCH", r"/issues/comments/(\d+)", "pull-requests:write", self._edit_comment),
            ("GET", r"/issues", "issues:read", self._list_issues),
            ("POST", r"/issues", "issues:write", self._add_issue),
            ("PATCH", r"/issues/(\d+)", "issues:write", self._edit_issue),
            ("GET", r"/actions/runs/(\d+)", "actions:read", self._run),
            ("GET", r"/actions/runs/(\d+)/jobs", "actions:read", self._jobs_of),
            ("GET", r"/actions/runs/(\d+)/artifacts", "actions:read", self._artifacts_of),
            ("GET", r"/actions/artifacts/(\d+)/zip", "actions:read", self._zip),
            ("GET", r"/actions/workflows/([\w.]+)/runs", "actions:read", self._runs_of),
            ("PUT", r"/actions/workflows/([\w.]+)/enable", "actions:write", self._enable),
        ]

    def _pulls_of(self, token: Token, query: Any, content: Any, commit: str) -> Answer:
        return 200, _page([item for item in self.pulls if item["merge_commit_sha"] in (commit, "any")], query)

    def _list_pulls(self, token: Token, query: Any, content: Any) -> Answer:
        owner, _, branch = query["head"].partition(":")
        assert owner == REPOSITORY.partition("/")[0]
        found = [
            item
            for item in sorted(map(self._with_head, self.pulls), key=lambda item: -item["number"])
            if (item["state"], item["head"]["ref"], item["base"]["ref"]) == (query["state"], branch, query["base"])
        ]
        return 200, _page(found, query)

    def _with_head(self, item: dict[str, Any]) -> dict[str, Any]:
        """An open pull request has the head that its branch has, and is closed when that is deleted."""
        branch = item["head"]["ref"]
        head = self.find_head(branch) if item["state"] == "open" else None
        if head is None and branch in self._branches:
            item["state"] = "closed"
        if head is not None:
            self._branches.add(branch)
            item["head"]["sha"] = head
            item["base"]["sha"] = self.find_head(item["base"]["ref"])
        return item

    def _open_pull(self, token: Token, query: Any, content: Any) -> Answer:
        if not self.may_open_pulls:
            return 403, {"message": "GitHub Actions is not permitted to create or approve pull requests."}
        head = self.find_head(content["head"])
        if head is None or [
            each for each in self.pulls if each["state"] == "open" and each["head"]["ref"] == content["head"]
        ]:
            return 422, {"message": "Validation Failed"}
        refused = _refused(content)
        if refused:
            return refused
        number = max((item["number"] for item in self.pulls), default=6) + 1
        self.pull(number, head, None, title=content["title"], body=content["body"], user={"login": token.login})
        self._branches.add(content["head"])
        self.pulls[-1]["head"]["ref"], self.pulls[-1]["base"]["ref"] = content["head"], content["base"]
        return 201, self.pulls[-1]

    def _find_pull(self, number: str) -> dict[str, Any]:
        return self._with_head(next(item for item in self.pulls if item["number"] == int(number)))

    def _show_pull(self, token: Token, query: Any, content: Any, number: str) -> Answer:
        known = [item for item in self.pulls if item["number"] == int(number)]
        return (200, self._find_pull(number)) if known else (404, {"message": "Not Found"})

    def _edit_pull(self, token: Token, query: Any, content: Any, number: str) -> Answer:
        refused = _refused({"body": "", **content})
        if refused:
            return refused
        self._find_pull(number).update(content)
        return 200, self._find_pull(number)

    def _merge_pull(self, token: Token, query: Any, content: Any, number: str) -> Answer:
        found = self._find_pull(number)
        if found["head"]["sha"] != content["sha"]:
            return 409, {"message": "Head branch was modified. Review and try the merge again."}
        if self.merge_refusal is not None:
            return 405, {"message": self.merge_refusal}
        found.update(state="closed", merged_at=self.now, merge_commit_sha=self.merged(found))
        return 200, {"merged": True, "sha": found["merge_commit_sha"]}

    def _list_labels(self, token: Token, query: Any, content: Any, number: str) -> Answer:
        return 200, _page([{"name": name} for name in self.labels.get(int(number), [])], query)

    def _add_labels(self, token: Token, query: Any, content: Any, number: str) -> Answer:
        self.labels.setdefault(int(number), []).extend(content["labels"])
        return 200, [{"name": name} for name in self.labels[int(number)]]

    def _remove_label(self, token: Token, query: Any, content: Any, number: str, name: str) -> Answer:
        there = self.labels.get(int(number), [])
        if unquote(name) not in there:
            return 404, {"message": "Label does not exist"}
        there.remove(unquote(name))
        return 200, [{"name": each} for each in there]

    def _list_check_runs(self, token: Token, query: Any, content: Any, commit: str) -> Answer:
        found = self.check_runs.get(commit, [])
        return 200, {"total_count": len(found), "check_runs": _page(found, query)}

    def _show_commit(self, token: Token, query: Any, content: Any, commit: str) -> Answer:
        author, committer = self.find_authors(commit)
        return 200, {"sha": commit, "commit": {"author": {"email": author}, "committer": {"email": committer}}}

    def _compare(self, token: Token, query: Any, content: Any, commit: str, tip: str) -> Answer:
        if commit == tip:
            return 200, {"status": "identical"}
        return 200, {"status": "ahead" if self.is_ancestor(commit, tip) else "diverged"}

    def _dispatch(self, token: Token, query: Any, content: Any, workflow: str) -> Reply:
        self.dispatches.append((workflow, content["ref"], content["inputs"]))
        return Reply(status=204)

    def _reviews_of(self, token: Token, query: Any, content: Any, pull: str) -> Answer:
        return 200, _page(self.reviews.get(int(pull), []), query)

    def _statuses_of(self, token: Token, query: Any, content: Any, commit: str) -> Answer:
        return 200, _page(self.statuses.get(commit, []), query)

    def _add_status(self, token: Token, query: Any, content: Any, commit: str) -> Answer:
        if len(content["description"]) > 140:
            return 422, {"message": "Validation Failed: description is too long (maximum is 140 characters)"}
        self.status(commit, content["description"], token.login, state=content["state"], url=content["target_url"])
        return 201, self.statuses[commit][0]

    def _comments_of(self, token: Token, query: Any, content: Any, pull: str) -> Answer:
        return 200, _page(self.comments.get(int(pull), []), query)

    def _add_comment(self, token: Token, query: Any, content: Any, pull: str) -> Answer:
        refused = _refused(content)
        return refused or (201, self.comment(int(pull), token.login, content["body"]))

    def _edit_comment(self, token: Token, query: Any, content: Any, identity: str) -> Answer:
        found = next(item for items in self.comments.values() for item in items if item["id"] == int(identity))
        refused = _refused(content)
        if refused:
            return refused
        found["body"] = content["body"]
        return 200, found

    def _list_issues(self, token: Token, query: Any, content: Any) -> Answer:
        found = [item for item in self.issues if item["state"] == query["state"]]
        return 200, _page([item for item in found if item["user"]["login"] == query["creator"]], query)

    def _add_issue(self, token: Token, query: Any, content: Any) -> Answer:
        refused = _refused(content)
        return refused or (201, self.issue(token.login, content["body"], title=content["title"]))

    def _edit_issue(self, token: Token, query: Any, content: Any, number: str) -> Answer:
        found = next(item for item in self.issues if item["number"] == int(number))
        found.update(content)
        return 200, found

    def _run(self, token: Token, query: Any, content: Any, run: str) -> Answer:
        found = self.runs.get(int(run))
        return (200, found) if found else (404, {"message": "Not Found"})

    def _jobs_of(self, token: Token, query: Any, content: Any, run: str) -> Answer:
        found = self.jobs.get(int(run), [])
        newest = max((job["run_attempt"] for job in found), default=0)
        listed = [job for job in found if query.get("filter") == "all" or job["run_attempt"] == newest]
        return 200, {"total_count": len(listed), "jobs": _page(listed, query)}

    def _artifacts_of(self, token: Token, query: Any, content: Any, run: str) -> Answer:
        found = [item for item in self.artifacts if item["run"] == int(run) and item["name"] == query["name"]]
        return 200, {"total_count": len(found), "artifacts": _page(found, query)}

    def _zip(self, token: Token, query: Any, content: Any, identity: str) -> Reply:
        where = f"{self.url}/blob/{identity}" if self.redirect is None else self.redirect
        return Reply(status=302, headers={"Location": where})

    def _runs_of(self, token: Token, query: Any, content: Any, workflow: str) -> Answer:
        path = f".github/workflows/{workflow}"
        wanted = query.get("branch")
        found = [run for run in self.runs.values() if run["path"] == path and wanted in (None, run["head_branch"])]
        found = [run for run in found if query.get("head_sha") in (None, run["head_sha"])]
        found.sort(key=lambda run: -run["run_number"])
        return 200, {"total_count": len(found), "workflow_runs": _page(found, query)}

    def _enable(self, token: Token, query: Any, content: Any, workflow: str) -> Reply:
        self.enabled.append(workflow)
        return Reply(status=204)


def _refused(content: Mapping[str, Any]) -> Answer | None:
    if len(content["body"]) > MAX_BODY:
        return 422, {"message": f"Validation Failed: body is too long (maximum is {MAX_BODY} characters)"}
    return None


def _may(token: Token, permission: str) -> bool:
    name, _, wanted = permission.partition(":")
    return token.permissions.get(name, "") in ("write", wanted)


def _page(items: list[Any], query: Mapping[str, str]) -> list[Any]:
    size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
    return items[(page - 1) * size : page * size]


def _reply(answer: Answer | Reply) -> Reply:
    if isinstance(answer, Reply):
        return answer
    status, content = answer
    return Reply(status=status, headers={"Content-Type": "application/json"}, body=json.dumps(content).encode())
