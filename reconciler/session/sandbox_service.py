"""The embedded sandbox: run, fill, empty and edit it. An extra: production installations do without it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.core.profile import TargetProfile
from reconciler.core.system_limits import advise, describe_os_error
from reconciler.errors import PlanFileError, ReconcilerError
from reconciler.record.files import make_private_directory, read_file
from reconciler.scim.secret import Secret
from reconciler.scim.token_source import FixedToken
from reconciler.scim.transport import parse_endpoint
from reconciler.session.connection import Connection

if TYPE_CHECKING:
    from reconciler.sandbox.server import RunningSandbox  # an extra

_INSTALL = """\
Install the wheel with its extra, FILE.whl[sandbox], or the libraries as `init` locked them:
pip install --require-hashes -r requirements/sandbox.lock"""
"""From a file or a lock, never by a name that anyone could register on an index."""
_MAX_SEED = 256 * 1024 * 1024


@contextmanager
def run_sandbox(file: Path, profile: TargetProfile, names: Collection[str]) -> Iterator[tuple[Connection, str]]:
    """Run the sandbox; yield its connection, and if its database is new what is in it, otherwise "".

    `names`: the user names of the desired state; their domains are verified in a new sandbox.
    """
    with _sandbox_errors():
        from reconciler.sandbox.server import start  # noqa: PLC0415 - an extra

        content = "" if file.exists() else make_sandbox(file, names)
        running = start(file)
    try:
        base_url = running.school_url if profile.name == "apple-school-manager" else running.base_url
        where = parse_endpoint(base_url, profile_hosts=(), allowed_hosts=["127.0.0.1"])
        yield Connection(where, FixedToken(Secret(running.token)), profile.refusal_hints), content
    finally:
        running.close()


def make_sandbox(file: Path, names: Collection[str]) -> str:
    """Create the sandbox of a desired state with these user names; return what is in it.

    Only that of the sample company is filled. Any other starts empty: each of the sample's users in it would look like
    one that was removed from the desired state.
    """
    domains = sorted({name.rpartition("@")[2] for name in names})
    if is_sample_company(names):
        seed_sandbox(file, None, domains)
        return "the sample company's live users"
    empty_sandbox(file, domains)
    return "no users"


def is_sample_company(names: Collection[str]) -> bool:
    """Whether the desired state has most of the sample company's users."""
    with _sandbox_errors():
        from reconciler.sandbox.seed import load_default_seed  # noqa: PLC0415 - an extra

        sample = [str(user["userName"]).casefold() for user in load_default_seed()["users"]]
    known = {name.casefold() for name in names}
    return 2 * sum(name in known for name in sample) > len(sample)


def seed_sandbox(file: Path, document: Path | None, domains: Iterable[str] = ()) -> int:
    """Fill the sandbox from a seed file (None: the sample company's); return the number of users."""
    with _sandbox_errors():
        from reconciler.sandbox.seed import list_users, load_default_seed, seed  # noqa: PLC0415 - an extra

        content = load_default_seed() if document is None else _read_json(document)
        if domains:
            content["domains"] = sorted({*content.get("domains", ()), *domains})
        _make_directory(file)
        seed(file, content)
        return len(list_users(file))


def empty_sandbox(file: Path, domains: Iterable[str]) -> None:
    """Create a sandbox without users; `domains` are verified in it."""
    with _sandbox_errors():
        from reconciler.sandbox.seed import seed  # noqa: PLC0415 - an extra

        _make_directory(file)
        seed(file, {"domains": sorted(domains), "users": []})


def reset_sandbox(file: Path) -> None:
    """Empty the sandbox."""
    with _sandbox_errors():
        from reconciler.sandbox.seed import reset  # noqa: PLC0415 - an extra

        _make_directory(file)
        reset(file)


def edit_sandbox(file: Path, user_name: str, changes: Mapping[str, object]) -> None:
    """Edit a user of the sandbox, as an administrator would."""
    with _sandbox_errors():
        from reconciler.sandbox.seed import edit_user  # noqa: PLC0415 - an extra

        edit_user(file, user_name, changes)


def issue_sandbox_token(file: Path) -> str:
    """Issue another token, as an administrator would. Raises `ReconcilerError` if there are two that are valid."""
    with _sandbox_admin(file) as admin:
        return str(admin.issue_token(file))


