"""Where the token may go, and that it shows up nowhere."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support.command import (
    TOKEN,
    CommandWorkspace,
    ListeningPort,
    OpenCommandWorkspace,
    all_bytes,
    messages,
    sample_users,
)
from support.servers.fake_scim import FakeScimServer, Logged, ServerFaults
from support.servers.http_server import Reply
from support.servers.patching import Refused
from support.servers.tls_service import TlsService
from support.workspace import CommandResult

FORMS = (TOKEN, quote(TOKEN, safe=""), base64.b64encode(TOKEN.encode()).decode(), TOKEN[:12])


def assert_no_token(work: CommandWorkspace, *answers: CommandResult) -> None:
    """Neither in any output nor in any file, in no form."""
    found = all_bytes(work.root, [text for answer in answers for text in (answer.out, answer.err)])
    assert [form for form in FORMS if form.encode() in found] == []


@pytest.fixture
def listener() -> Iterator[ListeningPort]:
    opened = ListeningPort()
    yield opened
    opened.close()


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    """Three people, all of whom move."""
    live, people = sample_users(3, department="Moved")
    opened = open_command_workspace(live)
    opened.users(people)
    return opened


# --- the token --------------------------------------------------------------------


def test_the_token_is_in_no_output_and_no_file(work: CommandWorkspace) -> None:
    planned = work.command("plan", "-v", "-o", "plan.json", "--format", "json")
    applied = work.command("apply", "-v", "plan.json")
    shown = [work.run("show", str(file), "--format", "json") for file in (work.root / "plan.json", *work.receipts())]
    assert (planned.code, applied.code, len(shown)) == (0, 0, 2)
    assert [entry for entry in work.service.log if entry.headers.get("Authorization") != f"Bearer {TOKEN}"] == []
    assert_no_token(work, planned, applied, *shown)


REFUSALS = {
    "401": ServerFaults(unauthorized_after=0),
    "a login page": ServerFaults(login_page=True),
    "not JSON": ServerFaults(html_as_json=1),
    "a redirect": ServerFaults(redirect="http://127.0.0.1:9/elsewhere"),
    "no connection": ServerFaults(broken_transfer=1),
    "an error": ServerFaults(error_on_page=1, error_status=400, error_times=None),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_the_token_is_in_no_error(name: str, work: CommandWorkspace) -> None:
    work.service.faults = REFUSALS[name]
    answers = [work.run("plan", "-v"), work.apply("-v")]
    assert_no_token(work, *answers)


class Echo(FakeScimServer):
    """Repeats the Authorization header wherever it can, as a proxy does that shows what it was sent."""

    def _error(self, entry: Logged, refused: Refused) -> Reply:
        return super()._error(entry, Refused(refused.status, f"refused: {entry.headers['Authorization']}", "invalid"))

    def _before_scim(self, entry: Logged) -> Reply | None:
        reply = super()._before_scim(entry)
        if reply is None:
            return None
        echoed = entry.headers["Authorization"]
        headers = {**reply.headers, "Location": f"http://127.0.0.1:9/?{echoed}"}
        return replace(reply, headers=headers, body=f"{echoed} is what came".encode())


ECHOES = {
    "in a Location": ServerFaults(redirect="http://127.0.0.1:9"),
    "in a page": ServerFaults(login_page=True),
    "in the refusal of a page": ServerFaults(error_on_page=1, error_status=400, error_times=None),
    "in the refusal of the session": ServerFaults(error_on_page=1, error_status=403, error_times=None),
    "in the refusal of a user": ServerFaults(refuse_user="ada.0@example.com"),
}


@pytest.mark.parametrize("name", ECHOES)
def test_a_service_that_repeats_the_token_does_not_get_it_printed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, people = sample_users(1, department="Moved")
    with Echo(ECHOES[name], live, TOKEN) as service:
        work = CommandWorkspace(tmp_path / "workspace", service, monkeypatch)
        work.users(people)
        answer = work.apply("-v")
        assert answer.code != 0
        assert_no_token(work, answer)


def test_the_token_is_not_in_a_crash(work: CommandWorkspace) -> None:
    """A bug ends in Python's own traceback: without local variables, which hold the token."""
    broken = "import httpx\ndef send(self, request):\n    raise RuntimeError(repr((self, request.headers)))\n"
    (work.root / "sitecustomize.py").write_text(f"{broken}httpx.HTTPTransport.handle_request = send\n")
    crashed = work.command("plan", "-v", env={"PYTHONPATH": str(work.root)})
    assert crashed.code == 1
    assert "RuntimeError" in crashed.err
    assert_no_token(work, crashed)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "tokén", "bell\a"])
