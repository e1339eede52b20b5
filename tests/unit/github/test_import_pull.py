"""What tests/unit/commands/github/test_import_pull.py does not see of the pull request."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal
from support.servers.http_server import Reply
from support.workflow_step import HEAD, workflow_step

from reconciler.github import import_pull
from reconciler.github.api import GitHubError
from reconciler.github.environment import open_github
from reconciler.github.import_branch import BRANCH
from reconciler.github.import_pull import ImportPull
from reconciler.scim.network import DIRECT

PULL = ImportPull("main", "sha256:x", "Import", f"<!-- {import_pull.format_marker('sha256:x')} -->\nText")


def test_pull_requests_of_forks_and_of_other_branches_are_not_the_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: RecordingTerminal
) -> None:
    with workflow_step(tmp_path, monkeypatch, terminal) as step, open_github(DIRECT) as hub:
        step.api.tokens["t"].permissions = {**step.api.tokens["t"].permissions, "contents": "read"}
        for number, repository in ((1, "mallory/people"), (2, "example/people")):
            step.api.pull(number, HEAD, None)
            step.api.pulls[-1]["head"].update(ref=BRANCH, repo={"full_name": repository})
        assert import_pull.find_open_pull(hub, "main") == 2
        step.api.pulls[1]["state"] = "closed"
        assert import_pull.find_open_pull(hub, "main") is None
        assert not import_pull.is_declined(hub, PULL)
        step.api.pulls[1]["body"] = PULL.body
        assert import_pull.is_declined(hub, PULL)
        bot = step.api.find_authors(HEAD)
        for person in (("rita@example.com", bot[1]), (bot[0], "rita@example.com")):
            step.api.find_authors = lambda _commit, person=person: person  # type: ignore[misc]
            assert not import_pull.is_declined(hub, PULL), "a person's commit made it another change"
        step.api.find_authors = lambda _commit: bot
        step.api.pulls[1]["merged_at"] = step.api.now
        assert not import_pull.is_declined(hub, PULL), "it comes again after a merge and a revert"


def test_a_label_that_is_removed_meanwhile_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: RecordingTerminal
) -> None:
    with workflow_step(tmp_path, monkeypatch, terminal) as step, open_github(DIRECT) as hub:
        step.api.labels[7] = ["updates only", "mine"]
        import_pull.set_labels(hub, 7, ["removals"], ["updates only", "removals"])
        assert step.api.labels[7] == ["mine", "removals"]
        for status in (404, 403):
            step.api.failing_users = [
                Reply(status=200, body=b'[{"name": "updates only"}]'),
                Reply(status=200, body=b"[]"),
                Reply(status=status, body=b"{}"),
            ]
            if status == 404:
                import_pull.set_labels(hub, 7, ["scope"], ["updates only"])
            else:
                with pytest.raises(GitHubError, match="403"):
                    import_pull.set_labels(hub, 7, ["scope"], ["updates only"])


def test_a_head_that_moved_is_not_merged_and_other_errors_are_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: RecordingTerminal
) -> None:
    with workflow_step(tmp_path, monkeypatch, terminal) as step, open_github(DIRECT) as hub:
        step.api.tokens["t"].permissions = {**step.api.tokens["t"].permissions, "contents": "write"}
        step.api.pull(7, HEAD, None)
        refusal = import_pull.merge_pull(hub, 7, "b" * 40, "Import")
        assert refusal is not None
        assert "Head branch was modified" in refusal
        assert import_pull.merge_pull(hub, 7, HEAD, "Import") is None
        step.api.failing_users = [Reply(status=403, body=b"{}")]
        with pytest.raises(GitHubError, match="403"):
            import_pull.merge_pull(hub, 7, HEAD, "Import")
