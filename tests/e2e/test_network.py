"""A company's network: the installed command reaches every service through a proxy, behind a private authority.

Names of services are resolved by the proxy alone. What the proxy sees unencrypted is kept and searched for secrets.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.certificates import PrivateAuthority, private_authority
from support.command import TOKEN, CommandWorkspace, ListeningPort, OpenCommandWorkspace, messages, sample_users
from support.git_repository import GitRepository
from support.servers.fake_scim import ServerFaults
from support.servers.git_http import GitServer
from support.servers.github_api import REPOSITORY, GitHubApi, Token
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import Tenant
from support.servers.http_server import HttpServer, Reply, Request
from support.servers.proxy import ConnectProxy, refuse
from support.servers.tls_front import TlsFront
from support.workspace import CommandResult

from reconciler.oauth.token_document import TokenBinding, build_token_document, format_token_document
from reconciler.sandbox.seed import load_default_seed, seed
from reconciler.sandbox.server import start
from reconciler.scim.secret import Secret

SCIM, GRAPH, LOGIN, GITHUB, HOOKS = (f"{name}.example.test" for name in ("scim", "graph", "login", "github", "hooks"))
PASSWORD = "pr0xy-s3cret"
CREDENTIALS = f"ada:{PASSWORD}"


@dataclass
class Company:
    """A workspace whose service is behind the proxy, by the name of `SCIM`."""

    work: CommandWorkspace
    proxy: ConnectProxy
    front: TlsFront
    environment: dict[str, str]

    def run(self, *arguments: str, **more: str) -> CommandResult:
        """Run the command; no output has the token or the proxy's password."""
        result = self.work.command(*arguments, env={**self.environment, **more})
        for secret in (TOKEN, PASSWORD):
            assert secret not in result.out + result.err
        assert "Traceback" not in result.err
        return result

    def assert_private(self) -> None:
        """The proxy saw neither the token nor a user in plain, and nothing on disk has a secret."""
        for words in (TOKEN, "Bearer", "userName", "/scim/"):
            assert words.encode() not in self.proxy.seen
        for path in self.work.root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert not any(secret.encode() in path.read_bytes() for secret in (TOKEN, PASSWORD)), path


@contextmanager
def company(work: CommandWorkspace, behind: int, **proxy: Any) -> Iterator[Company]:
    authority = private_authority()
    with ExitStack() as stack:
        front = stack.enter_context(TlsFront(proxy.pop("context", None) or authority.serve(SCIM), behind))
        running = stack.enter_context(
            ConnectProxy({f"{SCIM}:443": front.port}, **{"credentials": CREDENTIALS, **proxy})
        )
        environment = {
            "RECONCILER_PROXY": running.url,
            "RECONCILER_CA_BUNDLE": str(authority.write(work.root)),
            "RECONCILER_ALLOWED_HOSTS": SCIM,
        }
        work.settings(target={"profile": "scim", "base_url": f"https://{SCIM}/scim"})
        yield Company(work, running, front, environment)


def port_of(url: str) -> int:
    return int(url.split(":")[2].split("/", maxsplit=1)[0])


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    live, people = sample_users(12, department="Moved")
    opened = open_command_workspace(live)
    opened.users(people)
    return opened


# --- plan and apply -------------------------------------------------------------------


def test_plan_and_apply_go_through_the_proxy_with_several_connections(work: CommandWorkspace) -> None:
    with company(work, port_of(work.base_url)) as site:
        keys = work.root / "keys"
        planned = site.run("plan", "-o", "plan.json", SSLKEYLOGFILE=str(keys))
        assert not keys.exists()
        assert planned.code == 0, planned.err
        assert len(site.proxy.tunnels) == 1
        work.service.faults = ServerFaults(latency=0.05)
        applied = site.run("apply", "plan.json")
        assert applied.code == 0, applied.err
        assert len(work.service.writes) == 12
        assert len(site.proxy.tunnels) > 2, "each thread has a tunnel"
        assert {tunnel.target for tunnel in site.proxy.tunnels} == {f"{SCIM}:443"}
        assert {entry.headers.get("Authorization") for entry in work.service.log} == {f"Bearer {TOKEN}"}
        assert all("Proxy-Authorization" not in entry.headers for entry in work.service.log)
        site.assert_private()


