"""Questions about the tokens of a connection by OAuth (`target.auth: oauth`): are they stored, and can they be renewed.

Nothing is renewed here. The first request is made with the stored access token, which is refreshed for it only if it
has ended, as in every command.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import httpx

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.planning.clock import format_minute
from reconciler.errors import TargetError
from reconciler.oauth.token_document import TokenBinding, TokenDocument, check_binding
from reconciler.oauth.token_store import STORE_VARIABLE, TokenStore, parse_token_store
from reconciler.scim.connection_messages import ConnectionMessages
from reconciler.scim.deadline import DeadlineExceededError
from reconciler.session.checks.context import CheckContext
from reconciler.session.checks.tls import look
from reconciler.session.connection import explain_refusals
from reconciler.session.expiry import read_credentials
from reconciler.session.oauth_client import read_oauth_credentials
from reconciler.session.stored_tokens import connect_by_oauth

_LOGIN = "Run reconciler login."
_OTHER_HOST = "Apple's screen shows the URL to use: both appleid.apple.com and appleaccount.apple.com were seen."


def ask_stored_tokens(context: CheckContext) -> Iterator[Answer]:
    """Ask whether the store has tokens of this connection. Raises `ReconcilerError` if something is missing."""
    tenant = context.settings.target.tenant if context.settings is not None else None
    client = read_oauth_credentials(context.environment, tenant)
    context.secrets.append(client.client_secret)
    store = parse_token_store(context.environment, tenant)
    if context.endpoint is not None and context.profile is not None and context.target is not None:
        dates = read_credentials(context.workspace.state)
        connection = connect_by_oauth(
            context.target.base_url,
            context.profile,
            dates,
            context.terminal.note,
            context.environment,
            tenant=tenant,
        )
        context.connection = explain_refusals(connection, dates, context.now.date())
    if context.offline and _is_command(context):
        yield Answer("token", CheckVerdict.SKIPPED, f"not read: {store.name} may use the network (--offline)")
        return
    document = store.load()
    if document is None:
        yield Answer("token", CheckVerdict.FAILED, f"{store.name} holds no tokens", (_LOGIN,))
        return
    context.secrets += document.tokens
    if context.endpoint is not None:
        binding = TokenBinding(client.client_id, client.token.base_url, context.endpoint.base_url)
        check_binding(document, binding, store.name)
    try:
        store.check_writable()
    except TargetError as exc:
        if document.expires <= context.now:
            raise
        yield _describe_unwritable(document, exc)
        return
    yield _describe_document(document, store, context.now)


def _describe_unwritable(document: TokenDocument, exc: TargetError) -> Answer:
    """Return a warning: until the access token ends all commands work, as in a job that may not write."""
    summary = f"{exc.summary}; the access token, which lasts until {format_minute(document.expires)} UTC, is used"
    facts = (("kind", "oauth"), ("access_expires", document.expires.isoformat()))
    return Answer("token", CheckVerdict.WARNING, summary, tuple(exc.detail.splitlines()), facts)


def _is_command(context: CheckContext) -> bool:
    return context.environment.get(STORE_VARIABLE, "").strip().startswith("cmd:")


def _describe_document(document: TokenDocument, store: TokenStore, now: datetime) -> Answer:
    refreshable, ended = document.refresh_token is not None, document.expires <= now
    facts = (("kind", "oauth"), ("access_expires", document.expires.isoformat()), ("refresh_token", refreshable))
    end = f"{'ended' if ended else 'ends'} {format_minute(document.expires)} UTC"
    summary = f"{store.name} has an access token that {end}"
    if not refreshable:
        verdict = CheckVerdict.FAILED if ended else CheckVerdict.WARNING
        return Answer("token", verdict, f"{summary}, and no refresh token to renew it", (_LOGIN,), facts)
    if document.refresh_begun is not None:
        begun = f"a refresh that began {format_minute(document.refresh_begun)} UTC has no stored result"
        advice = ("The next request tries both refresh tokens. If it is refused: run reconciler login.",)
        return Answer("token", CheckVerdict.WARNING, f"{summary}; {begun}", advice, facts)
    renewed = "it is renewed for the next request" if ended else "it is renewed in time"
    return Answer("token", CheckVerdict.OK, f"{summary}; {renewed}", facts=facts)


def ask_authorization_server(context: CheckContext) -> Iterator[Answer]:
    """Ask whether the server that renews tokens can be reached and proves who it is, by a request without a secret."""
    if context.settings is None or context.settings.target.auth != "oauth" or context.workspace.sandbox:
        return
    where = read_oauth_credentials(context.environment).token
    if where.scheme == "http":
        yield Answer("authorization_server", CheckVerdict.OK, "plain http, which does not leave this machine")
        return
    messages = ConnectionMessages(
        where.base_url, service="the authorization server", check="Check RECONCILER_OAUTH_TOKEN_URL"
    )
    try:
        found = look(where, context.network)
    except httpx.ConnectError as exc:
        error = messages.explain_no_connection(exc)[0]
        advice = (*error.detail.splitlines(), *([_OTHER_HOST] if where.host.endswith(".apple.com") else ()))
        yield Answer("authorization_server", CheckVerdict.FAILED, error.summary, advice)
    except (httpx.HTTPError, DeadlineExceededError) as exc:
        yield Answer("authorization_server", CheckVerdict.FAILED, messages.explain_no_answer(exc).summary)
    else:
        yield Answer("authorization_server", found.verdict, found.summary, found.advice, found.facts)
