from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.recording_terminal import RecordingTerminal
from support.servers.graph.companies import PLANTED_TOKEN, Company, company
from support.servers.graph.faults import Fault
from support.servers.graph.server import GraphServer

from reconciler.commands.import_entra import EntraImportOptions, parse_parts, run_import_entra
from reconciler.desired.loader import DesiredState, load
from reconciler.errors import ExitCode, SourceError, UsageError
from reconciler.session.workspace import Workspace, current_time

TARGET = {
    "profile": "apple-business-manager",
    "base_url": "https://federation.apple.com/feeds/business/scim",
    "domains": ["contoso.com"],
}


class EntraImport:
    """A desired state, and the tenant that is imported."""

    def __init__(self, root: Path, found: Company, server: GraphServer) -> None:
        self.company = found
        self.tenant = found.tenant
        self.server = server
        self.state = root / "desired-state"
        self.state.mkdir()
        self.terminal = RecordingTerminal()
        self.settings()

    def settings(self, **source: Any) -> None:
        entra = {
            "tenant": self.tenant.id,
            "client_id": self.tenant.app.client_id,
            "application": "Apple Business Manager",
            **source,
        }
        content = {"target": TARGET, "source": {"entra": entra}, "guards": {"removals": {"count": 3, "percent": 100}}}
        (self.state / "settings.yaml").write_text(json.dumps(content))

    def run(self, **options: Any) -> ExitCode:
        self.terminal = RecordingTerminal()
        workspace = Workspace(self.state, self.state / "plans", sandbox=False, now=current_time())
        return run_import_entra(workspace, EntraImportOptions(**options), self.terminal)

    @property
    def notes(self) -> str:
        return "\n".join(self.terminal.notes)

    def ends_with_error(self) -> bool:
        """Run, and return whether nothing could be read."""
        try:
            return self.run() is ExitCode.ERROR
        except SourceError as exc:
            return exc.exit_code is ExitCode.ERROR

    def restore(self, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            (self.state / name).write_bytes(content)

    def files(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.state).as_posix(): path.read_bytes()
            for path in sorted(self.state.rglob("*"))
            if path.is_file()
        }

    def load(self) -> DesiredState:
        state = load(self.state, current_time())
        assert isinstance(state, DesiredState), state.diagnostics
        return state

    def in_scope(self) -> set[str]:
        """The userPrincipalNames in scope."""
        return {user.key for user in self.load().users if user.verdict.in_scope}


@pytest.fixture
def contoso(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EntraImport]:
    found = company(8)
    with GraphServer(found.tenant, page_cap=3) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield EntraImport(tmp_path, found, server)


def test_a_tenant_becomes_a_desired_state_and_a_second_import_changes_no_byte(contoso: EntraImport) -> None:
    assert contoso.run() is ExitCode.OK, contoso.terminal.out
    state = contoso.load()
    assert contoso.in_scope() == {f"user{number:06}@contoso.com" for number in range(8)}
    (first,) = (user for user in state.users if user.key == "user000000@contoso.com")
    assert dict(first.attributes)["externalId"] == contoso.company.users[0]
    assert set(contoso.files()) == {"settings.yaml", "scope.yaml", "users/entra.yaml", "groups/entra.yaml"}
    before = contoso.files()
    assert contoso.run(check=True) is ExitCode.OK
    assert contoso.run() is ExitCode.OK
    assert contoso.files() == before
    assert "No changes" in contoso.terminal.out


def test_changes_and_renames_edit_entries_and_references_in_place(contoso: EntraImport) -> None:
    contoso.run()
    path = contoso.state / "users" / "entra.yaml"
    path.write_text(path.read_text().replace("givenName", "givenName", 1) + "# kept\n")
    tenant, users = contoso.tenant, contoso.company.users
    tenant.set(users[0], userPrincipalName="grace@contoso.com", department="Navy")
    tenant.set(users[1], employeeOrgData=None)
    assert contoso.run(check=True) is ExitCode.CHANGES
    assert contoso.run() is ExitCode.OK
    text = path.read_text()
    assert text.endswith("# kept\n")
    assert "grace@contoso.com" in text
    assert "user000000" not in text + (contoso.state / "scope.yaml").read_text()
    assert "grace@contoso.com" in contoso.in_scope()


def test_attributes_that_git_owns_stay(contoso: EntraImport) -> None:
    contoso.run()
    contoso.settings(keep=["department"])
    before = contoso.files()
    contoso.tenant.set(contoso.company.users[0], department="Navy")
    assert contoso.run() is ExitCode.OK
    assert {name: content for name, content in contoso.files().items() if name != "settings.yaml"} == {
        name: content for name, content in before.items() if name != "settings.yaml"
    }
    assert "Navy" in contoso.terminal.out