def test_the_sandbox_behind_a_private_authority_is_provisioned(work: CommandWorkspace) -> None:
    file = work.root / "sandbox.db"
    seed(file, {**load_default_seed(), "users": [], "domains": ["example.com"]})
    sandbox = start(file)
    with company(work, port_of(sandbox.base_url)) as site:
        base_url = f"https://{SCIM}/feeds/business/scim"
        work.settings(target={"profile": "apple-business-manager", "base_url": base_url, "domains": ["example.com"]})
        work.users([{"objectId": "7", "userPrincipalName": "a@example.com", "givenName": "Ada", "surname": "Lovelace"}])
        assert site.run("apply", "--auto-approve", RECONCILER_TOKEN=sandbox.token).code == 0
        again = site.run("plan", "--detailed-exitcode", RECONCILER_TOKEN=sandbox.token)
        assert again.code == 0, again.out
        assert sandbox.token.encode() not in site.proxy.seen
    sandbox.close()


# --- what is refused ------------------------------------------------------------------


def error_of(result: CommandResult) -> list[str]:
    assert (result.code, result.out) == (1, "")
    return [line.strip() for line in messages(result.err) if "waiting" not in line]


def test_a_password_that_the_proxy_does_not_take_is_no_refused_token(work: CommandWorkspace) -> None:
    with company(work, port_of(work.base_url)) as site:
        name = f"127.0.0.1:{site.proxy.port}"
        for url, summary in (
            (f"http://{name}", f"the proxy {name} requires authentication (407)"),
            (
                f"http://ada:{PASSWORD}x@{name}",
                f"the proxy {name} does not accept the user and password of RECONCILER_PROXY (407)",
            ),
        ):
            refused = site.run("plan", RECONCILER_PROXY=url)
            assert error_of(refused)[0] == f"Error: {summary}"
            assert "RECONCILER_TOKEN" not in refused.err
        assert len(site.proxy.tunnels) == 2, "another attempt changes no password"
        site.assert_private()
    assert work.service.log == []


def test_a_proxy_that_is_down_for_a_moment_is_asked_again_and_not_without_end(work: CommandWorkspace) -> None:
    with company(work, port_of(work.base_url), answer=refuse(503, "Busy")) as site:
        began = time.monotonic()
        refused = site.run("plan")
        assert f"the proxy 127.0.0.1:{site.proxy.port} cannot connect to {SCIM} (503)" in refused.err
        assert (refused.code, refused.out) == (1, "")
        assert 1 < len(site.proxy.tunnels) <= 8
        assert time.monotonic() - began < 60
    assert work.service.log == []


def test_tunnels_that_are_refused_for_a_moment_cost_no_change_and_send_none_twice(work: CommandWorkspace) -> None:
    with company(work, port_of(work.base_url)) as site:
        assert site.run("plan", "-o", "plan.json").code == 0
        site.proxy.refusals = [refuse(503, "Busy"), b"", refuse(502, "Bad Gateway")]
        applied = site.run("apply", "plan.json")
        assert applied.code == 0, applied.err
        assert (len(work.service.writes), site.proxy.refusals) == (12, [])


def test_a_proxy_that_intercepts_is_refused_unless_its_authority_is_given(work: CommandWorkspace) -> None:
    own = PrivateAuthority("Interceptor")
    with company(work, port_of(work.base_url), intercept=own) as site:
        refused = error_of(site.run("plan"))
        assert refused[0].startswith("Error: the service's certificate is not accepted: no authority that this machine")
        assert "with its authority in RECONCILER_CA_BUNDLE the proxy can read the token." in " ".join(refused)
        assert (site.proxy.decrypted, len(site.proxy.tunnels)) == (b"", 1)
        trusting = own.write(work.root, "own.pem")
        assert site.run("plan", RECONCILER_CA_BUNDLE=str(trusting)).code == 0
        assert TOKEN.encode() in site.proxy.decrypted


