"""Questions about the dates on which the credentials of the connection end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.expiry import (
    ConnectionCredential,
    CredentialKind,
    DateSource,
    ExpiryTopic,
    assess_credentials,
    count_days_left,
    count_days_to_use,
    describe_end,
)
from reconciler.core.refused_credentials import find_credential
from reconciler.desired.source_settings import EntraSource
from reconciler.errors import SourceError
from reconciler.session.checks.context import CheckContext
from reconciler.session.entra_source import open_source
from reconciler.session.expiry import read_credentials
from reconciler.session.graph_credential import never_expires, read_graph_credential
from reconciler.session.target_status import is_token_used

TOKEN, SECRET, FIRST_USE, GRAPH = "token_expiry", "client_secret_expiry", "token_first_use", "graph_expiry"
_GRAPH_SECONDS = 10.0
"""For one request to Microsoft Graph, or for its token."""
_QUESTIONS = {
    CredentialKind.TOKEN: (TOKEN, "target.token_expires"),
    CredentialKind.CLIENT_SECRET: (SECRET, "target.client_secret_expires"),
    CredentialKind.GRAPH_CREDENTIAL: (GRAPH, "source.entra.credential_expires"),
}


def ask_expiry(context: CheckContext) -> Iterator[Answer]:
    """Ask when the token or the client secret ends, and whether a new token was used in time."""
    for credential in read_credentials(context.workspace.state):
        if credential.kind is not CredentialKind.GRAPH_CREDENTIAL:
            yield _describe_end(context, credential)
            yield from _ask_first_use(context, credential)


def _describe_end(context: CheckContext, credential: ConnectionCredential) -> Answer:
    question, key = _QUESTIONS[credential.kind]
    today = context.now.date()
    left = count_days_left(credential, today)
    if left is None:
        return _ask_for_date(credential, question, key, sandbox=context.workspace.sandbox)
    facts = (
        ("expires", str(credential.expires)),
        ("days_left", left),
        ("source", credential.source.value),
        ("others", credential.others or None),
    )
    summary = f"{credential.title} {describe_end(credential, today)}{_describe_source(credential)}"
    findings = list(assess_credentials([credential], today, used=True))
    if not findings:
        return Answer(question, CheckVerdict.OK, summary, facts=facts)
    if left >= 0:
        return Answer(question, CheckVerdict.WARNING, summary, (findings[0].way_out,), facts)
    accepted = credential.kind is CredentialKind.TOKEN and context.passed("access") and not context.workspace.sandbox
    if accepted:
        advice = (f"Yet the service accepts the token: {key} may be the date of an earlier token. Correct it.",)
        return Answer(question, CheckVerdict.WARNING, summary, advice, facts)
    return Answer(question, CheckVerdict.FAILED, summary, (findings[0].way_out,), facts)


def _describe_source(credential: ConnectionCredential) -> str:
    if credential.source is DateSource.GRAPH:
        more = f", one of {credential.others + 1:,} of the app" if credential.others else ""
        return f" (read from Microsoft Graph{more})"
    computed = "a year after its issue, " if credential.source is DateSource.COMPUTED else ""
    return f" ({computed}{credential.origin})" if credential.origin is not None else ""


def _ask_for_date(credential: ConnectionCredential, question: str, key: str, *, sandbox: bool) -> Answer:
    """Return that no date is declared. It is no fault where nothing is known to end, as in the sandbox."""
    ends = credential.rules.years.value is not None or credential.kind is CredentialKind.CLIENT_SECRET
    summary = f"not known when {credential.title} expires"
    if sandbox or not ends:
        return Answer(question, CheckVerdict.SKIPPED, f"{summary}: {key} is not set")
    advice = f"Set {key}: no service tells it, and then it is warned of from 60 days before."
    return Answer(question, CheckVerdict.WARNING, summary, (advice,))


def _ask_first_use(context: CheckContext, credential: ConnectionCredential) -> Iterator[Answer]:
    """Ask whether a token that must be used within a few days was: this very check may have done it."""
    today = context.now.date()
    if context.workspace.sandbox or context.target is None or count_days_to_use(credential, today) is None:
        return
    used = context.passed("access") or is_token_used([credential], context.workspace, context.target)
    findings = assess_credentials([replace(credential, expires=None)], today, used=used)
    found = next((each for each in findings if each.topic is ExpiryTopic.FIRST_USE), None)
    facts = (("issued", str(credential.issued)), ("used", used))
    if found is None:
        yield Answer(FIRST_USE, CheckVerdict.OK, f"the token of {credential.issued} is in use", facts=facts)
    else:
        yield Answer(FIRST_USE, CheckVerdict.WARNING, found.message, (found.way_out,), facts)


def ask_graph_expiry(context: CheckContext) -> Iterator[Answer]:
    """Ask when the credential ends that an import reads with."""
    source = context.settings.source.entra if context.settings is not None else None
    if source is None:
        return
    federated = never_expires(context.environment)
    if federated:
        yield Answer(GRAPH, CheckVerdict.OK, f"{federated} is used, a federated credential that does not expire")
        return
    declared = find_credential(read_credentials(context.workspace.state), CredentialKind.GRAPH_CREDENTIAL)
    found, problem = (None, "") if context.offline else _read(context, source)
    credential = found or declared
    if credential is None or credential.expires is None:
        why = f": {problem}" if problem else ""
        yield Answer(GRAPH, CheckVerdict.SKIPPED, f"not known when the credential for Microsoft Graph expires{why}")
        return
    yield _describe_end(context, credential)


def _read(context: CheckContext, source: EntraSource) -> tuple[ConnectionCredential | None, str]:
    """Return the credential by Graph, or why it cannot be read: then the declared date counts."""
    try:
        with open_source(source, context.terminal.quieter(), context.environment, seconds=_GRAPH_SECONDS) as client:
            return read_graph_credential(client, source, context.now.date(), context.environment), ""
    except SourceError as exc:
        return None, exc.summary
