from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.builders import APPLE, NOW
from support.entra_schemas import USUAL, clause, group, row, schema, users
from support.graph_client import Counted, make_client, page, scripted

from reconciler.core.model import Severity
from reconciler.errors import SourceError
from reconciler.sources.graph.job_import import JobImport, JobRequest, read_job_import
from reconciler.sources.import_plan import FurtherFiles, ImportPlan
from reconciler.sources.job_settings import JobSettings
from reconciler.sources.snapshot import Snapshot, SourceScope
from reconciler.sources.state_files import StateFiles, read_state_files

SALES = group("Sales", clause("department", "EQUALS", "Sales"))
UNKNOWN = group("Odd", clause("department", "Sounds like", "Sales"))
JOB = {"id": "job-1", "templateId": "scim", "schedule": {"state": "Active"}, "status": {"code": "Active"}}
SETTINGS = "target: {profile: scim}\nsource:\n  entra: {tenant: contoso.com, application: Apple}\n"


def read(
    *groups: dict[str, Any], parts: str = "mappings", secrets: tuple[dict[str, Any], ...] = (), **request: Any
) -> JobImport:
    """Read a job whose schema has these filter groups."""
    answers = [page({**JOB, **request.pop("job_row", {})})]
    answers += [page(*secrets)] if "settings" in parts else []
    rows = request.pop("rows", USUAL)
    answers += [httpx.Response(200, json=schema(users(rows, groups)))] if "mappings" in parts else []
    client = make_client(scripted(*answers)[0], Counted(roles=["Synchronization.Read.All"]))
    return read_job_import(client, "app", JobRequest(parts.split(","), APPLE, NOW, **request))


def state(root: Path, **files: str) -> StateFiles:
    (root / "settings.yaml").write_text(SETTINGS)
    for name, content in files.items():
        (root / f"{name}.yaml").write_text(content)
    return read_state_files(root)


