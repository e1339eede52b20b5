"""The YAML of the documentation: its blocks, which file each one shows, and what the program says about it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError

from reconciler.core.model import Diagnostic
from reconciler.desired.fleet_files import parse_fleet, parse_tenant
from reconciler.desired.schema import ScopeEntry, Settings
from support.workspace import run

_BLOCK = re.compile(r"^( *)```ya?ml\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"# ([\w.-]+(?:/[\w.-]+)*\.ya?ml)$")
_WORKFLOW = {"name", "on", "permissions", "concurrency", "env", "defaults", "jobs"}
_JOB = {
    "name",
    "needs",
    "if",
    "runs-on",
    "environment",
    "permissions",
    "concurrency",
    "env",
    "secrets",
    "steps",
    "timeout-minutes",
    "uses",
    "with",
}
_STEP = {"id", "name", "if", "uses", "with", "run", "env", "shell", "working-directory", "timeout-minutes"}
_RULE = {"alert", "expr", "for", "labels", "annotations"}
_HOOK = {"id", "name", "entry", "language", "files", "pass_filenames", "args"}
_LAYERS = {"settings.yaml": "layer-settings", "scope.yaml": "layer-scope"}
_TARGET = 'target: {profile: apple-business-manager, base_url: "https://federation.apple.com/feeds/business/scim"}\n'
_SCIM = 'target: {profile: scim, base_url: "https://scim.example.com/v2"}\n'
_FILES = {
    "settings": "settings.yaml",
    "layer-settings": "settings.yaml",
    "scope": "scope.yaml",
    "mappings": "mappings.yaml",
    "users": "users/people.yaml",
    "groups": "groups/all.yaml",
}
_REST = {
    "settings.yaml": _TARGET,
    "users/people.yaml": "- {userPrincipalName: ada.lovelace@example.com, objectId: a, givenName: A, surname: L}\n",
    "groups/rest.yaml": "".join(f"- {{name: {name}, members: {{}}}}\n" for name in ("engineering", "lab")),
    "groups/all.yaml": "- {name: apple-users, members: {}}\n",
}
"""The rest of a desired state, which a block is put into: what the blocks of the documents refer to."""
_MAPPINGS = {
    "externalId": "- {target: externalId, source: objectId, match: 1}\n",
    "userName": "- {target: userName, source: userPrincipalName, match: 2}\n",
    "name.givenName": "- {target: name.givenName, source: givenName}\n",
    "name.familyName": "- {target: name.familyName, source: surname}\n",
}
_MISSING = {
    "target:\n": {"profile": "  profile: scim\n", "base_url": "  base_url: https://scim.example.com/v2\n"},
    "  entra:\n": {"tenant": "    tenant: contoso.onmicrosoft.com\n", "application": "    application: Apple\n"},
}
"""Lines that a fragment may leave out, by what they are below."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A block of YAML, and where it begins."""

    place: str
    text: str

    @property
    def content(self) -> Any:
        """What is in it; None if it has comments only. Raises `YAMLError`."""
        return YAML(typ="safe").load(self.text)


def read_snippets(root: Path, documents: list[Path]) -> Iterator[Snippet]:
    """Yield the blocks of YAML of documents, named relative to `root`."""
    for document in documents:
        text = (root / document).read_text("utf-8")
        for found in _BLOCK.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield Snippet(f"{document}:{line}", textwrap.dedent(found[2]))


def find_kind(snippet: Snippet) -> str:
    """Return the kind of file that a block shows: by its first line or its keys; "" if neither tells."""
    named = _NAMED.match(snippet.text.partition("\n")[0])
    if named:
        return _kind_of_file(named[1])
    content = snippet.content
    if content is None:
        return "comment"
    if isinstance(content, list):
        return _kind_of_items(content)
    return next((kind for kind, keys in _known_keys() if content.keys() <= keys), "")


def _kind_of_file(name: str) -> str:
    folder, _, last = name.rpartition("/")
    if folder == ".github/workflows":
        return "workflow"
    if last in ("fleet.yaml", "tenant.yaml"):
        return last.removesuffix(".yaml")
    if folder.startswith(("defaults", "groups/")) and last in _LAYERS:
        return _LAYERS[last]
    own = name.removeprefix("desired-state/")
    return next((kind for kind, file in _FILES.items() if own == file or own.startswith(f"{kind}/")), "")


