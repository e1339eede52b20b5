"""`login`: authorize the connection in a browser, once, and store its tokens."""

from __future__ import annotations

from reconciler.errors import ExitCode
from reconciler.session.login import (
    LoginOptions,
    choose_redirect,
    confirm_replacement,
    obtain_code,
    obtain_tokens,
    prepare_login,
    try_token,
)
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, read_settings

__all__ = ["LoginOptions", "run_login"]


def run_login(workspace: Workspace, options: LoginOptions, terminal: Terminal) -> ExitCode:
    """Log in. Raises `ReconcilerError`; nothing is stored then, unless the message says that it is."""
    choose_redirect(options)
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    setup = prepare_login(settings.target, terminal)
    if not confirm_replacement(setup, terminal, replace=options.replace):
        terminal.result("Nothing was changed.")
        return ExitCode.OK
    document = obtain_tokens(setup, obtain_code(setup, options, terminal), terminal)
    if document.refresh_token is None:
        terminal.prompt(
            f"Warning: the service issued no refresh token. The connection ends at {document.expires:%Y-%m-%d %H:%M}"
            " UTC;\nthen log in again."
        )
    try_token(setup, document.access_token)
    terminal.result(f"Logged in to {setup.service.base_url}. The tokens are in {setup.store.name}.")
    return ExitCode.OK
