"""Untrusted values through every output and file of a command, except the plan's: what an attacker controls is in
git (authors, subjects, branches, names of files), in YAML, at the service (values, ids, ETags, refusals) and at GitHub.

docs/security.md lists the faces and files. The pure ones are judged value by value in unit/render/test_hostile.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command import CommandWorkspace, run
from support.entra_schemas import USUAL, attribute, clause, function, group, row, schema, users
from support.git_repository import GitRepository
from support.parsers import assert_calm, html_structure, markdown_structure
from support.servers.fake_scim import FakeScimServer, Logged
from support.servers.github_api import BOT, REPOSITORY, GitHubApi, Token
from support.servers.http_server import Reply
from support.servers.patching import Refused
from support.untrusted_text import HOSTILE
from support.untrusted_users import assert_all_harmless, flow_yaml, untrusted_live_user
from support.workspace import CommandResult, source

from reconciler.history.yaml_entries import parse_entries

TEXTS = [text for name, text in HOSTILE.items() if name != "lone surrogates" and len(text) < 1000]
USERS = "desired-state/users/people.yaml"
OUR_ELEMENTS = set(
    "html head meta title style body a nav ul ol li header main section footer article h1 h2 h3 p b i q small strong"
    " span div bdi dl dt dd code time table thead tbody tr th td figure figcaption svg g line text polygon polyline"
    " circle rect details summary form label input output button fieldset legend script".split()
) | {"the text of style", "the text of script"}
OUR_ATTRIBUTES = set(
    "lang charset content http-equiv name class href id tabindex aria-label aria-labelledby aria-current aria-hidden"
    " aria-controls aria-live aria-atomic role scope rel hidden for type autocomplete spellcheck value checked viewbox"
    " x y x1 x2 y1 y2 cx cy r rx width height points text-anchor".split()
) | {""}
TOKEN = "t0ken"
# Elements of our own page, and structure of our own Markdown; no value may make any other.
OUR_TOKENS = frozenset(
    "heading_open heading_close inline text code_inline bullet_list_open bullet_list_close list_item_open"
    " list_item_close paragraph_open paragraph_close softbreak code_block html_block fence".split()
)


def written(people: list[dict[str, Any]]) -> str:
    return "".join(f"- {flow_yaml(user)}\n" for user in people)


class UntrustedRepository:
    """A repository in which everything is called something hostile, and a service."""

    def __init__(self, root: Path, service: FakeScimServer, patch: pytest.MonkeyPatch) -> None:
        self.workspace = CommandWorkspace(root, service, patch)
        self.service = service
        self.root = root
        self.git = GitRepository(root)
        self.workspace.settings(guards={name: {"count": 1000, "percent": 100} for name in ("removals", "failures")})
        self.workspace.write("scope.yaml", "sync: all\n")

    def run(self, *line: str) -> CommandResult:
        words = ["reconciler", *line]
        if line[0] not in ("show", "github") or "annotate" in line:
            words += ["--state", str(self.workspace.state)]
        if line[0] in ("plan", "apply", "drift", "explain", "log", "rollback", "status"):
            words += ["--plans", str(self.workspace.plans)]
        return run(words)

    def calm(self, *line: str) -> CommandResult:
        answer = self.run(*line)
        assert_all_harmless(answer)
        return answer


@pytest.fixture
def untrusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UntrustedRepository]:
    """Each text is an author, a subject, a user that changes, a new user, a user that leaves, an attribute, a group."""
    live = [untrusted_live_user(100 + number, text) for number, text in enumerate(TEXTS)]
    live += [untrusted_live_user(300 + number, text) for number, text in enumerate(TEXTS)]
    service = FakeScimServer(None, live, TOKEN).start()
    made = UntrustedRepository(tmp_path / "repository", service, monkeypatch)
    first = [source(each) for each in live[: len(TEXTS)]]
    made.git.commit("Begin", {USERS: written(first)})
    for number, text in enumerate(TEXTS):
        first[number]["department"] = f"{text}, moved"
        first[number][f"{text.strip()[:50]}x" if number % 2 else "jobTitle"] = text
        first.append(source(untrusted_live_user(500 + number, text)))
        name = text.replace("\0", "").replace("/", "_")[:40]
        joiner = source(untrusted_live_user(700 + number, text))
        files = {
            USERS: written(first),
            f"desired-state/users/{name}{number}.yaml": f"- {flow_yaml(joiner)}\n",
            f"desired-state/groups/{number}.yaml": f"- {flow_yaml({'name': f'{text}{number}'})}\n",
        }
        who = text.replace("\0", "").replace("\n", " ").replace("<", "").strip() or "x"
        made.git.commit(text.replace("\0", "") or "x", files, author=f"{who} <{who}>")
    yield made
    service.close()


def test_git_history_in_every_form(untrusted: UntrustedRepository) -> None:
    text = untrusted.calm("log", "--limit", "1000")
    assert text.code == 0, text.err
    # A commit is one line, its subject is one line, and none of them begins another.
    assert len([line for line in text.out.splitlines() if line.startswith("commit ")]) == len(TEXTS) + 1
    assert_calm(untrusted.run("log", "--format", "json", "--limit", "1000").out)
    page = untrusted.run("log", "--format", "html", "--limit", "1000")
    assert_all_harmless(page)
    names = {name for name, _ in html_structure(page.out)}
    assert names <= set(
        "html head meta title style body main h1 h2 p ol li div span dl dt dd details summary bdi b code time".split()
    ) | {"the text of style"}
    assert all(
        key in ("lang", "class", "scope", "charset", "name", "content", "http-equiv", "")
        for _, attributes in html_structure(page.out)
        for key, _ in attributes
    )
    for number in (0, 6, 12, 20):
        untrusted.calm("log", f"{TEXTS[number]}{100 + number}", "--attribute", "department")


def test_rollbacks_write_what_was_there_and_nothing_else(untrusted: UntrustedRepository) -> None:
    was = {each.name: each.fields for each in parse_entries("users/people.yaml", _bytes(untrusted, "HEAD~3"))}
    shown = untrusted.calm("rollback", "HEAD~3", "--dry-run")
    assert shown.code == 0, shown
    assert_calm(shown.out + shown.err)
    assert untrusted.calm("rollback", "HEAD~3").code == 0
    now = parse_entries("users/people.yaml", (untrusted.root / USERS).read_bytes())
    assert {each.name: each.fields for each in now} == was
    assert_all_harmless(untrusted.run("rollback", "HEAD~3"))
    untrusted.git.git("checkout", "--quiet", "--", ".")
    untrusted.git.git("clean", "--quiet", "-fd", "desired-state")
    people = json.loads(json.dumps([source(untrusted_live_user(100, "later"))]))
    untrusted.git.commit("Later", {USERS: written(people)})
    assert_all_harmless(untrusted.run("rollback", "HEAD~2"), untrusted.run("rollback", "HEAD~2", "--all", "--force"))


def _bytes(untrusted: UntrustedRepository, commit: str) -> bytes:
    return untrusted.git.git("show", f"{commit}:{USERS}").encode()


def test_bases_and_words_of_the_command_line(untrusted: UntrustedRepository) -> None:
    for text in TEXTS:
        branch = text.replace("\0", "")
        for line in (["plan", "--base", branch], ["rollback", branch], ["log", branch, "--since", branch]):
            answer = untrusted.run(*line)
            assert answer.code != 0
            assert_all_harmless(answer)
    assert_all_harmless(
        untrusted.run("plan", "--offline", "--base", "HEAD~2"), untrusted.run("validate", "--base", "HEAD~2")
    )


def test_an_apply_and_its_record(untrusted: UntrustedRepository) -> None:
    log = untrusted.root / "log.jsonl"
    refusals = iter(HOSTILE.values())
    gate = untrusted.service._gate

    def refuse(entry: Logged) -> None:
        gate(entry)
        if entry.nth_write and (text := next(refusals, None)) is not None:
            raise Refused(400, text, text)

    untrusted.service._gate = refuse  # type: ignore[method-assign]
    applied = untrusted.calm("apply", "--auto-approve", "--log", str(log))
    assert (applied.code, len(untrusted.service.writes) > 2 * len(TEXTS)) == (5, True), applied.err
    (receipt,) = untrusted.workspace.receipts()
    for path in (log, receipt):
        content = path.read_text("utf-8")
        assert_calm(content)
        assert all(isinstance(json.loads(line), dict) for line in content.splitlines())
    assert_calm(receipt.with_name("plan.json").read_text("utf-8"))
    page = receipt.with_name("README.md").read_text("utf-8")
    assert_calm(page)
    assert {kind for kind, _, _ in markdown_structure(page)} <= OUR_TOKENS - {"html_block", "fence", "code_block"}
    assert untrusted.calm("status").code == 1
    assert_calm(untrusted.run("status", "--format", "json").out)
    shown = untrusted.calm("show", str(receipt))
    assert len(shown.out.splitlines()) == len(receipt.read_bytes().splitlines())
    for face in (["show", str(receipt.with_name("plan.json"))], ["log", "--limit", "500"]):
        untrusted.calm(*face)


def test_the_pages_of_a_report(untrusted: UntrustedRepository) -> None:
    """No value makes an element or an attribute; what a file is called is only ever ours."""
    site = untrusted.root / "site"
    place = ["--plans", str(untrusted.workspace.plans), "-o", str(site)]
    first = untrusted.calm("report", *place)
    assert first.code == 0, first
    untrusted.calm("apply", "--auto-approve")
    saved = str(untrusted.workspace.saved())
    for more in ([], ["--plan", saved], ["--redact"]):
        assert untrusted.calm("report", *place, *more).code == 0
        assert all(
            re.fullmatch(r"(index|users|history|users-\d{4}|changes-\d)\.html|reconciler-report\.json", file.name)
            for file in site.iterdir()
        )
        for file in site.glob("*.html"):
            page = file.read_text("utf-8")
            assert_calm(page)
            if not file.name.startswith("changes-"):
                assert {name for name, _ in html_structure(page)} <= OUR_ELEMENTS, file.name
                assert {key for _, found in html_structure(page) for key, _ in found} <= OUR_ATTRIBUTES


def test_explanations(untrusted: UntrustedRepository) -> None:
    for number in range(0, len(TEXTS), 4):
        for key in (f"{TEXTS[number]}{100 + number}", f"{TEXTS[number]}{300 + number}"):
            answer = untrusted.calm("explain", "--offline", "--", key)
            assert answer.code in (0, 64), answer
            assert_calm(untrusted.run("explain", "--format", "json", "--", key).out)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_service_answers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In users, in ids, in headers, in refusals of the session: JSON holds what neither YAML nor UTF-8 can."""
    text = HOSTILE[name]
    live = [
        untrusted_live_user(1, text, id=f"{text[:60]}1"),
        untrusted_live_user(2, "Ada", active=False),
        untrusted_live_user(3, text, externalId=None),
    ]
    with FakeScimServer(None, live, TOKEN) as service:
        monkeypatch.setattr(service, "_head", lambda *_: {})
        work = CommandWorkspace(tmp_path, service, monkeypatch)
        work.users([source(untrusted_live_user(2, "Ada"))])
        answers = [work.run("plan", *face) for face in ([], ["--format", "json"], ["--format", "markdown"])]
        answers += [work.run("apply", "--auto-approve"), work.run("explain", text), work.run("drift")]
        for status in (400, 401, 403, 404, 409):
            monkeypatch.setattr(service, "_gate", _refusing(status, text))
            answers += [work.run("plan"), work.run("apply", "--auto-approve"), work.run("status")]
        monkeypatch.setattr(service, "_reply", lambda _entry: _header_reply(text))
        answers += [work.run("plan"), work.run("apply", "--auto-approve")]
    assert_all_harmless(*answers)
    for path in work.plans.rglob("*"):
        if path.is_file():
            assert_calm(path.read_text("utf-8"))


