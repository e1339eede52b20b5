from __future__ import annotations

from typing import get_args

import pytest

from reconciler.desired.source_settings import EntraSource
from reconciler.errors import SourceError
from reconciler.sources.graph.clouds import CLOUDS, GRAPH_URL, choose_hosts, name_setting


def test_every_cloud_of_the_settings_has_hosts() -> None:
    assert set(get_args(EntraSource.model_fields["cloud"].annotation)) == set(CLOUDS)
    for name in CLOUDS:
        hosts = choose_hosts(name, {})
        assert {hosts.login.scheme, hosts.graph.scheme} == {"https"}
        assert hosts.resource == hosts.graph.base_url


def test_the_environment_replaces_the_hosts_and_not_what_tokens_are_for() -> None:
    environment = {"RECONCILER_GRAPH_URL": "http://127.0.0.1:81/", "RECONCILER_LOGIN_URL": "https://login.example:82"}
    hosts = choose_hosts("global", environment)
    assert (hosts.graph.scheme, hosts.graph.host, hosts.graph.port) == ("http", "127.0.0.1", 81)
    assert hosts.graph.base_url == "http://127.0.0.1:81"
    assert (hosts.login.host, hosts.login.port) == ("login.example", 82)
    assert hosts.resource == "https://graph.microsoft.com"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://graph.example", "would send the token unencrypted"),
        ("graph.example", "is not an https:// URL"),
        ("https://user:pass@graph.example", "may have no user, query or fragment"),
        ("https://graph.example/v1.0", "has a path"),
        ("https://graph.example/\x1b[2J", "is not a URL"),
    ],
)
def test_a_variable_that_is_no_origin_is_refused(url: str, why: str) -> None:
    for name in ("RECONCILER_GRAPH_URL", "RECONCILER_LOGIN_URL"):
        with pytest.raises(SourceError) as raised:
            choose_hosts("global", {name: url})
        assert raised.value.summary.startswith(f"{name} ")
        assert why in raised.value.summary
        assert "pass" not in raised.value.summary
        assert "\x1b" not in raised.value.summary


def test_a_host_that_does_not_answer_is_that_of_the_cloud_or_of_the_variable() -> None:
    for name in CLOUDS:
        assert name_setting(choose_hosts(name, {}).graph, GRAPH_URL) == "Check source.entra.cloud"
    replaced = choose_hosts("global", {GRAPH_URL: "http://127.0.0.1:81"})
    assert name_setting(replaced.graph, GRAPH_URL) == "Check RECONCILER_GRAPH_URL"
