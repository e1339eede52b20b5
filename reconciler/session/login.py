"""Log in: an authorization in a browser, whose tokens are stored and then tried once."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.profile import TargetProfile
from reconciler.desired import schema
from reconciler.errors import ReconcilerError, TargetError, UsageError
from reconciler.oauth.authorization import LONGEST_URL, Authorization, AuthorizationError, UnrelatedRedirectError
from reconciler.oauth.encryption import TokenKeyError
from reconciler.oauth.endpoints import OAuthEndpoints
from reconciler.oauth.file_store import TokenStoreError
from reconciler.oauth.loopback import LoopbackListener
from reconciler.oauth.redirect_uri import DEFAULT_PORT, RedirectUri, build_loopback_uri, parse_redirect_uri
from reconciler.oauth.rotation import finish_despite_interrupt
from reconciler.oauth.token_client import TokenClient
from reconciler.oauth.token_document import (
    TokenBinding,
    TokenDocument,
    TokenDocumentError,
    build_token_document,
    check_binding,
)
from reconciler.oauth.token_store import TokenStore, parse_token_store
from reconciler.profiles import PROFILES
from reconciler.scim.network import Network
from reconciler.scim.secret import Secret
from reconciler.scim.token_source import FixedToken
from reconciler.scim.transport import Endpoint, open_connections, parse_endpoint
from reconciler.session.approval import read_yes
from reconciler.session.browser import has_browser, open_browser
from reconciler.session.connection import Connection, open_client, read_allowed_hosts
from reconciler.session.network import read_network
from reconciler.session.oauth_client import OAuthCredentials, read_oauth_credentials, read_oauth_endpoints
from reconciler.session.terminal import Terminal
from reconciler.session.token_lock import hold_token_lock
from reconciler.session.token_masks import mask_tokens
from reconciler.session.workspace import current_time

_MOST_PASTES = 3
_HIGHEST_PORT = 65_535
_ONE_USER = {"startIndex": "1", "count": "1"}


@dataclass(frozen=True, slots=True)
class LoginOptions:
    """The command line of `login`. `port` None: that of `redirect_uri`, or the default."""

    redirect_uri: str | None = None
    port: int | None = None
    browser: bool = True
    paste: bool = False
    pkce: bool = True
    replace: bool = False


@dataclass(frozen=True, slots=True)
class LoginSetup:
    """All that a login needs, checked before a browser opens."""

    service: Endpoint
    profile: TargetProfile
    endpoints: OAuthEndpoints
    credentials: OAuthCredentials
    network: Network
    store: TokenStore
    binding: TokenBinding


def prepare_login(
    target: schema.TargetSettings, terminal: Terminal, environment: Mapping[str, str] = os.environ
) -> LoginSetup:
    """Read settings and environment. Raises `ReconcilerError` for what would make the login useless."""
    if target.auth != "oauth":
        raise ReconcilerError(
            f"target.auth in settings.yaml is {target.auth}: there is nothing to log in to",
            "The token is in RECONCILER_TOKEN. For Apple's OAuth, set target.auth to oauth: see docs/oauth.md.",
        )
    profile = PROFILES[target.profile]
    allowed = read_allowed_hosts(environment)
    service = parse_endpoint(target.base_url, profile_hosts=profile.hosts, allowed_hosts=allowed)
    credentials = read_oauth_credentials(environment, target.tenant)
    endpoints = read_oauth_endpoints(environment)
    binding = TokenBinding(credentials.client_id, credentials.token.base_url, service.base_url)
    network, store = read_network(environment), parse_token_store(environment, target.tenant)
    with hold_token_lock(binding, store, terminal.note):
        store.check_writable()
    return LoginSetup(service, profile, endpoints, credentials, network, store, binding)


# --- tokens that are there already -------------------------------------------


def confirm_replacement(setup: LoginSetup, terminal: Terminal, *, replace: bool) -> bool:
    """Return whether the store may be written: it is empty, or the user agrees. `replace`: without asking.

    Raises `UsageError` without a terminal to ask on.
    """
    found = _describe_stored(setup)
    if found is None:
        return True
    if replace:
        terminal.note(f"{found} It is replaced.")
        return True
    if not sys.stdin.isatty():
        raise UsageError(found, "Add --replace to log in nevertheless: it is replaced once the new tokens are there.")
    terminal.prompt(f"{found}\nIt is replaced if you log in. Only 'yes' will be accepted.\n")
    return read_yes()


def _describe_stored(setup: LoginSetup) -> str | None:
    """Return what the store holds; None if it is empty. Raises `TokenStoreError` if it cannot be read."""
    try:
        document = setup.store.load()
        if document is None:
            return None
        check_binding(document, setup.binding, setup.store.name)
    except (TokenDocumentError, TokenKeyError) as exc:
        return f"{exc.summary}."
    when = f"{document.obtained:%Y-%m-%d %H:%M} UTC"
    return f"{setup.store.name} holds tokens of this connection, obtained {when}, which may still work."


# --- the code ------------------------------------------------------------------


def choose_redirect(options: LoginOptions) -> RedirectUri | None:
    """Return the redirect URI; None: on this machine, on a port that is free. Raises `UsageError`."""
    if options.redirect_uri is not None:
        if options.port is not None:
            raise UsageError("--port and --redirect-uri do not go together", "The redirect URI has a port itself.")
        return parse_redirect_uri(options.redirect_uri)
    port = DEFAULT_PORT if options.port is None else options.port
    if not 0 <= port <= _HIGHEST_PORT:
        raise UsageError(f"--port {port} is out of range", f"Ports are 1 to {_HIGHEST_PORT}; 0: any that is free.")
    if port == 0:
        if options.paste:
            raise UsageError("--port 0 and --paste do not go together", "Name the port of the registered redirect URI.")
        return None
    return build_loopback_uri(port)


@dataclass(frozen=True, slots=True)
class ReceivedCode:
    """A code, and what its exchange needs. `verifier` None: without PKCE."""

    code: Secret
    redirect: RedirectUri
    verifier: Secret | None


def obtain_code(setup: LoginSetup, options: LoginOptions, terminal: Terminal) -> ReceivedCode:
    """Let the user authorize; return the code, the redirect URI and the verifier. Raises `ReconcilerError`."""
    redirect = choose_redirect(options)
    if redirect is not None and (options.paste or redirect.local_port is None):
        return _obtain_by_paste(setup, options, redirect, terminal)
    with LoopbackListener(0 if redirect is None else redirect.local_port or 0) as listener:
        redirect = redirect or build_loopback_uri(listener.port)
        begun = Authorization(setup.credentials.client_id, redirect, pkce=options.pkce)
        _show_url(begun.build_url(setup.endpoints.authorize.base_url), options, terminal)
        terminal.prompt(
            f"Waiting for the browser to come back to {redirect.text}, which must be registered as redirect URI.\n"
            "If the browser is on another machine, press Ctrl-C and add --paste."
        )
        return ReceivedCode(listener.receive(redirect, begun.receive, begun.seconds_left), redirect, begun.verifier)


def _obtain_by_paste(
    setup: LoginSetup, options: LoginOptions, redirect: RedirectUri, terminal: Terminal
) -> ReceivedCode:
    begun = Authorization(setup.credentials.client_id, redirect, pkce=options.pkce)
    _show_url(begun.build_url(setup.endpoints.authorize.base_url), options, terminal)
    terminal.prompt(
        f"Afterwards the browser goes to {redirect.text}, where it may show an error.\n"
        "Copy the whole address that it ends at. It holds a code: it is not shown here when you paste it."
    )
    for left in reversed(range(_MOST_PASTES)):
        try:
            return ReceivedCode(begun.receive(read_pasted_url()), redirect, begun.verifier)
        except UnrelatedRedirectError as exc:
            if not left or not sys.stdin.isatty():
                raise
            terminal.error(exc)
    raise AssertionError("the last attempt returns or raises")  # pragma: no cover


def _show_url(url: str, options: LoginOptions, terminal: Terminal) -> None:
    opens = options.browser and sys.stdin.isatty() and sys.stderr.isatty() and has_browser()
    what = "The browser opens" if opens else "Open"
    terminal.prompt(f"{what} this page. Sign in there as an administrator and allow the connection:\n\n{url}\n")
    if opens:
        open_browser(url)


def read_pasted_url() -> str:
    """Read one line, from a terminal without showing it. Raises `AuthorizationError` if there is none."""
    if sys.stdin.isatty():
        try:
            return getpass.getpass("Address: ").strip()
        except EOFError:
            line = ""
    else:
        line = sys.stdin.readline(LONGEST_URL + 2)
    if not line.strip():
        raise AuthorizationError("no address was pasted", "Run reconciler login again.")
    return line.strip()


# --- the tokens ----------------------------------------------------------------


def obtain_tokens(setup: LoginSetup, received: ReceivedCode, terminal: Terminal) -> TokenDocument:
    """Exchange the code, store the tokens, and return their document. Raises `TargetError`; nothing is stored then.

    It is under the lock that a refresh holds, and Ctrl-C waits for its end: tokens that were issued are stored.
    """
    with hold_token_lock(setup.binding, setup.store, terminal.note):
        return finish_despite_interrupt(lambda: _exchange_and_store(setup, received))


def _exchange_and_store(setup: LoginSetup, received: ReceivedCode) -> TokenDocument:
    credentials, asked = setup.credentials, current_time()
    with TokenClient(
        credentials.token,
        credentials.client_id,
        credentials.client_secret,
        connect=lambda: open_connections(setup.network),
    ) as client:
        answer = client.exchange_code(received.code, received.redirect.text, received.verifier)
    document = build_token_document(
        setup.binding, answer.access_token, answer.refresh_token, answer.lifetime, asked=asked
    )
    mask_tokens()(document.tokens)
    try:
        setup.store.save(document)
    except TargetError as exc:
        raise TokenStoreError(
            f"tokens were issued, but are not stored: {exc.summary}",
            f"{exc.detail}\nThe issued tokens are lost. When the store works: run reconciler login again.",
        ) from exc
    return document


class _IssuedToken(FixedToken):
    advice = "It was just issued: is target.base_url the service that the tokens are for?"


def try_token(setup: LoginSetup, token: Secret) -> None:
    """Send one GET with a token that was just issued. Raises `TargetError` if the service does not accept it."""
    to = Connection(setup.service, _IssuedToken(token), setup.profile.refusal_hints, setup.network)
    with open_client(to, writes=False) as client:
        response = client.ask("/Users", _ONE_USER)
        error = client.messages.explain_rejection(response)
    if error is None and not response.is_success:
        error = TargetError(f"it answers {response.status_code}", "Run reconciler check, which says more.")
    if error is not None:
        raise TargetError(f"the tokens are stored, but {error.summary}", error.detail)