def _refusing(status: int, text: str) -> Any:
    def gate(_entry: Logged) -> None:
        raise Refused(status, text, text)

    return gate


def _header_reply(text: str) -> Reply:
    """A redirect to wherever the text is, and what a header can hold of it."""
    shown = text.encode("utf-8", "replace").decode("latin-1").replace("\r", "").replace("\n", "").replace("\0", "")
    return Reply(status=302, headers={"Location": f"https://{shown[:2000]}/", "ETag": shown[:2000]})


def test_options_that_do_not_exist(tmp_path: Path) -> None:
    for text in HOSTILE.values():
        for line in (
            ["explain", f"--{text}"],
            ["plan", f"-{text}"],
            [text],
            ["apply", "--lock-timeout", text],
            ["log", "a", text],
        ):
            answer = run(["reconciler", *line, "--state", str(tmp_path)])
            assert answer.code == 64, answer
            assert_all_harmless(answer)
            assert len(answer.err.splitlines()) < 6


def test_expressions(tmp_path: Path) -> None:
    for text in HOSTILE.values():
        given = json.dumps({"a": text, text: text})
        for line in (["CDate([a])"], ["[a]"], ["--explain", "Join([a], CDate([a]))"], [text], ["Error([a])"]):
            assert_all_harmless(run(["reconciler", "eval", "--attributes", given, "--", *line[-1:]]))
            assert_all_harmless(run(["reconciler", "eval", *line[:-1], "--attributes", text, "--", *line[-1:]]))
    assert list(tmp_path.iterdir()) == []