def test_entries_are_counted_whose_value_stays_because_no_user_has_the_attribute(contoso: EntraImport) -> None:
    contoso.settings(attributes=["givenName", "surname", "manager"])
    assert contoso.run() is ExitCode.OK
    held = sum(content.count(b"manager:") for content in contoso.files().values())
    for user in contoso.company.users:
        contoso.tenant.set_manager(user, None)
    before = contoso.files()
    assert contoso.run() is ExitCode.OK
    assert contoso.files() == before
    note = '"manager" is not imported: no user has it in Microsoft Graph. Its values in git'
    assert f"{note} ({held} entries) stay as they are" in " ".join(contoso.terminal.out.split())
    assert held > 1


def test_on_missing_of_the_settings_counts_without_the_option(contoso: EntraImport) -> None:
    contoso.run()
    contoso.settings(on_missing="disable")
    contoso.tenant.delete(contoso.company.users[2])
    assert contoso.run() is ExitCode.OK
    assert len(contoso.in_scope()) == 7
    assert len(contoso.load().users) == 8


def test_removals_beyond_the_limit_block_the_import(contoso: EntraImport) -> None:
    contoso.run()
    before = contoso.files()
    for user in contoso.company.users[2:7]:
        contoso.tenant.delete(user)
    assert contoso.run(on_missing="remove") is ExitCode.BLOCKED
    assert contoso.files() == before
    assert contoso.run() is ExitCode.OK
    assert contoso.files() == before


def test_who_leaves_is_reported_disabled_or_taken_out(contoso: EntraImport) -> None:
    contoso.run()
    before = contoso.files()
    contoso.tenant.delete(contoso.company.users[2])
    contoso.tenant.remove_member(contoso.company.staff, contoso.company.users[3])
    assert contoso.run() is ExitCode.OK
    assert contoso.files() == before
    assert "deleted" in contoso.terminal.out
    assert "no longer assigned" in contoso.terminal.out
    assert contoso.run(on_missing="disable") is ExitCode.OK
    assert len(contoso.in_scope()) == 6
    assert contoso.run(on_missing="remove") is ExitCode.OK
    assert len(contoso.load().users) == 6


def test_a_group_that_is_unassigned_is_taken_out_if_the_tenant_still_has_it(contoso: EntraImport) -> None:
    tenant, found = contoso.tenant, contoso.company
    sales, legal = (tenant.add_group(name, found.users[:2]) for name in ("Sales", "Legal"))
    for each in (sales, legal):
        tenant.assign(found.application, each)
    contoso.run()
    tenant.unassign(found.application, sales)
    tenant.purge(legal)
    before = contoso.files()
    assert contoso.run() is ExitCode.OK
    assert contoso.files() == before
    assert contoso.run(on_missing="disable") is ExitCode.OK
    scope = (contoso.state / "scope.yaml").read_text()
    assert "Sales" not in scope
    assert "Legal" in scope
    out = " ".join(contoso.terminal.out.split())
    assert 'has or had 1 group of git, assigned or in a group, is not known: "Legal". The question failed' in out
    assert "it needs Group.Read.All" in out
    assert len(contoso.in_scope()) == 8


@pytest.mark.parametrize("path", ["/v1.0/groups", "deletedItems/microsoft.graph.group"])
@pytest.mark.parametrize("on_missing", ["report", "disable"])
def test_an_import_goes_on_if_nothing_proves_what_became_of_a_group(
    contoso: EntraImport, path: str, on_missing: str
) -> None:
    tenant, found = contoso.tenant, contoso.company
    legal = tenant.add_group("Legal", found.users[:2])
    tenant.assign(found.application, legal)
    contoso.run()
    tenant.purge(legal)
    tenant.set(found.users[0], department="Changed")
    contoso.server.faults = [Fault(path, times=None, status=404)]
    assert contoso.run(on_missing=on_missing) is ExitCode.OK, contoso.terminal.out
    assert "Legal" in (contoso.state / "scope.yaml").read_text()
    assert 'is not known: "Legal". The question failed' in " ".join(contoso.terminal.out.split())