@pytest.mark.parametrize("fault", ["expired", "early", "other host"])
def test_a_wrong_certificate_behind_the_proxy_is_refused(fault: str, work: CommandWorkspace) -> None:
    authority = private_authority()
    contexts = {
        "expired": (authority.serve_expired(SCIM), "it has expired"),
        "early": (authority.serve_early(SCIM), "it is not valid yet"),
        "other host": (authority.serve("other.example.test"), "it belongs to another host"),
    }
    context, why = contexts[fault]
    with company(work, port_of(work.base_url), context=context) as site:
        assert error_of(site.run("plan"))[0].startswith(f"Error: the service's certificate is not accepted: {why}")
        assert (site.front.handshakes, len(site.proxy.tunnels)) == (0, 1)
        site.assert_private()
    assert work.service.log == []


@pytest.mark.parametrize(
    ("variable", "value", "summary"),
    [
        (
            "RECONCILER_PROXY",
            f"socks5://{CREDENTIALS}@proxy:1",
            "RECONCILER_PROXY is not the URL of a proxy: it does not",
        ),
        ("RECONCILER_NO_PROXY", "*", "entry 1 of RECONCILER_NO_PROXY is neither a host nor a domain"),
        ("RECONCILER_CA_BUNDLE", "/nowhere.pem", 'RECONCILER_CA_BUNDLE "/nowhere.pem" cannot be read: No such file'),
    ],
)
def test_a_wrong_variable_is_one_error_before_any_request(
    variable: str, value: str, summary: str, work: CommandWorkspace
) -> None:
    with company(work, port_of(work.base_url)) as site:
        for command in (("plan",), ("apply", "--auto-approve")):
            assert error_of(site.run(*command, **{variable: value}))[0].startswith(f"Error: {summary}")
        assert site.proxy.connections == 0


# --- routes ---------------------------------------------------------------------------


def test_this_machine_is_reached_without_the_proxy(work: CommandWorkspace, listener: ListeningPort) -> None:
    assert work.command("apply", "--auto-approve", env={"RECONCILER_PROXY": listener.url}).code == 0
    assert not listener.heard()


@pytest.fixture
def listener() -> Iterator[ListeningPort]:
    opened = ListeningPort()
    yield opened
    opened.close()


def test_an_exempt_host_is_not_asked_of_the_proxy(work: CommandWorkspace) -> None:
    with company(work, port_of(work.base_url)) as site:
        refused = site.run("plan", RECONCILER_NO_PROXY=".example.test")
        assert f"the host name {SCIM} cannot be resolved" in refused.err
        assert site.proxy.connections == 0


def test_a_proxy_of_other_programs_is_named_but_not_used(work: CommandWorkspace, listener: ListeningPort) -> None:
    with company(work, port_of(work.base_url)) as site:
        refused = site.run("plan", RECONCILER_PROXY="", HTTPS_PROXY=listener.url)
        assert "HTTPS_PROXY is set, but not used: to connect through a proxy, set RECONCILER_PROXY." in refused.err
    assert not listener.heard()


# --- the other services ---------------------------------------------------------------


