"""The hosts of Microsoft's clouds. They are built in: nothing in YAML chooses who receives a credential.

https://learn.microsoft.com/graph/deployments; audiences of federated credentials:
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations. The hosts of `global` are
documented; audiences of the national clouds were not verified.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.base_url import BaseUrlError, check_base_url, hide_secrets
from reconciler.core.text import escape_control, shorten
from reconciler.errors import SourceError
from reconciler.scim.transport import Endpoint

GRAPH_URL = "RECONCILER_GRAPH_URL"
LOGIN_URL = "RECONCILER_LOGIN_URL"


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud. `login` issues tokens for `graph`; `audience`: of an assertion that proves a federated identity."""

    login: str
    graph: str
    audience: str


CLOUDS: Mapping[str, Cloud] = {
    "global": Cloud("https://login.microsoftonline.com", "https://graph.microsoft.com", "api://AzureADTokenExchange"),
    "usgov": Cloud("https://login.microsoftonline.us", "https://graph.microsoft.us", "api://AzureADTokenExchangeUSGov"),
    "usgov-dod": Cloud(
        "https://login.microsoftonline.us", "https://dod-graph.microsoft.us", "api://AzureADTokenExchangeUSGov"
    ),
    "china": Cloud(
        "https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn", "api://AzureADTokenExchangeChina"
    ),
}
"""By the names of `source.entra.cloud`."""


@dataclass(frozen=True, slots=True)
class GraphHosts:
    """Where to read. `resource`: what tokens are for, which stays the cloud's own if a test replaces the hosts."""

    login: Endpoint
    graph: Endpoint
    resource: str
    audience: str


def choose_hosts(cloud: str, environment: Mapping[str, str] = os.environ) -> GraphHosts:
    """Return the hosts of a cloud, or those of RECONCILER_GRAPH_URL and RECONCILER_LOGIN_URL.

    Raises `SourceError` for a variable that is not an origin: https, or http on loopback.
    """
    chosen = CLOUDS[cloud]
    return GraphHosts(
        parse_origin(LOGIN_URL, environment.get(LOGIN_URL, "").strip() or chosen.login),
        parse_origin(GRAPH_URL, environment.get(GRAPH_URL, "").strip() or chosen.graph),
        chosen.graph,
        chosen.audience,
    )


def parse_origin(name: str, url: str) -> Endpoint:
    """Parse the URL in the variable `name`, which has no path. Raises `SourceError`."""
    shown = escape_control(shorten(hide_secrets(url), 120))
    try:
        scheme, host, port = check_base_url(url)
    except BaseUrlError as exc:
        raise SourceError(f"{name} {shown} {exc}", exc.hint) from exc
    base_url = url.rstrip("/")
    if base_url.count("/") != len("//"):
        raise SourceError(f"{name} {shown} has a path", "Only scheme, host and port are replaced: https://host:port.")
    return Endpoint(scheme, host, port, base_url)


def name_setting(endpoint: Endpoint, variable: str) -> str:
    """Return what to check if a host does not answer: the cloud, or the variable that replaces its host."""
    built_in = {url for cloud in CLOUDS.values() for url in (cloud.login, cloud.graph)}
    return "Check source.entra.cloud" if endpoint.base_url in built_in else f"Check {variable}"
