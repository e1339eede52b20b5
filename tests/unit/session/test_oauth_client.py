from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import TargetError
from reconciler.session.oauth_client import read_oauth_credentials, read_oauth_endpoints

BASE = "https://appleid.apple.com/auth/oauth2/v2"
ENVIRONMENT = {
    "RECONCILER_OAUTH_CLIENT_ID": " SCIM.6f1c9a52\n",
    "RECONCILER_OAUTH_CLIENT_SECRET": "s3cret+/=",
    "RECONCILER_OAUTH_AUTHORIZE_URL": f"{BASE}/authorize ",
    "RECONCILER_OAUTH_TOKEN_URL": f"{BASE}/token",
}


def test_it_is_read_without_blanks_around_it() -> None:
    found = read_oauth_credentials(ENVIRONMENT)
    assert (found.client_id, found.client_secret.reveal()) == ("SCIM.6f1c9a52", "s3cret+/=")
    assert found.token.base_url == f"{BASE}/token"
    assert "s3cret" not in repr(found)
    assert read_oauth_endpoints(ENVIRONMENT).authorize.base_url == f"{BASE}/authorize"


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_what_is_missing_is_named(name: str) -> None:
    read = read_oauth_endpoints if name.endswith("AUTHORIZE_URL") else read_oauth_credentials
    with pytest.raises(TargetError, match=f"^{name} is not set$"):
        read({**ENVIRONMENT, name: " "})


@pytest.mark.parametrize("name", ["RECONCILER_OAUTH_CLIENT_ID", "RECONCILER_OAUTH_CLIENT_SECRET"])
@pytest.mark.parametrize("value", ["s3 cret", "s3\ncret", "s3cr\u00e9t", "s3cret" * 1000])
def test_what_cannot_be_one_is_not_shown(name: str, value: str) -> None:
    with pytest.raises(TargetError) as raised:
        read_oauth_credentials({**ENVIRONMENT, name: value})
    assert raised.value.summary.startswith(f"{name} has impossible")
    assert "s3" not in f"{raised.value.summary}{raised.value.detail}"


def test_another_host_must_be_allowed() -> None:
    other = {**ENVIRONMENT, "RECONCILER_OAUTH_TOKEN_URL": "https://idp.example/token"}
    with pytest.raises(TargetError, match=r"the client secret may not be sent to idp\.example"):
        read_oauth_credentials(other)
    allowed = {**other, "RECONCILER_ALLOWED_HOSTS": "x.example, idp.example"}
    assert read_oauth_credentials(allowed).token.host == "idp.example"


def test_a_tenant_can_have_a_client_of_its_own(tmp_path: Path) -> None:
    for name, content in (("client-id", "id-of-acme"), ("client-secret", "c4nary")):
        (tmp_path / f"acme.{name}").write_text(content + "\n")
        (tmp_path / f"acme.{name}").chmod(0o600)
    environment = {name: value for name, value in ENVIRONMENT.items() if "CLIENT" not in name}
    environment["RECONCILER_TOKEN_DIR"] = str(tmp_path)
    found = read_oauth_credentials(environment, "acme")
    assert (found.client_id, found.client_secret.reveal()) == ("id-of-acme", "c4nary")
    assert read_oauth_credentials({**environment, **ENVIRONMENT}, "acme").client_id != "id-of-acme"
    with pytest.raises(TargetError, match=r"this tenant's file \.client-id in RECONCILER_TOKEN_DIR"):
        read_oauth_credentials(environment, "beta")
    with pytest.raises(TargetError, match="RECONCILER_OAUTH_CLIENT_ID is not set"):
        read_oauth_credentials(environment)