def test_a_mangled_token_is_refused_without_being_shown(
    token: str, work: CommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_TOKEN", token)
    answer = work.run("plan")
    assert (answer.code, answer.out, work.service.log) == (1, "", [])
    assert "RECONCILER_TOKEN has characters that no token has" in answer.err
    assert token not in answer.err


# --- which host -------------------------------------------------------------------


def with_base_url(work: CommandWorkspace, base_url: str, profile: str = "scim") -> CommandResult:
    work.settings(target={"profile": profile, "base_url": base_url})
    return work.run("plan")


def test_another_host_is_refused_before_any_request(work: CommandWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECONCILER_ALLOWED_HOSTS")
    refused = work.run("plan")
    assert (refused.code, refused.out) == (1, "")
    port = work.base_url.rpartition(":")[2].partition("/")[0]
    assert messages(refused.err) == [
        f"Error: the token may not be sent to 127.0.0.1:{port}",
        f"  If it is the right service, allow it where the token comes from: RECONCILER_ALLOWED_HOSTS=127.0.0.1:{port}",
    ]
    assert work.service.log == []


def test_the_way_out_that_is_printed_works(work: CommandWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", "scim.example.com")
    variable = work.run("plan").err.split()[-1]
    name, _, value = variable.partition("=")
    monkeypatch.setenv(name, f"scim.example.com, {value.upper()} ,")
    assert work.run("plan").code == 0


def test_a_path_on_a_host_that_others_share_can_be_pinned(
    work: CommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _, path = work.base_url.removeprefix("http://").partition("/")
    for other in ("acme", f"{path}/x", path[:-1]):
        monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", f"{host}/{other}")
        refused = work.run("plan")
        assert (refused.code, work.service.log) == (1, [])
        assert refused.err.split()[-1] == f"RECONCILER_ALLOWED_HOSTS={host}/{path}"
    for here in (f"{host}/{path}", f" {host.upper()}/{path}/", f"127.0.0.1/{path}"):
        monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", f"scim.example.com,{here}")
        assert work.run("plan").code == 0, here


def test_nothing_in_yaml_allows_a_host(work: CommandWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", "")
    for key in ("allowed_hosts", "token", "proxy", "verify", "ca_file", "headers", "token_env"):
        work.settings(target={"profile": "scim", "base_url": work.base_url, key: "127.0.0.1"})
        answer = work.run("plan")
        assert answer.code == 1
        assert f'unknown key "{key}"' in answer.err
    work.settings(target={"profile": "scim", "base_url": "${RECONCILER_TOKEN}"})
    assert_no_token(work, work.run("plan"))
    assert work.service.log == []


REFUSED_HOSTS = {
    # base_url: what is allowed, what is said
    "https://scim.example.com:8443/scim": ("scim.example.com", "may not be sent to scim.example.com:8443"),
    "https://scim.example.com/scim": ("scim.example.com:8443", "may not be sent to scim.example.com"),
    "https://sub.scim.example.com": ("scim.example.com,.example.com,*", "may not be sent to sub.scim.example.com"),
    "https://scim.example.com/evil/v2": ("scim.example.com/acme/v2", "may not be sent to scim.example.com/evil/v2"),
    "https://scim.example.com/acme/v2/../../evil/v2": ("scim.example.com/acme/v2", "may not be sent to"),
    "https://scim.example.com/acme/v2/%2e%2e/evil": ("scim.example.com/acme/v2", "may not be sent to"),
    "https://scim.example.com/acme/v2evil": ("scim.example.com/acme/v2", "may not be sent to"),
    "https://scim.example.com/ACME/v2": ("scim.example.com/acme/v2", "may not be sent to"),
    "https://scim.example.com//acme/v2": ("scim.example.com/acme/v2", "may not be sent to"),
    "https://scim.example.com": ("scim.example.com/acme/v2", "may not be sent to scim.example.com"),
    "https://federation.apple.com./scim": ("", "may not be sent to federation.apple.com."),
    "https://xn--federation-apple-0k8o.com/scim": ("", "may not be sent to xn--federation-apple-0k8o.com"),
    "https://[::ffff:127.0.0.1]/scim": ("127.0.0.1", "may not be sent to ::ffff:127.0.0.1"),
    "https://federation%2eapple.com/scim": (
        "federation%2eapple.com",
        "Its host is neither a DNS name nor an IP address",
    ),
    "https://federation.apple.com.example.com/scim": ("", "may not be sent to federation.apple.com.example.com"),
    "https://federation.apple.com:8443/scim": ("", "may not be sent to federation.apple.com:8443"),
    "https://federation.apple.com@scim.example.com/": ("", "may have no user"),
    "https://scim.example.com\\@federation.apple.com/": ("", "may have no user"),
    "https://user:secret@federation.apple.com/": ("", "may have no user"),
    "https://scim.example.com#@federation.apple.com/": ("", "may have no user, query or fragment"),
    "https://federation.apple.com/scim?to=x": ("", "may have no user, query or fragment"),
    "http://federation.apple.com/scim": ("federation.apple.com", "would send the token unencrypted"),
    "http://scim.example.com/scim": ("scim.example.com,scim.example.com:80", "would send the token unencrypted"),
    "http://127.0.0.1.example.com/": ("127.0.0.1", "would send the token unencrypted"),
    "http://2130706433/": ("127.0.0.1,2130706433", "Its host is neither a DNS name nor an IP address"),
    "https://ｆederation.apple.com/": ("", "is not a URL"),
    "file:///etc/passwd": ("", "is not an https:// URL"),
    "federation.apple.com/scim": ("", "is not an https:// URL"),
    "": ("", "is not an https:// URL"),
    "https://federation.apple.com:99999/": ("", "Port out of range 0-65535."),
    "https://federation.apple.com:0/": ("", "Port out of range 1-65535."),
    "https://[::1": ("", "Invalid IPv6 URL."),
}


@pytest.mark.parametrize("base_url", REFUSED_HOSTS)
def test_a_base_url_that_could_lead_elsewhere_is_refused(
    base_url: str, work: CommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed, words = REFUSED_HOSTS[base_url]
    monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", allowed)
    with monkeypatch.context() as patched:
        # A name that is looked up has already left the machine.
        patched.setattr(socket, "getaddrinfo", _never)
        refused = with_base_url(work, base_url, "apple-business-manager")
    assert (refused.code, refused.out) == (1, "")
    assert words in refused.err


ODD_HOSTS = [
    *(
        "",
        ":443",
        ".",
        "..",
        "a..b",
        ".a",
        "a..",
        "-a",
        "a-",
        "xn--",
        "xn--zzzzzzzzz9999999",
        "%61",
        "a%00b",
        "*",
        "a b",
    ),
    *(
        "a" * 300,
        "a" * 64,
        ".".join(["a" * 60] * 6),
        "a!b",
        "a,b",
        "a;b",
        "a'b",
        'a"b',
        "a<b",
        "a|b",
        "a^b",
        "a`b",
        "a{b",
    ),
    *("[v1.x]", "[]", "[:::]", "[1.2.3.4]", "[::1]x", "[::1]:x", "[fe80::1%25eth0]", "[fe80::1%eth0]", "a[b", "a]b"),
    *("256.1.1.1", "1.2.3", "0x7f.1", "2130706433", "0", "1.2.3.4.", "a:0", "a:65536", "a:-1", "a:x", "a:443:443"),
    *("a\\b", "a\x7f", "a\tb", "a\u200bb", "\u0430", "\u2024", "a:" + "9" * 1_500),
]


@pytest.mark.parametrize("host", ODD_HOSTS)
def test_a_host_that_is_no_name_and_no_address_is_refused_with_words(
    host: str, work: CommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", f"{host},{host.partition(':')[0]},::1")
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", _never)
        refused = with_base_url(work, f"https://{host}/scim")
    assert (refused.code, refused.out) == (1, "")
    assert messages(refused.err)[0].startswith(("Error: target.base_url ", "Error: not YAML"))


@pytest.mark.parametrize(
    "host", ["xn--bcher-kva.example", "xn--strae-oqa.example", "A_b.example.", "[2001:DB8::1]", "h:00443"]
)
def test_a_host_that_is_unusual_but_valid_is_asked(
    host: str, work: CommandWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def resolve(name: str, *_args: object, **_kwargs: object) -> Any:
        asked.append(name)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", host.strip("[]").replace(":00443", ""))
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", resolve)
        patched.setattr("time.sleep", lambda _seconds: None)
        answer = with_base_url(work, f"https://{host}/scim")
    assert answer.code == 1
    assert {name.casefold() for name in asked} == {host.strip("[]").replace(":00443", "").casefold()}, answer.err


def _never(*_args: object, **_kwargs: object) -> Any:
    raise AssertionError("a name was looked up")


@pytest.mark.parametrize(
    "url",
    ["https://user:secret@127.0.0.1/scim", "https://127.0.0.1/scim?key=secret", "https://127.0.0.1/scim#secret"],
)
def test_a_password_in_a_base_url_is_not_printed(work: CommandWorkspace, url: str) -> None:
    refused = with_base_url(work, url).err
    assert "https://127.0.0.1/scim" in refused
    assert "secret" not in refused


@pytest.mark.parametrize("tail", ["?", "#", "\n", "\t", "\a", " ", "/a b", "x" * 65_000])
def test_a_base_url_with_odd_characters_is_refused_with_words(tail: str, work: CommandWorkspace) -> None:
    refused = with_base_url(work, work.base_url + tail)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("Error: target.base_url ")
    assert work.service.log == []


# --- what could lead requests away ------------------------------------------------


def diverting(listener: ListeningPort, home: Path) -> dict[str, str]:
    """All that the environment can say about where requests go and with what."""
    netrc = home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\ndefault login somebody password else\n")
    netrc.chmod(0o600)
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SOCKS_PROXY")
    proxies = {form: listener.url for name in names for form in (name, name.lower())}
    nowhere = str(home / "nowhere")
    certificates = dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), nowhere)
    return {**proxies, **certificates, "NO_PROXY": "", "no_proxy": "", "NETRC": str(netrc), "HOME": str(home)}


def test_proxies_certificates_and_netrc_of_the_environment_change_nothing(
    work: CommandWorkspace, listener: ListeningPort
) -> None:
    applied = work.command("apply", "--auto-approve", env=diverting(listener, work.root))
    assert applied.code == 0, applied.err
    assert len(work.service.writes) == 3
    assert {entry.headers.get("Authorization") for entry in work.service.log} == {f"Bearer {TOKEN}"}
    assert not listener.heard()


def test_a_certificate_that_only_the_environment_vouches_for_is_refused_at_once(
    work: CommandWorkspace, listener: ListeningPort, tmp_path: Path
) -> None:
    service = TlsService(tmp_path)
    work.settings(target={"profile": "scim", "base_url": f"https://127.0.0.1:{service.port}"})
    vouching = {**diverting(listener, work.root), "SSL_CERT_FILE": str(service.certificate)}
    refused = work.command("plan", env=vouching)
    service.close()
    assert (refused.code, refused.out) == (1, "")
    assert "the service's certificate is not accepted" in refused.err
    assert service.heard == b""
    assert not listener.heard()
    assert service.connections == 1, "trying again changes no certificate"


def test_the_keys_of_connections_are_written_nowhere(work: CommandWorkspace, tmp_path: Path) -> None:
    """Programs that honor SSLKEYLOGFILE write what decrypts a connection, and so the token."""
    service, keys = TlsService(tmp_path), tmp_path / "keys"
    work.settings(target={"profile": "scim", "base_url": f"https://127.0.0.1:{service.port}"})
    refused = work.command("plan", env={"SSLKEYLOGFILE": str(keys)})
    service.close()
    assert "the service's certificate is not accepted" in refused.err
    assert service.connections == 1
    assert not keys.exists()


def test_openssl_configuration_does_not_weaken_verification(work: CommandWorkspace, tmp_path: Path) -> None:
    configuration = tmp_path / "openssl.cnf"
    options = "VerifyMode = None\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0"
    configuration.write_text(
        f"openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\nclient = c\n[c]\n{options}\n"
    )
    service = TlsService(tmp_path)
    work.settings(target={"profile": "scim", "base_url": f"https://127.0.0.1:{service.port}"})
    refused = work.command("plan", env={"OPENSSL_CONF": str(configuration), "PYTHONHTTPSVERIFY": "0"})
    service.close()
    assert "the service's certificate is not accepted" in refused.err
    assert service.heard == b""


def test_a_redirect_to_another_host_is_not_followed(work: CommandWorkspace, listener: ListeningPort) -> None:
    work.service.faults = ServerFaults(redirect=listener.url)
    refused = work.run("plan")
    assert (refused.code, refused.out) == (1, "")
    assert messages(refused.err) == [
        f'Error: the service redirects to "{listener.url}/Users?startIndex=1&count=200"',
        "  Redirects are not followed with a token: correct target.base_url.",
    ]
    assert len(work.service.log) == 1
    assert not listener.heard()


def test_a_redirect_on_the_same_host_is_not_followed(work: CommandWorkspace) -> None:
    work.service.faults = ServerFaults(redirect=f"{work.base_url}/elsewhere")
    assert work.run("plan").code == 1
    assert [entry.path for entry in work.service.log] == ["/Users"]


def test_a_write_that_is_redirected_stops_the_apply(work: CommandWorkspace, listener: ListeningPort) -> None:
    def redirect_writes(entry: Logged) -> None:
        if entry.method == "GET" and sum(item.method == "GET" for item in work.service.log) > reads:
            work.service.faults = ServerFaults(redirect=listener.url)

    work.users(sample_users(3)[1][:1] + sample_users(3, department="Moved")[1][1:2] + sample_users(3)[1][2:])
    work.run("plan")
    reads = len(work.service.log)
    work.service.log.clear()
    work.service.after = redirect_writes
    stopped = work.apply()
    assert stopped.code == 1
    assert "the service redirects to" in stopped.err
    assert [entry.status for entry in work.service.writes] == [302]
    assert not listener.heard()
    lines = [json.dumps(line) for line in work.receipt()]
    assert "failed" in lines[-1]
