from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.github.environment import git_remote, open_github, read_workflow
from reconciler.scim.network import DIRECT, Network, ProxyServer
from reconciler.scim.secret import Secret

RUN = {
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "example/people",
    "GITHUB_RUN_ID": "12",
    "GITHUB_RUN_NUMBER": "3",
    "GITHUB_REF_NAME": "main",
    "GITHUB_SHA": "c0ffee",
    "GITHUB_STEP_SUMMARY": "/runner/summary",
    "GITHUB_OUTPUT": "/runner/output",
}
TOKEN = {**RUN, "GITHUB_TOKEN": "t"}


def test_the_run_is_read_from_the_variables_of_the_runner() -> None:
    here = read_workflow(RUN)
    assert (here.repository, here.branch, here.commit) == ("example/people", "main", "c0ffee")
    assert (here.run, here.run_number) == (12, 3)
    assert here.run_url == "https://github.example/example/people/actions/runs/12"
    assert (here.summary, here.outputs) == (Path("/runner/summary"), Path("/runner/output"))


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {**RUN, "GITHUB_RUN_ID": "x", "GITHUB_RUN_NUMBER": "-1"},
        {**RUN, "GITHUB_RUN_ID": "9" * 5000, "GITHUB_RUN_NUMBER": "²"},
    ],
)
def test_outside_a_workflow_there_is_no_run(environment: dict[str, str]) -> None:
    here = read_workflow(environment)
    assert (here.run, here.run_number, here.run_url) == (0, 0, "")


def test_files_are_none_outside_a_workflow() -> None:
    assert (read_workflow({}).summary, read_workflow({}).outputs) == (None, None)


@pytest.mark.parametrize("token", ["", " ", "a\nb", "é"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match="GITHUB_TOKEN is not set"):
        git_remote(DIRECT, {**TOKEN, "GITHUB_TOKEN": token})


@pytest.mark.parametrize("repository", ["", "people", "a/b/c", "../x", "a/..", "a/b?x", "a/b#", "a b/c"])
def test_a_repository_that_is_none_is_refused(repository: str) -> None:
    with pytest.raises(UsageError, match="GITHUB_REPOSITORY is not set"):
        git_remote(DIRECT, {**TOKEN, "GITHUB_REPOSITORY": repository})


@pytest.mark.parametrize("url", ["http://github.example", "ftp://x", "github.example", "https://", "https://x:99999"])
def test_only_an_encrypted_server_gets_the_token(url: str) -> None:
    with pytest.raises(UsageError, match=r"GITHUB_SERVER_URL .* is not an https:// URL"):
        git_remote(DIRECT, {**TOKEN, "GITHUB_SERVER_URL": url})
    with (
        pytest.raises(UsageError, match=r"GITHUB_API_URL .* is not an https:// URL"),
        open_github(DIRECT, {**TOKEN, "GITHUB_API_URL": url}),
    ):
        pass


@pytest.mark.parametrize("url", ["https://github.example/", "http://127.0.0.1:8080", "http://localhost:1"])
def test_the_remote_is_the_repository_of_the_run(url: str) -> None:
    remote = git_remote(DIRECT, {**TOKEN, "GITHUB_SERVER_URL": url})
    assert remote.url == f"{url.rstrip('/')}/example/people"


def test_the_token_is_for_the_server_only_and_replaces_that_of_a_checkout() -> None:
    secrets = git_remote(DIRECT, TOKEN).secrets
    setting = "http.https://github.example/.extraHeader"
    assert (secrets["GIT_CONFIG_KEY_0"], secrets["GIT_CONFIG_VALUE_0"]) == (setting, "")
    assert secrets["GIT_CONFIG_KEY_1"] == setting
    assert secrets["GIT_CONFIG_VALUE_1"] == "Authorization: Basic eC1hY2Nlc3MtdG9rZW46dA=="


def test_the_proxy_of_git_is_in_its_environment_with_its_password() -> None:
    proxy = ProxyServer("http", "proxy.example", 8080, Secret("ada"), Secret("p@ss:/1"))
    remote = git_remote(Network(proxy), TOKEN)
    secrets = remote.secrets
    found = [(secrets[f"GIT_CONFIG_KEY_{number}"], secrets[f"GIT_CONFIG_VALUE_{number}"]) for number in (2, 3)]
    url = "http://ada:p%40ss%3A%2F1@proxy.example:8080"
    assert found == [("http.proxy", url), ("http.https://github.example/.proxy", url)]
    assert (secrets["GIT_CONFIG_COUNT"], secrets["NO_PROXY"], secrets["no_proxy"]) == ("4", "", "")
    assert [option for option in remote.options() if "proxy" in option] == []
    assert "p%40ss" not in repr(remote)


def test_git_uses_no_proxy_for_an_exempt_server() -> None:
    network = Network(ProxyServer("http", "proxy.example", 8080), direct_hosts=("github.example",))
    remote = git_remote(network, TOKEN)
    assert remote.secrets["GIT_CONFIG_COUNT"] == "2"
    assert "http.proxy=" in remote.options()
