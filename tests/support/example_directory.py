"""The directory whose people examples/entra-import has, in the stand-in of Microsoft Graph."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from support.servers.graph.registrations import FederatedCredential
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import Tenant
from support.workspace import run

SCHEMAS = Path(__file__).parents[2] / "schemas"
WRITTEN_BY_HAND = ("settings.yaml", "mappings.yaml")
_PEOPLE = """\
Nandini Rao,Chief Executive Officer,Management
Benedikt Achleitner,Head of Sales,Sales
Chiamaka Eze,Account Manager,Sales
Hinewai Parata,Account Manager,Sales
Saule Nurlanova,Head of Engineering,Engineering
Emeka Obi,Engineer,Engineering
Sanna Virtanen,Engineer,Engineering
Rafael Monteiro,Engineer,Engineering
Noor Haddad,Support Engineer,Support
Takumi Ishikawa,Support Engineer,Support
"""


def make_directory() -> Tenant:
    """Make the tenant: of its ten people, nine are assigned to the application by groups, and one by name."""
    tenant = Tenant("example.com", seed=16)
    tenant.app.federated.append(FederatedCredential("repo:octo-org/accounts:environment:import"))
    ids: dict[str, str] = {}
    departments: dict[str, list[str]] = {}
    for number, line in enumerate(_PEOPLE.splitlines(), 1):
        name, title, department = line.split(",")
        given, surname = name.split()
        ids[name] = tenant.add_user(
            f"{given}.{surname}@example.com".lower(),
            displayName=name,
            givenName=given,
            surname=surname,
            jobTitle=title,
            department=department,
            employeeId=f"{number:04}",
            employeeOrgData={"costCenter": f"{1000 + 100 * len(department)}", "division": "Products"},
        )
        departments.setdefault(department, []).append(ids[name])
    tenant.set(ids["Takumi Ishikawa"], accountEnabled=False)
    application = tenant.add_application()
    for department in ("Sales", "Engineering", "Support"):
        group = tenant.add_group(department, departments[department])
        tenant.assign(application, group)
    tenant.assign(application, ids["Nandini Rao"])
    return tenant


def import_people(state: Path) -> dict[str, str]:
    """Return the files, by path below `state`, that `import entra` writes beside those written by hand there.

    The stand-in trusts the job as Entra does: by the OIDC token of the run, without a secret. The first lines name the
    schemas of this repository: the example has no folder of its own for them.
    """
    with TemporaryDirectory() as made, GraphServer(make_directory()) as server:
        copied = Path(made, "desired-state")
        copied.mkdir()
        shutil.copytree(SCHEMAS, Path(made, "schemas"))
        for name in WRITTEN_BY_HAND:
            (copied / name).write_bytes((state / name).read_bytes())
        with patch.dict(os.environ, server.oidc_environment):
            found = run(["reconciler", "import", "entra", "--state", str(copied)])
        assert found.code == 0, found.out + found.err
        return {
            path.relative_to(copied).as_posix(): path.read_text("utf-8").replace("$schema=", "$schema=../../", 1)
            for path in sorted(copied.rglob("*.yaml"))
            if path.name not in WRITTEN_BY_HAND
        }
