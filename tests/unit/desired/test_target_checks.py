"""Domains and addresses of the target that are written by mistake."""

import pytest

from reconciler.core.model import Diagnostic, Severity
from reconciler.desired import schema
from reconciler.desired.target_checks import check_address, check_domains
from reconciler.desired.validation import LocatedModel, validate
from reconciler.desired.yaml_reader import read_document
from reconciler.profiles import PROFILES

APPLE = "https://federation.apple.com/feeds/business/scim"


def settings(domains: str = "[]", url: str = APPLE) -> LocatedModel[schema.Settings]:
    text = f"target: {{profile: apple-business-manager, base_url: {url!r}, domains: {domains}}}\n"
    found: list[Diagnostic] = []
    located = validate(read_document(text.encode(), "settings.yaml", found.append), schema.Settings, found.append)
    assert located is not None
    assert not found
    return located


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("@example.com", "Write example.com."),
        ("ada@example.com", "Write example.com."),
        ("https://example.com", "Write example.com."),
        ("https://example.com/path", "Write example.com."),
        ("*.example.com", "Write example.com; each subdomain is an item of its own."),
        (".example.com", "Write example.com."),
        ("example.com example.org", "Write each domain as an item of its own: [example.com, example.org]."),
        ("example.com, example.org", "Write each domain as an item of its own: [example.com, example.org]."),
        ("", "Write a domain such as example.com."),
    ],
)
def test_what_is_no_domain_is_an_error_at_its_item(written: str, right: str) -> None:
    found: list[Diagnostic] = []
    assert check_domains(settings(f"[example.net, {written!r}]"), found.append) == []
    assert [(item.severity, item.detail) for item in found] == [(Severity.ERROR, right)]
    assert found[0].origin is not None
    assert found[0].origin.column > len("target: {")


@pytest.mark.parametrize(
    "domain", ["example.com", "Example.COM", "b\u00fccher.example", "xn--bcher-kva.example", "localhost"]
)
def test_domains_are_accepted(domain: str) -> None:
    found: list[Diagnostic] = []
    assert check_domains(settings(f"[{domain}]"), found.append) == [domain]
    assert found == []


@pytest.mark.parametrize(
    ("url", "summary"),
    [
        (APPLE, None),
        (f"{APPLE}/", None),
        ("https://scim-proxy.example.com/scim", None),
        (f"{APPLE}/v2", "target.base_url does not end with /scim"),
        (APPLE.replace("apple.com", "aple.com"), 'target.base_url: the host "federation.aple.com" looks like'),
    ],
)
def test_an_address_that_resembles_the_profiles_own_is_a_warning(url: str, summary: str | None) -> None:
    found: list[Diagnostic] = []
    check_address(settings(url=url), PROFILES["apple-business-manager"], found.append)
    assert [item.severity for item in found] == ([] if summary is None else [Severity.WARNING])
    assert summary is None or found[0].summary.startswith(summary)