def test_microsoft_graph_and_its_login_are_reached_through_the_proxy(work: CommandWorkspace) -> None:
    tenant = Tenant()
    ada = tenant.add_user("ada@contoso.onmicrosoft.com", givenName="Ada", surname="Lovelace")
    tenant.assign(tenant.add_application(), ada)
    authority = private_authority()
    with GraphServer(tenant) as server, company(work, port_of(work.base_url)) as site, ExitStack() as stack:
        for name, url in ((GRAPH, server.graph_url), (LOGIN, server.login_url)):
            front = stack.enter_context(TlsFront(authority.serve(name), port_of(url)))
            site.proxy.routes[f"{name}:443"] = front.port
        source = {"tenant": tenant.id, "client_id": tenant.app.client_id, "application": "Apple Business Manager"}
        work.write("users/people.yaml", "[]\n")
        work.settings(source={"entra": source})
        hosts = {"RECONCILER_GRAPH_URL": f"https://{GRAPH}", "RECONCILER_LOGIN_URL": f"https://{LOGIN}"}
        imported = site.run("import", "entra", AZURE_CLIENT_SECRET=tenant.app.secret, **hosts)
        assert imported.code == 0, imported.err
        assert "ada@contoso.onmicrosoft.com" in "".join(path.read_text() for path in work.state.rglob("*.yaml"))
        assert {tunnel.target for tunnel in site.proxy.tunnels} == {f"{GRAPH}:443", f"{LOGIN}:443"}
        assert tenant.app.secret.encode() not in site.proxy.seen
        site.proxy.answer = refuse(403, "Forbidden")
        refused = site.run("import", "entra", AZURE_CLIENT_SECRET=tenant.app.secret, **hosts)
        assert error_of(refused)[0] == (
            f"Error: the proxy 127.0.0.1:{site.proxy.port} forbids connections to {LOGIN} (403)"
        )


def test_github_is_reached_through_the_proxy(work: CommandWorkspace) -> None:
    api = GitHubApi()
    api.tokens["gh-t0ken"] = Token(permissions={"actions": "read", "contents": "read", "pull-requests": "read"})
    environment = {
        "GITHUB_API_URL": f"https://{GITHUB}",
        "GITHUB_TOKEN": "gh-t0ken",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_REF_NAME": "main",
        "GITHUB_SHA": "0" * 40,
        "GITHUB_RUN_ID": "5",
        "GITHUB_RUN_NUMBER": "3",
    }
    with (
        company(work, port_of(work.base_url)) as site,
        TlsFront(private_authority().serve(GITHUB), port_of(api.url)) as front,
    ):
        site.proxy.routes[f"{GITHUB}:443"] = front.port
        site.run("github", "reviewed", "-o", "plan.json", **environment)
        assert [tunnel.target for tunnel in site.proxy.tunnels] == [f"{GITHUB}:443"]
        assert b"authorization: bearer gh-t0ken" in bytes(front.heard).lower()
        assert b"gh-t0ken" not in site.proxy.seen
        site.proxy.answer = refuse(407, "Authenticate")
        refused = site.run("github", "reviewed", "-o", "plan.json", **environment)
        assert "does not accept the user and password of RECONCILER_PROXY (407)" in refused.err
    api.close()


def test_git_pushes_the_record_through_the_proxy(work: CommandWorkspace) -> None:
    """git trusts what it is configured to trust: the authority is in the user's configuration."""
    origin = GitRepository(work.root / "origin")
    content = {"target": {"profile": "scim", "base_url": f"https://{SCIM}/scim"}, "record": {"branch": "the-record"}}
    content["guards"] = {"foreign_accounts": {"count": 1000}}
    origin.commit("Settings", {"desired-state/settings.yaml": json.dumps(content)})
    people = (work.state / "users" / "people.yaml").read_text()
    origin.commit("People", {"desired-state/users/people.yaml": people, "desired-state/scope.yaml": "sync: all\n"})
    clone = work.root / "clone"
    origin.git("clone", "--quiet", "--no-local", f"file://{origin.root}", str(clone))
    server = GitServer(origin.root, lambda: {"gh-t0ken": Token(permissions={"contents": "write"})})
    with (
        company(work, port_of(work.base_url)) as site,
        TlsFront(private_authority().serve(GITHUB), port_of(server.url)) as front,
    ):
        site.proxy.routes[f"{GITHUB}:443"] = front.port
        (work.root / ".gitconfig").write_text(f"[http]\nsslCAInfo = {site.environment['RECONCILER_CA_BUNDLE']}\n")
        environment = {
            "GITHUB_SERVER_URL": f"https://{GITHUB}",
            "GITHUB_TOKEN": "gh-t0ken",
            "GITHUB_REPOSITORY": REPOSITORY,
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "*",
        }
        place = ("--state", str(clone / "desired-state"), "--plans", str(clone / "plans"))
        assert site.run("github", "fetch-record", *place[:2], **environment).code == 0
        applied = site.run("apply", "--auto-approve", *place, **environment)
        assert applied.code == 0, applied.err
        pushed = site.run("github", "push-record", *place, **environment)
        assert pushed.code == 0, pushed.err
        tunnels = [tunnel for tunnel in site.proxy.tunnels if tunnel.target == f"{GITHUB}:443"]
        assert tunnels
        assert b"gh-t0ken" not in site.proxy.seen
        assert not any(b"\r\nauthorization" in tunnel.head.lower() for tunnel in tunnels), "the token is for GitHub"
    server.close()
    assert "receipt.jsonl" in origin.git("ls-tree", "-r", "--name-only", "the-record")