@pytest.mark.parametrize("on_missing", ["disable", "remove"])
def test_groups_of_a_former_tenant_stay_assigned_in_every_later_import(
    contoso: EntraImport, monkeypatch: pytest.MonkeyPatch, on_missing: str
) -> None:
    contoso.run()
    in_scope = contoso.in_scope()
    other = company(2, seed=2)
    for number, user in enumerate(other.users):
        other.tenant.set(user, userPrincipalName=f"other{number}@contoso.com")
    with GraphServer(other.tenant) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        contoso.settings(tenant=other.tenant.id, client_id=other.tenant.app.client_id)
        for _ in range(2):
            assert contoso.run(on_missing=on_missing) is ExitCode.OK, contoso.terminal.out
        other.tenant.remove_member(other.staff, other.users[1])
        assert contoso.run(on_missing=on_missing) is ExitCode.OK, contoso.terminal.out
    assert in_scope < contoso.in_scope()
    out = " ".join(contoso.terminal.out.split())
    assert 'had 1 group of git, assigned or in a group, is not known: "Staff"' in out


def test_parts_that_are_left_out_stay_as_they_are(contoso: EntraImport) -> None:
    assert contoso.run(parts="people") is ExitCode.OK
    assert set(contoso.files()) == {"settings.yaml", "users/entra.yaml"}
    assert contoso.run(parts="people,groups") is ExitCode.OK
    assert set(contoso.files()) == {"settings.yaml", "users/entra.yaml", "groups/entra.yaml"}


def test_auto_reads_what_mappings_filters_and_the_place_name(contoso: EntraImport) -> None:
    contoso.settings(place="users/{department}.yaml")
    (contoso.state / "mappings.yaml").write_text(
        "- {target: externalId, source: objectId, match: 1}\n"
        "- {target: userName, source: userPrincipalName, match: 2}\n"
        '- {target: name.givenName, template: "{{ givenName | trim }}"}\n'
        "- {target: name.familyName, source: surname}\n"
        '- {target: "enterprise:department", expression: "Append([badge], [jobTitle])"}\n'
    )
    (contoso.state / "scope.yaml").write_text(
        "sync: assigned\nfilters:\n  - name: x\n    clauses: [{attribute: employeeId, operator: IS NOT NULL}]\n"
    )
    contoso.run()
    selected = [seen.query["$select"] for seen in contoso.server.requests if seen.path == "/v1.0/users"]
    assert set(selected[0].split(",")) == {
        *("id", "userPrincipalName", "accountEnabled"),
        *("givenName", "surname", "jobTitle", "employeeId", "department"),
    }
    assert '"badge" is not imported' in contoso.terminal.out
    departments = {contoso.tenant.objects[user].properties["department"] for user in contoso.company.users}
    found = {name for name in contoso.files() if name.startswith("users/")}
    assert found == {f"users/{each.lower()}.yaml" for each in departments}


def test_listed_attributes_must_exist(contoso: EntraImport) -> None:
    contoso.settings(attributes=["department", "departmnet"])
    assert contoso.run() is ExitCode.ERROR
    (found,) = contoso.terminal.found
    assert found.summary.startswith('source.entra.attributes: "departmnet" cannot be read: Microsoft Graph has no such')
    assert str(found.origin).startswith("settings.yaml:1:")
    assert contoso.server.requests == []


def test_without_a_source_nothing_is_read(contoso: EntraImport) -> None:
    (contoso.state / "settings.yaml").write_text(json.dumps({"target": TARGET}))
    with pytest.raises(SourceError, match=r"settings\.yaml has no source\.entra"):
        contoso.run()