def _kind_of_items(items: list[Any]) -> str:
    for key, kind in (("target", "mappings"), ("userPrincipalName", "users"), ("members", "groups")):
        if all(key in item for item in items):
            return kind
    return "steps" if all({"run", "uses"} & item.keys() for item in items) else ""


def _known_keys() -> Iterator[tuple[str, set[str]]]:
    yield "settings", {field.alias or name for name, field in Settings.model_fields.items()}
    yield "scope", set(ScopeEntry.model_fields)
    yield "alerts", {"groups"}
    yield "hooks", {"repos"}
    yield "workflow", _WORKFLOW


def find_errors(snippet: Snippet, scratch: Path) -> list[str]:
    """Return what is wrong with a block; `scratch` is an empty directory."""
    try:
        kind = find_kind(snippet)
        if kind in _FILES:
            return _validate_state(_FILES[kind], snippet, scratch)
        return list(_CHECKS[kind](snippet)) if kind in _CHECKS else ["which file is this? Name it in the first line"]
    except YAMLError as broken:
        return [str(broken)]


def _validate_state(name: str, snippet: Snippet, scratch: Path) -> list[str]:
    target = {"settings.yaml": _SCIM} if "the profile scim" in snippet.text.partition("\n")[0] else {}
    for file, text in {**_REST, **target, name: _complete(name, snippet)}.items():
        path = scratch / "desired-state" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    answer = run(["reconciler", "validate", "--state", str(scratch / "desired-state"), "--no-color"])
    return [] if answer.code == 0 else [answer.out + answer.err]


def _complete(name: str, snippet: Snippet) -> str:
    """Return the text of a file with what a fragment leaves out."""
    if name == "mappings.yaml":
        there = {row["target"] for row in snippet.content}
        return snippet.text + "".join(row for target, row in _MAPPINGS.items() if target not in there)
    return _complete_settings(snippet) if name == "settings.yaml" else snippet.text


def _complete_settings(snippet: Snippet) -> str:
    # Layers alone have the key `final`; an id is abbreviated.
    text = snippet.text.replace("sha256:…", f"sha256:{64 * '0'}")
    text = re.sub(r"^final: \[[\w., ]*\]\n", "", text, flags=re.MULTILINE)
    if "target" not in snippet.content:
        text = _TARGET + text
    for head, missing in _MISSING.items():
        if head in text:
            lines = [line for key, line in missing.items() if not re.search(rf"^ +{key}: ", text, re.MULTILINE)]
            text = text.replace(head, head + "".join(lines), 1)
    return text


def _check_fleet(snippet: Snippet) -> list[str]:
    found: list[Diagnostic] = []
    parse_fleet(snippet.text.encode(), found.append)
    return [each.summary for each in found]


def _check_tenant(snippet: Snippet) -> list[str]:
    found: list[Diagnostic] = []
    parse_tenant(snippet.text.encode(), found.append)
    return [each.summary for each in found]


def _check_workflow(snippet: Snippet) -> Iterator[str]:
    content = snippet.content
    yield from _unknown(content, _WORKFLOW)
    for job in content.get("jobs", {}).values():
        yield from _unknown(job, _JOB)
        yield from _check_steps(job.get("steps", []))


def _check_steps(items: list[Any]) -> Iterator[str]:
    for step in items:
        yield from _unknown(step, _STEP)
        if len({"run", "uses"} & step.keys()) != 1:
            yield f"a step has either `run` or `uses`: {step}"


def _check_alerts(snippet: Snippet) -> Iterator[str]:
    for group in snippet.content["groups"]:
        yield from _unknown(group, {"name", "rules", "interval"})
        for rule in group["rules"]:
            yield from _unknown(rule, _RULE)


def _check_hooks(snippet: Snippet) -> Iterator[str]:
    for repository in snippet.content["repos"]:
        yield from _unknown(repository, {"repo", "rev", "hooks"})
        for hook in repository["hooks"]:
            yield from _unknown(hook, _HOOK)


def _unknown(found: dict[Any, Any], known: set[str]) -> Iterator[str]:
    if wrong := [key for key in found if key not in known]:
        yield f"unknown keys: {wrong}"


_CHECKS: dict[str, Any] = {
    "comment": lambda _snippet: [],
    "fleet": _check_fleet,
    "tenant": _check_tenant,
    "workflow": _check_workflow,
    "steps": lambda snippet: _check_steps(snippet.content),
    "alerts": _check_alerts,
    "hooks": _check_hooks,
}