def test_tokens_are_refreshed_through_the_proxy(work: CommandWorkspace) -> None:
    forms: list[bytes] = []

    def issue(request: Request) -> Reply:
        forms.append(request.body)
        answer = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "refresh-2"}
        return Reply(status=200, headers={"Content-Type": "application/json"}, body=json.dumps(answer).encode())

    server = HttpServer(issue)
    token_url, base_url = f"https://{LOGIN}/token", f"https://{SCIM}/scim"
    ended = datetime(2026, 1, 1, tzinfo=UTC)
    binding = TokenBinding("SCIM.1", token_url, base_url)
    document = build_token_document(binding, Secret("old"), Secret("refresh-1"), timedelta(hours=1), asked=ended)
    store = work.root.parent / "tokens"
    store.write_bytes(format_token_document(document))
    store.chmod(0o600)
    with (
        company(work, port_of(work.base_url)) as site,
        TlsFront(private_authority().serve(LOGIN), port_of(server.origin)) as front,
    ):
        site.proxy.routes[f"{LOGIN}:443"] = front.port
        work.settings(target={"profile": "scim", "base_url": base_url, "auth": "oauth"})
        environment = {
            "RECONCILER_ALLOWED_HOSTS": f"{SCIM},{LOGIN}",
            "RECONCILER_TOKEN": "",
            "RECONCILER_TOKEN_STORE": f"file:{store}",
            "RECONCILER_OAUTH_CLIENT_ID": "SCIM.1",
            "RECONCILER_OAUTH_CLIENT_SECRET": "cl13nt-s3cret",
            "RECONCILER_OAUTH_TOKEN_URL": token_url,
        }
        planned = site.run("plan", **environment)
        assert planned.code == 0, planned.err
        assert [tunnel.target for tunnel in site.proxy.tunnels] == [f"{LOGIN}:443", f"{SCIM}:443"]
        assert b"refresh-1" in forms[0]
        for secret in (b"refresh-", b"cl13nt-s3cret"):
            assert secret not in site.proxy.seen
        site.assert_private()
    server.close()


def test_notifications_go_to_a_webhook_through_the_proxy(work: CommandWorkspace) -> None:
    heard: list[str] = []

    def answer(request: Request) -> Reply:
        heard.append(request.target)
        return Reply(status=200)

    server = HttpServer(answer)
    with (
        company(work, port_of(work.base_url)) as site,
        TlsFront(private_authority().serve(HOOKS), port_of(server.origin)) as front,
    ):
        site.proxy.routes[f"{HOOKS}:443"] = front.port
        target = {"profile": "scim", "base_url": f"https://{SCIM}/scim"}
        work.settings(target=target, notifications={"on_failure": ["webhook:json"]})
        planned = site.run("plan", "-o", "plan.json")
        assert planned.code == 0, planned.err
        del site.proxy.routes[f"{SCIM}:443"]
        failed = site.run("apply", "plan.json", RECONCILER_WEBHOOK_URL=f"https://{HOOKS}/s3cret-path")
        assert (failed.code, "cannot connect to scim.example.test (502)" in failed.err) == (1, True), failed.err
        assert heard == ["/s3cret-path"]
        assert f"{HOOKS}:443" in [tunnel.target for tunnel in site.proxy.tunnels]
        assert b"s3cret-path" not in site.proxy.seen
    server.close()