def secret(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": value}


# --- what is read --------------------------------------------------------------------------------


def test_only_the_parts_that_are_asked_for_are_read() -> None:
    both = read(SALES, parts="mappings,settings", secrets=(secret("SyncAll", "False"),))
    assert both.settings == JobSettings("assigned")
    assert both.attributes == {"objectId", "userPrincipalName", "department"}
    assert read(parts="settings").schema is None
    assert read(SALES).settings is None
    assert read(parts="settings").attributes == frozenset()


def test_a_job_for_every_user_needs_every_user() -> None:
    everybody = (secret("SyncAll", "true"),)
    with pytest.raises(SourceError, match=r"source\.entra\.users is assigned$") as raised:
        read(parts="settings", secrets=everybody)
    assert "`users: all`" in raised.value.detail
    found = read(parts="settings", secrets=everybody, users="all")
    snapshot = Snapshot("Entra", (), frozenset(), scope=SourceScope(users=("a",)))
    assert found.complete(snapshot).scope == SourceScope(users=("a",), sync="all")
    assert found.complete(replace(snapshot, scope=None)).scope is None
    assert read().complete(snapshot) is snapshot


def test_a_schema_that_cannot_be_used_refuses_the_import() -> None:
    with pytest.raises(SourceError, match=r"^the schema of the provisioning job cannot be used: "):
        read(rule="no such rule")


# --- what is edited ------------------------------------------------------------------------------


def test_a_new_mappings_file_and_filters_in_the_scope_that_is_drafted(tmp_path: Path) -> None:
    files = state(tmp_path)
    job = read(SALES)
    assert job.extend(ImportPlan("x"), files).edits == ()
    found = job.revise({"scope.yaml": b"sync: all\n"}, files)
    assert found.lines == (
        "mappings.yaml: new, with 3 rows of Entra's job",
        "scope.yaml: with 1 filter group of Entra's job",
    )
    assert found.contents["scope.yaml"].startswith(b"sync: all\n\n# Scoping filters")
    assert b"target: userName" in found.contents["mappings.yaml"]
    assert not job.is_partial


def test_a_second_import_changes_nothing(tmp_path: Path) -> None:
    job = read(SALES)
    first = job.revise({"scope.yaml": b"sync: all\n"}, state(tmp_path)).contents
    for content in first.values():
        assert b"of Microsoft Entra, by `reconciler import entra` from Microsoft Graph, job " in content
    files = state(tmp_path, **{name.partition(".")[0]: content.decode() for name, content in first.items()})
    assert job.extend(ImportPlan("x"), files).edits == ()
    assert job.revise({}, files) == FurtherFiles()


def test_rows_of_an_existing_file_are_edited_in_place(tmp_path: Path) -> None:
    files = state(tmp_path, mappings="- {target: externalId, source: employeeId, match: 1}\n", scope="sync: all\n")
    plan = read(rows=[*USUAL, row("name.familyName", "surname")]).extend(ImportPlan("x"), files)
    changed, *added = plan.edits
    assert changed.before is not None
    assert {each.path: (each.before, each.after) for each in changed.rows} == {"source": ("employeeId", "objectId")}
    assert [edit.entity.name for edit in added] == ["userName", "active", "name.familyName"]
    assert read().revise({}, files) == FurtherFiles()


def test_filters_of_git_are_overridden_by_complete_ones_only(tmp_path: Path) -> None:
    scope = "sync: all\nfilters: [{name: Old, clauses: [{attribute: city, operator: IS NOT NULL}]}]\n"
    files = state(tmp_path, scope=scope, mappings="[]\n")
    found = read(SALES).revise({}, files)
    assert found.lines == ("scope.yaml: 1 filter group overridden by 1 filter group of Entra's job",)
    for groups in ((), (SALES, UNKNOWN)):
        stays = read(*groups).revise({}, files)
        assert stays.contents == {}
        assert stays.lines == (
            "scope.yaml: its filters stay, because Entra's are not all translated or there are none",
        )


def test_what_has_no_equivalent_is_named_and_partial(tmp_path: Path) -> None:
    job = read(SALES, UNKNOWN)
    plan = job.extend(ImportPlan("x"), state(tmp_path))
    assert job.is_partial
    assert any(note.startswith("Entra's schema, no equivalent: ") for note in plan.notes)
    assert {item.severity for item in plan.diagnostics} == {Severity.WARNING}
    assert b"# " in job.revise({"scope.yaml": b"sync: all\n"}, state(tmp_path)).contents["scope.yaml"]


def test_filters_need_a_scope(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no scope\.yaml$"):
        read(SALES).revise({}, state(tmp_path))
    flow = state(tmp_path, scope="{sync: all}\n")
    with pytest.raises(SourceError, match=r"not written as `key: value` lines$") as raised:
        read(SALES).revise({}, flow)
    assert raised.value.detail.startswith("Nothing was written.")


def test_settings_are_edited_and_described(tmp_path: Path) -> None:
    values = {"DeleteThresholdEnabled": True, "DeleteThresholdValue": 5}
    secrets = (secret("SyncNotificationSettings", json.dumps(values)), secret("SkipOutOfScopeDeletions", "True"))
    plan = read(parts="settings", secrets=secrets).extend(ImportPlan("x"), state(tmp_path))
    (edit,) = plan.edits
    assert {each.path: each.after for each in edit.rows} == {
        "guards.removals.count": "5",
        "lifecycle.out_of_scope": "keep",
    }
    assert any(note.startswith("Entra's provisioning job: sync: not said") for note in plan.notes)


@pytest.mark.parametrize(
    ("job_row", "noted"),
    [
        ({}, ["running: pause it"]),
        ({"schedule": {"state": "Disabled"}, "status": {"code": "Paused"}}, []),
        (
            {"status": {"code": "Quarantine", "quarantine": {"reason": "TooManyDeletes"}}},
            ["running: pause it", "in quarantine: TooManyDeletes"],
        ),
    ],
)
def test_a_job_that_runs_is_to_be_paused(tmp_path: Path, job_row: dict[str, Any], noted: list[str]) -> None:
    plan = read(job_row=job_row).extend(ImportPlan("x"), state(tmp_path))
    about = [note for note in plan.notes if note.startswith("Entra's provisioning job is")]
    assert [each in note for each, note in zip(noted, about, strict=True)] == [True] * len(noted)
