"""Do once, before any fork, what each process of a tenant would do first: half of what a small plan costs.

A made-up company is loaded and planned: imports within functions, compiled expressions and validators, public
certificate authorities. Nothing is connected, and what stays depends on the program only, not on a tenant.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import httpx

from reconciler.core.planning.offline import build_offline_plan, simulate_accounts
from reconciler.desired.loader import DesiredState, load
from reconciler.errors import ReconcilerError
from reconciler.record.plan_file import from_json, to_json
from reconciler.render.formats import OutputOptions, render_plan
from reconciler.render.style import Style
from reconciler.scim.transport import load_certificate_authorities
from reconciler.session.baseline import build_reader, build_request
from reconciler.session.workspace import Workspace

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_FILES = {
    "settings.yaml": "target: {profile: scim, base_url: 'https://example.com', domains: [example.com]}\n",
    "scope.yaml": "sync: assigned\nassigned: {groups: [everybody]}\n",
    "mappings.yaml": (
        "- {target: externalId, source: objectId, match: 1}\n"
        "- {target: userName, source: userPrincipalName, match: 2}\n"
        "- {target: active, expression: 'Not([IsSoftDeleted])', default: 'True'}\n"
        "- {target: name.givenName, source: givenName}\n"
        "- {target: name.familyName, expression: 'ToUpper([surname], )'}\n"
    ),
    "users/people.yaml": (
        "- {objectId: id-1, userPrincipalName: ada@example.com, givenName: Ada, surname: Lovelace}\n"
        "- {objectId: id-2, userPrincipalName: grace@example.com, givenName: Grace, surname: Hopper}\n"
    ),
    "groups/all.yaml": "- {name: everybody, members: {users: [ada@example.com, grace@example.com]}}\n",
}
_SANDBOX = ("reconciler.sandbox.server", "reconciler.sandbox.seed")


def warm_up() -> bool:
    """Plan the made-up company; return whether that went well. A process that is not warm is slower, and the same."""
    with tempfile.TemporaryDirectory(prefix="reconciler-") as name:
        try:
            return _plan(Path(name))
        except (ReconcilerError, OSError):
            return False
        finally:
            httpx.HTTPTransport(verify=load_certificate_authorities(), trust_env=False).close()


def warm_up_sandbox() -> None:
    """Import the sandbox, if it is installed."""
    for name in _SANDBOX:
        try:
            import_module(name)
        except ImportError:  # an extra: each tenant says how to install it
            return


def _plan(root: Path) -> bool:
    for name, text in _FILES.items():
        file = root / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    state = load(root, _NOW, _NOW.date())
    if not isinstance(state, DesiredState):
        return False
    request = build_request(Workspace(root, root / "plans", sandbox=False, now=_NOW), state, ())
    live = simulate_accounts(request, build_reader(state))
    plans = [build_offline_plan(request, state.users, accounts) for accounts in (live, live[:1], [])]
    for plan in plans:
        render_plan(from_json(to_json(plan).encode()), state.profile, OutputOptions(), Style())
    return bool(plans[-1].changes)