def test_schemas_of_entra(tmp_path: Path) -> None:
    """What is written reads back, and holds no key that the schema's words made."""
    rows = list(USUAL)
    for number, text in enumerate(TEXTS):
        rows.append(row(f"urn:x:{number}:{text}", attribute(text)))
        rows.append(row("title", function(f"Append([{text}], {text})")))
    filters = [group(f"{text}{number}", clause(text, "EQUALS", text)) for number, text in enumerate(TEXTS)]
    name = "".join(TEXTS[:8]).replace("\0", "").replace("/", "_")[:100].encode()[:200].decode(errors="ignore")
    file = tmp_path / f"{name}.json"
    file.write_text(json.dumps(schema(users(rows, filters))), "utf-8")
    state = tmp_path / "state"
    (state / "users").mkdir(parents=True)
    line = ["reconciler", "import", "entra-schema", str(file), "--state", str(state), "--profile", "scim"]
    assert_all_harmless(run([*line, "--dry-run"]), run(line))
    for made in ("mappings.yaml", "scope.yaml"):
        text = (state / made).read_text("utf-8")
        assert_calm(text)
        heads = {found.split(":")[0] for found in text.splitlines() if found and found[0] not in " #-[]"}
        assert heads <= {"sync", "assigned", "filters"}
    (state / "settings.yaml").write_text(json.dumps({"target": {"profile": "scim", "base_url": "https://x.example"}}))
    assert_all_harmless(run(["reconciler", "validate", "--state", str(state)]))
    exported = run(["reconciler", "export", "entra-schema", "--state", str(state)])
    assert_all_harmless(exported)


