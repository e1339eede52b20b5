"""Questions about Microsoft Graph, from which `import entra` reads: credential, token, permissions, application."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.text import format_names, pluralize
from reconciler.desired.source_settings import EntraSource
from reconciler.errors import SourceError, StopRequestedError
from reconciler.scim.probes.verdicts import fail, ok, skip, warn
from reconciler.scim.read_budget import TimeOverError
from reconciler.scim.secret import Secret
from reconciler.session.checks.budget import TIME_OVER
from reconciler.session.checks.context import CheckContext
from reconciler.sources.graph.access_token import Credential, read_claims
from reconciler.sources.graph.assignments import find_application
from reconciler.sources.graph.azure_cli import AzureCli
from reconciler.sources.graph.client import open_graph
from reconciler.sources.graph.clouds import GraphHosts, choose_hosts
from reconciler.sources.graph.credentials import (
    CLIENT_SECRET,
    READY_TOKEN,
    App,
    NoCredentialError,
    find_credential,
)
from reconciler.sources.graph.permissions import PEOPLE, check_permissions, list_granted
from reconciler.sources.graph.retry import Waiting
from reconciler.sources.graph.tokens import Tokens

_REQUEST_SECONDS = 10.0
"""For one request, with all its attempts and pauses."""
QUESTIONS = ("graph_credential", "graph_token", "graph_permissions", "graph_application")
_SECRETS = (READY_TOKEN, CLIENT_SECRET)
_WRITES = ("ReadWrite", "AccessAsUser", "FullControl")
"""Parts of the names of permissions to write."""


def ask_graph(context: CheckContext) -> Iterator[Answer]:
    """Ask whether people can be imported from Entra, if settings.yaml says so; nothing if it does not.

    Requests are those of `import entra`, which cannot write.
    """
    source = context.settings.source.entra if context.settings is not None else None
    if source is None:
        return
    if context.offline:
        yield from (skip(name, "not asked: it needs the network (--offline)") for name in QUESTIONS)
        return
    context.secrets.extend(Secret(value) for name in _SECRETS if (value := context.environment.get(name, "").strip()))
    with ExitStack() as stack:
        waiting = stack.enter_context(_wait_until_the_end(context))
        hosts = choose_hosts(source.cloud, context.environment)
        try:
            app = App(source.tenant, source.client_id)
            credential = find_credential(app, hosts, context.environment, waiting, stack)
        except NoCredentialError as exc:
            # Only what imports needs one: a machine that applies has none.
            yield skip(QUESTIONS[0], f"not asked: {exc.summary} on this machine, and only imports need one")
            yield from (skip(name, "not asked: there is no credential") for name in QUESTIONS[1:])
            return
        yield ok(
            QUESTIONS[0], f"the credential is {credential.name}", kind=credential.name, renewable=credential.renewable
        )
        context.budget.check_time()
        try:
            yield from _ask_with(context, source, hosts, credential, waiting)
        except StopRequestedError as exc:
            raise TimeOverError(TIME_OVER) from exc


@contextmanager
def _wait_until_the_end(context: CheckContext) -> Iterator[Waiting]:
    """Yield how to wait: no longer than the check may take."""
    stop = threading.Event()
    timer = threading.Timer(context.budget.seconds_left, stop.set)
    timer.daemon = True
    timer.start()
    try:
        yield Waiting(stop, network=context.network, seconds=_REQUEST_SECONDS)
    finally:
        timer.cancel()


def _ask_with(
    context: CheckContext, source: EntraSource, hosts: GraphHosts, credential: Credential, waiting: Waiting
) -> Iterator[Answer]:
    tokens = Tokens(credential, tenant=source.tenant, resource=hosts.resource)
    try:
        token = tokens.current().secret
    except SourceError as exc:
        if not isinstance(credential, AzureCli):
            raise
        # It is tried because it is installed: no setting says that it is to be used.
        advice = (*exc.detail.splitlines(), "Only imports need it.")
        yield warn("graph_token", exc.summary, *advice)
        yield from (skip(name, "not asked: there is no token") for name in QUESTIONS[2:])
        return
    context.secrets.append(token)
    claims = read_claims(token.reveal())
    yield ok("graph_token", "Microsoft Entra ID gave a token for Microsoft Graph", is_jwt=claims is not None)
    permitted = _judge_permissions(claims, credential.name)
    yield permitted
    if permitted.verdict is CheckVerdict.FAILED:
        yield skip("graph_application", "not asked: graph permissions failed")
        return
    with open_graph(hosts.graph, tokens, stop=waiting.stop, network=waiting.network, seconds=waiting.seconds) as client:
        application = find_application(client, source.application)
        same = application.object_id.casefold() == source.application.casefold()
        yield ok("graph_application", "the enterprise application of source.entra is there", named_by_id=same)


def _judge_permissions(claims: Mapping[str, Any] | None, credential: str) -> Answer:
    name, needed = "graph_permissions", ", ".join(PEOPLE)
    granted = list_granted(claims or {})
    facts = {f"has_{each.name.lower()}": each.value in granted for each in PEOPLE}
    try:
        check_permissions(claims, PEOPLE, credential)
    except SourceError as exc:
        return fail(name, exc.summary, *exc.detail.splitlines(), **facts)
    writing = sorted(each for each in granted if any(part in each for part in _WRITES))
    if writing:
        advice = f"Take what it does not need away: imports only read, and need {needed}."
        summary = f"the token grants what imports need, and {pluralize(len(writing), 'permission')} to write"
        return warn(name, f"{summary}: {format_names(writing, 3)}", advice, **facts)
    return ok(name, f"the token grants what imports need: {needed}", **facts)