def advance_sandbox_clock(file: Path, days: int) -> None:
    """Move the sandbox's clock forwards: tokens expire, and reserved names become free."""
    with _sandbox_admin(file) as admin:
        admin.advance_clock(file, days=days)


def disconnect_sandbox(file: Path) -> None:
    """End the connection, as an administrator can: users become manual accounts, and every token is revoked."""
    with _sandbox_admin(file) as admin:
        admin.disconnect(file)


def reconnect_sandbox(file: Path, *, merge: bool) -> str:
    """Connect again and return a token; `merge`: new users take over the accounts of the same names."""
    with _sandbox_admin(file) as admin:
        return str(admin.reconnect(file, merge=merge))


@contextmanager
def _sandbox_admin(file: Path) -> Iterator[Any]:
    """Yield what an administrator can do. Raises `ReconcilerError` if there is no sandbox."""
    if not file.is_file():
        raise ReconcilerError(f"there is no sandbox at {file}", "Run a plan with --sandbox, or sandbox seed, first.")
    with _sandbox_errors():
        from reconciler.sandbox import admin  # noqa: PLC0415 - an extra

        yield admin


def serve_sandbox(file: Path, port: int, say: Callable[[str], object], redirect_uri: str | None = None) -> None:
    """Serve the sandbox until Ctrl-C; `say` is given its URLs and secrets first.

    `redirect_uri`: registered in place of those that were; None: they stay.
    """
    with _sandbox_errors():
        from reconciler.sandbox.admin import register_redirect_uris  # noqa: PLC0415 - an extra
        from reconciler.sandbox.server import serve_forever  # noqa: PLC0415 - an extra

        def ready(running: RunningSandbox) -> None:
            say(_describe_service(running, file.parent.resolve() / "tokens"))
            sys.stdout.flush()

        _make_directory(file)
        if redirect_uri is not None:
            register_redirect_uris(file, [redirect_uri])
        serve_forever(file, port, ready)


def _describe_service(running: RunningSandbox, tokens: Path) -> str:
    client = running.oauth_client
    return (
        f"The sandbox listens on {running.base_url}\n"
        f"Its token: {running.token}\n\n"
        "To use it as if it were a service elsewhere, write that base_url into settings.yaml and set\n"
        f"  export RECONCILER_TOKEN={running.token} RECONCILER_ALLOWED_HOSTS=127.0.0.1\n\n"
        "To try OAuth, write `auth: oauth` below it in settings.yaml, set\n"
        f"  export RECONCILER_ALLOWED_HOSTS=127.0.0.1 RECONCILER_TOKEN_STORE={shlex.quote(f'file:{tokens}')}\n"
        f"  export RECONCILER_OAUTH_CLIENT_ID={client.client_id}\n"
        f"  export RECONCILER_OAUTH_CLIENT_SECRET={client.secret}\n"
        f"  export RECONCILER_OAUTH_AUTHORIZE_URL={running.authorize_url}\n"
        f"  export RECONCILER_OAUTH_TOKEN_URL={running.token_url}\n"
        f"and run `reconciler login`. The redirect URI is {' or '.join(client.redirect_uris)}\n\n"
        "Press Ctrl-C to stop it.\n"
    )


@contextmanager
def _sandbox_errors() -> Iterator[None]:
    """Raise errors of the sandbox, and its absence, as `ReconcilerError`."""
    try:
        from reconciler.sandbox.sandbox_error import SandboxError  # noqa: PLC0415 - an extra

        try:
            yield
        except SandboxError as exc:
            raise ReconcilerError(str(exc)) from exc
    except ModuleNotFoundError as exc:
        raise ReconcilerError(f"the sandbox is not installed ({exc.name} is missing)", _INSTALL) from exc


def _make_directory(file: Path) -> None:
    try:
        make_private_directory(file.parent)
    except OSError as exc:
        detail = "The sandbox is in `.reconciler`, next to the desired state."
        raise ReconcilerError(f"cannot make {file.parent}: {describe_os_error(exc)}", advise(exc, detail)) from exc


def _read_json(document: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_file(document, _MAX_SEED))
    except (PlanFileError, ValueError, RecursionError) as exc:
        raise ReconcilerError(f"cannot read the seed {document}: {exc}", "A seed is a JSON document.") from exc
    if not isinstance(content, dict):
        raise ReconcilerError(f"the seed {document} is not a JSON object", 'It starts with {"users": [')
    return content