def test_github(untrusted: UntrustedRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    api = GitHubApi()
    api.tokens["t"] = Token(permissions=dict.fromkeys(("actions", "issues", "pull-requests", "statuses"), "write"))
    summary = untrusted.root / "summary.md"
    outside = {
        "GITHUB_API_URL": api.url,
        "GITHUB_TOKEN": "t",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_REF_NAME": "main",
        "GITHUB_SHA": "b" * 40,
        "GITHUB_RUN_ID": "5",
        "GITHUB_RUN_NUMBER": "3",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(untrusted.root / "outputs"),
    }
    for name, value in outside.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("reconciler.github.api.time.sleep", lambda _seconds: None)
    saved = str(untrusted.workspace.saved())
    (untrusted.root / "said.txt").write_text(untrusted.calm("plan").out)
    try:
        assert_all_harmless(untrusted.run("github", "comment", saved, "--pull", "7"))
        assert_all_harmless(untrusted.run("github", "drift-issue", saved), untrusted.run("github", "summary", saved))
        untrusted.run("github", "summary", str(untrusted.root / "said.txt"))
        untrusted.run("github", "outputs", saved)
        _what_github_says(untrusted, api)
    finally:
        api.close()
    bodies = [found["body"] for found in (*api.comments[7], *api.issues)]
    assert len(bodies) == 2
    for text in (*bodies, summary.read_text("utf-8")):
        assert_calm(text)
        found = markdown_structure(text)
        links = [said for kind, _, said in found if kind == "link_open"]
        assert len(links) == text.count("[Log of this run](")
        assert {said for kind, _, said in found if kind in ("image", "html_inline")} <= {"<b>", "</b>"}, "ours"
        plain = " ".join(said for kind, _, said in found if kind == "text")
        assert not any(word in plain for word in ("@example", "@octocat", "#123", "fixes #1", "https://example.com"))
    outputs = (untrusted.root / "outputs").read_text("utf-8")
    assert all(line.count("=") == 1 for line in outputs.splitlines())
    untrusted.workspace.write(
        "users/wrong.yaml", "".join(f"- {flow_yaml({'userPrincipalName': t, t: [t]})}\n" for t in TEXTS)
    )
    annotated = untrusted.run("github", "annotate")
    assert all(line.startswith(("::error ", "::warning ", "::notice::")) for line in annotated.out.splitlines())
    assert_calm("".join(line.removeprefix("::") + "\n" for line in annotated.out.splitlines()))


def _what_github_says(untrusted: UntrustedRepository, api: GitHubApi) -> None:
    """Titles, branches, messages of errors, descriptions of statuses."""
    for text in TEXTS:
        api.pulls.clear()
        api.pull(
            7,
            "a" * 40,
            "b" * 40,
            title=text,
            body=text,
        )
        api.pulls[0]["head"]["ref"] = text
        api.statuses["a" * 40] = [{"context": text, "description": text, "creator": {"login": BOT}, "state": text}]
        api.failing_users = [Reply(status=422, body=json.dumps({"message": text}).encode())]
        answers = [
            untrusted.run("github", "heartbeat"),
            untrusted.run("github", "reviewed", "-o", str(untrusted.root / "r.json")),
        ]
        for answer in answers:
            kept = [line.removeprefix("::warning::") for line in answer.out.splitlines()]
            assert_calm("\n".join(kept) + answer.err)