def test_invalid_mappings_are_errors_before_anything_is_read(contoso: EntraImport) -> None:
    (contoso.state / "mappings.yaml").write_text("- {target: userName, expression: 'Nonsense('}\n")
    assert contoso.run() is ExitCode.ERROR
    assert contoso.terminal.found
    assert contoso.server.requests == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mapping", 'no part "mapping"'),
        ("", 'no part ""'),
        ("scope,people", "scope needs groups"),
        ("groups", "people"),
    ],
)
def test_parts_that_do_not_go_together(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_parts(text)


def test_parts_in_any_order() -> None:
    assert parse_parts("scope, groups,people") == {"people", "groups", "scope"}


def test_an_unknown_action_is_refused(contoso: EntraImport) -> None:
    with pytest.raises(UsageError, match="--on-missing is report, disable or remove"):
        contoso.run(on_missing="delete")


FAULTS: list[dict[str, Any]] = [
    {"status": 403},
    {"body": b"<html>"},
    {"truncate": True},
    {"other_host": "https://graph.example.com"},
    {"without_value": True},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: next(iter(fault)))
def test_a_fault_in_any_answer_leaves_every_file_as_it_is(contoso: EntraImport, fault: dict[str, Any]) -> None:
    contoso.run()
    before = contoso.files()
    contoso.tenant.set(contoso.company.users[0], department="Navy")
    contoso.server.requests.clear()
    contoso.run(dry_run=True)
    seen = [each.path for each in contoso.server.requests if each.service == "graph"]
    refused = []
    for call, path in enumerate(seen, 1):
        contoso.server.faults = [Fault(call=call, **fault)]
        contoso.server._counts.clear()
        if contoso.ends_with_error():
            refused.append(path)
            assert contoso.files() == before
        else:  # an object, or a last page: the fault changes nothing of it
            assert contoso.files() != before
            contoso.restore(before)
    # When the app's own secret ends is only for a note: what cannot be read of it decides nothing.
    deciding = [path for path in seen if not path.startswith("/v1.0/applications(")]
    assert refused == deciding or "status" not in fault
    assert set(refused) >= {"/v1.0/users", f"/v1.0/groups/{contoso.company.staff}/members"}


# --- the provisioning job -------------------------------------------------------------------------

EVERYTHING = "people,groups,scope,mappings,settings"


def set_secret(contoso: EntraImport, key: str, value: str) -> None:
    rows = contoso.tenant.secrets[contoso.company.application]
    rows[:] = [row for row in rows if row["key"] != key] + [{"key": key, "value": value}]


def test_people_mappings_and_settings_come_in_one_run(contoso: EntraImport) -> None:
    assert contoso.run(parts=EVERYTHING) is ExitCode.OK, contoso.terminal.out
    assert contoso.load().policy.removals.count == 500
    files = contoso.files()
    assert set(files) == {
        *("settings.yaml", "scope.yaml", "mappings.yaml"),
        *("users/entra.yaml", "groups/entra.yaml"),
    }
    assert b"mailto:ops@contoso.com" in files["settings.yaml"]
    # Attributes that only the job's mappings and filters read.
    assert b"jobTitle" in files["users/entra.yaml"]
    assert contoso.run(parts=EVERYTHING, check=True) is ExitCode.OK
    assert contoso.run(parts=EVERYTHING) is ExitCode.OK
    assert contoso.files() == files


def test_no_file_and_no_output_has_a_credential_of_the_job(contoso: EntraImport) -> None:
    for options in ({}, {"format": "json"}, {"dry_run": True}):
        contoso.run(parts=EVERYTHING, **options)
        shown = contoso.terminal.out + repr(contoso.terminal.found) + repr(contoso.files())
        assert PLANTED_TOKEN not in shown
    assert any(request.path.endswith("/synchronization/secrets") for request in contoso.server.requests)


def test_a_job_for_every_user_is_refused_for_assigned_ones(contoso: EntraImport) -> None:
    set_secret(contoso, "SyncAll", "True")
    before = contoso.files()
    with pytest.raises(SourceError, match=r"source\.entra\.users is assigned$"):
        contoso.run(parts=EVERYTHING)
    assert contoso.files() == before
    contoso.settings(users="all")
    assert contoso.run(parts=EVERYTHING) is ExitCode.OK
    assert b"sync: all" in contoso.files()["scope.yaml"]


def test_a_setting_that_cannot_be_read_writes_nothing(contoso: EntraImport) -> None:
    set_secret(contoso, "SyncNotificationSettings", f"{{{PLANTED_TOKEN}")
    before = contoso.files()
    with pytest.raises(SourceError, match="SyncNotificationSettings of the provisioning job cannot be used") as raised:
        contoso.run(parts=EVERYTHING)
    assert PLANTED_TOKEN not in raised.value.summary + raised.value.detail
    assert contoso.files() == before


def test_without_the_permission_for_the_job_nothing_is_read(contoso: EntraImport) -> None:
    contoso.tenant.app.roles.remove("Synchronization.Read.All")
    before = contoso.files()
    with pytest.raises(SourceError, match=r"lacks permissions of Microsoft Graph: Synchronization\.Read\.All$"):
        contoso.run(parts=EVERYTHING)
    assert contoso.files() == before
    assert contoso.run() is ExitCode.OK


@pytest.mark.parametrize("fault", [{"status": 403}, {"truncate": True}, {"body": b"<html>"}], ids=str)
@pytest.mark.parametrize("path", ["/jobs", "/schema", "/secrets"])
def test_a_fault_of_the_job_leaves_every_file_as_it_is(contoso: EntraImport, path: str, fault: dict[str, Any]) -> None:
    before = contoso.files()
    contoso.server.faults = [Fault(path, **fault)]
    with pytest.raises(SourceError):
        contoso.run(parts=EVERYTHING)
    assert contoso.files() == before


def test_a_job_and_a_rule_need_their_part(contoso: EntraImport) -> None:
    for options in ({"job": "x"}, {"rule": "x"}, {"rule": "x", "parts": "people,groups,scope,settings"}):
        with pytest.raises(UsageError, match="needs --with"):
            contoso.run(**options)


# --- delta ----------------------------------------------------------------------


def test_delta_gives_the_files_that_a_full_read_gives(contoso: EntraImport, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "delta"
    assert contoso.run(delta=cache) is ExitCode.OK
    assert "Everything was read: there is no file" in contoso.notes
    assert cache.stat().st_mode & 0o777 == 0o600
    tenant, users = contoso.tenant, contoso.company.users
    tenant.set(users[3], department="Navy")
    tenant.delete(users[4])
    tenant.add_member(contoso.company.staff, tenant.add_user("new@contoso.com", givenName="Ada", surname="Ng"))
    before = contoso.files()
    contoso.server.requests.clear()
    assert contoso.run(delta=cache) is ExitCode.OK
    assert "Only users that changed" in contoso.notes
    assert contoso.server.count("/users/delta") == 1
    by_delta = contoso.files()
    contoso.restore(before)
    assert contoso.run() is ExitCode.OK
    assert contoso.files() == by_delta != before
    assert contoso.run(delta=cache, check=True) is ExitCode.OK


def test_the_delta_file_is_written_after_an_import_that_wrote_only(contoso: EntraImport, tmp_path: Path) -> None:
    cache = tmp_path / "delta"
    contoso.run(delta=cache, dry_run=True)
    contoso.run(delta=cache, check=True)
    assert not cache.exists()
    contoso.run(delta=cache)
    before = cache.read_bytes()
    for user in contoso.company.users[:5]:
        contoso.tenant.delete(user)
    assert contoso.run(delta=cache, on_missing="remove") is ExitCode.BLOCKED
    assert cache.read_bytes() == before


def test_a_read_that_fails_leaves_the_delta_file(contoso: EntraImport, tmp_path: Path) -> None:
    cache = tmp_path / "delta"
    contoso.run(delta=cache)
    before = cache.read_bytes(), contoso.files()
    contoso.tenant.set(contoso.company.users[3], department="Navy")
    contoso.server.faults.append(Fault("/users/delta", times=None, truncate=True))
    with pytest.raises(SourceError):
        contoso.run(delta=cache)
    assert (cache.read_bytes(), contoso.files()) == before


@pytest.mark.parametrize("change", [{"users": "all"}, {"attributes": ["department"]}, {"tenant": "contoso.com"}])
def test_other_settings_do_not_use_the_file(contoso: EntraImport, tmp_path: Path, change: dict[str, Any]) -> None:
    contoso.run(delta=tmp_path / "delta")
    contoso.settings(**change)
    contoso.run(delta=tmp_path / "delta")
    assert "is of another tenant, application or selection" in contoso.notes


def test_a_damaged_delta_file_means_a_full_read(contoso: EntraImport, tmp_path: Path) -> None:
    (tmp_path / "delta").write_text("nonsense")
    assert contoso.run(delta=tmp_path / "delta") is ExitCode.OK
    assert "Everything was read: " in contoso.notes
    contoso.run(delta=tmp_path / "delta")
    assert "Only users that changed" in contoso.notes


def test_a_delta_file_in_the_repository_is_refused_before_anything_is_read(contoso: EntraImport) -> None:
    (contoso.state.parent / ".git").mkdir()
    with pytest.raises(SourceError, match="git"):
        contoso.run(delta=contoso.state / "delta")
    assert contoso.server.requests == []


def test_a_delta_file_that_cannot_be_written_is_a_warning(contoso: EntraImport, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert contoso.run(delta=tmp_path / "file" / "delta") is ExitCode.OK
    assert any("the delta file is not kept: cannot write" in found.summary for found in contoso.terminal.found)
    assert len(contoso.load().users) == 8


def test_no_token_is_in_the_delta_file(contoso: EntraImport, tmp_path: Path) -> None:
    contoso.run(delta=tmp_path / "delta")
    content = (tmp_path / "delta").read_bytes()
    assert all(token.encode() not in content for token in contoso.server.login.issued)
    assert contoso.tenant.app.secret.encode() not in content
