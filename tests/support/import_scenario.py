"""A repository with the workflow `import`, and a directory whose people it imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.commands.init import IMPORT_WORKFLOW, INSTALL, render_workflows
from support.servers.graph.registrations import FederatedCredential
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import Tenant
from support.workflow_runner import Job, git
from support.workflow_scenario import ADA, WorkflowScenario

ADA_ID = "5f0e3c1a-7d42-4b0e-9a55-2f6c1d8e4b10"
"""As `init` writes it."""


class ImportScenario(WorkflowScenario):
    """A repository with the workflow `import`, and a directory with Ada, who has an account already."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(root, patch)
        self.tenant = Tenant()
        self.tenant.app.federated.append(FederatedCredential("repo:octo-org/accounts:environment:import"))
        with patch.context() as once:
            once.setattr(Tenant, "_new_id", lambda _tenant: ADA_ID)
            self.hire(ADA)
        self.staff = self.tenant.add_group("apple-users", [ADA_ID])
        self.tenant.assign(self.tenant.add_application(), self.staff)
        self.graph = GraphServer(self.tenant).start()
        self.runner.oidc = self.graph.oidc_environment
        (self.origin / ".github/workflows" / IMPORT_WORKFLOW).write_text(render_workflows(INSTALL)[IMPORT_WORKFLOW])
        self.adopt()
        self.api.find_head = self.head
        self.api.merged = lambda pull: self.squash(str(pull["head"]["sha"]))
        self.api.is_ancestor = lambda commit, tip: git(self.origin, "merge-base", commit, tip) == commit

    def adopt(self) -> None:
        """Name the directory in settings.yaml, and let it have what the files have."""
        work = {"costCenter": "1400", "division": "Corporate"}
        self.tenant.set(ADA_ID, givenName="Ada", surname="Example", employeeId="0001", employeeOrgData=work)
        self.edit(
            "groups/apple-users.yaml", "- name: apple-users\n", f"- name: apple-users\n  objectId: {self.staff}\n"
        )
        app = f"tenant: {self.tenant.id}, client_id: {self.tenant.app.client_id}, application: Apple Business Manager"
        entra = f"{{{app}, auto_merge: 1}}"
        with (self.origin / "desired-state/settings.yaml").open("a") as file:
            file.write(f"source:\n  entra: {entra}\n")
        self.commit("Import from Entra")

    def hire(self, name: str) -> str:
        given, _, surname = name.partition("@")[0].partition(".")
        return self.tenant.add_user(name, givenName=given, surname=surname, department="IT")

    def head(self, branch: str) -> str | None:
        return git(self.origin, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}") or None

    def squash(self, head: str) -> str:
        git(self.origin, "merge", "--squash", head)
        git(self.origin, "commit", "-m", "Squashed")
        return str(self.head("main"))

    def run_import(self) -> tuple[Job, Job]:
        """Run both jobs."""
        self.api.dispatches.clear()
        main = git(self.origin, "rev-parse", "main")
        read = self.runner.job("import.yml", "read", "schedule", main)
        return read, self.runner.job("import.yml", "pull-request", "schedule", main, needs={"read": read})

    def run_dispatched(self) -> list[Job]:
        """Run the workflows that were started."""
        jobs = {"plan.yml": "plan", "ci.yml": "desired-state", "apply.yml": "apply"}
        return [
            self.runner.job(workflow, jobs[workflow], "workflow_dispatch", str(self.head(ref)), {"inputs": inputs})
            for workflow, ref, inputs in self.api.dispatches
        ]

    def close(self) -> None:
        self.graph.close()
        super().close()
