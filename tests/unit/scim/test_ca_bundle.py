from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
from support.certificates import PrivateAuthority, private_authority

from reconciler.scim.ca_bundle import CaBundle, CaBundleError, parse_ca_bundle

NOW = datetime.now(UTC)
PEM = private_authority().pem.encode()
LEAF = private_authority().issue("scim.example.test").cert_chain_pems[0].bytes()
FORM = "It must have certificates in PEM: blocks that begin with -----BEGIN CERTIFICATE-----."
BEGIN = "-----BEGIN"
UTF_16 = "Save it as ASCII or UTF-8: in PowerShell, with Set-Content -Encoding ascii."
CONVERT = "That is a form of OpenSSL's own: openssl x509 -in FILE -out FILE.pem converts such a certificate."
GET_AGAIN = "It is cut or changed: get the file again from those who run the authority."


def parse(content: bytes, now: datetime = NOW) -> CaBundle:
    return parse_ca_bundle("/etc/ca.pem", content, now)


def test_the_authorities_of_a_file_are_kept_in_pem() -> None:
    other = PrivateAuthority("Other").pem.encode()
    found = parse(b"# Example Corp\r\n" + PEM.replace(b"\n", b"\r\n") + b"between" + other + b"after \xff")
    assert found.path == "/etc/ca.pem"
    assert found.pem.encode() == PEM + other
    assert len(found.ends) == 2
    assert all(end > NOW for end in found.ends)
    assert "BEGIN" not in repr(found)


def test_the_bundle_of_an_operating_system_is_read() -> None:
    found = parse(Path(certifi.where()).read_bytes())
    assert len(found.ends) > 100
    assert list(found.ends) == sorted(found.ends)
    assert found.pem.count("BEGIN CERTIFICATE") >= len(found.ends)


def test_a_certificate_of_a_server_beside_its_authority_is_left_out() -> None:
    assert parse(LEAF + PEM).pem.encode() == PEM


@pytest.mark.parametrize(
    ("content", "summary", "detail"),
    [
        (b"", "names an empty file", FORM),
        (b" \n", "names an empty file", FORM),
        (b"hello", "names a file without a certificate", FORM),
        (PEM.decode().encode("utf-16"), "names a file in UTF-16", UTF_16),
        (PEM.decode().encode("utf-16-be"), "names a file in UTF-16", UTF_16),
        (PEM.decode().encode("utf-16-le"), "names a file in UTF-16", UTF_16),
        (
            PEM.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
            f"names a file with {BEGIN} TRUSTED CERTIFICATE-----",
            CONVERT,
        ),
        (
            PEM + PEM.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
            f"names a file with {BEGIN} X509 CERTIFICATE-----",
            CONVERT,
        ),
        (PEM.replace(b"CERTIFICATE", b"PKCS7"), "names a file without a certificate", FORM),
        (
            ssl.PEM_cert_to_DER_cert(PEM.decode()),
            "names a file without a certificate in PEM",
            "It may be in DER: openssl x509 -inform der -in FILE -out FILE.pem converts it to PEM.",
        ),
        (PEM + PEM[:200], "names a file whose certificate 2 cannot be read", GET_AGAIN),
        (PEM.replace(b"MII", b"MI!"), "names a file whose certificate 1 cannot be read", GET_AGAIN),
        (PEM.replace(b"MII", b"AAA"), "names a file whose certificate 1 cannot be read", GET_AGAIN),
        (PEM.replace(b"MII", b"M\xff"), "names a file whose certificate 1 cannot be read", GET_AGAIN),
        (
            LEAF,
            "names a file with certificates of servers, and none of an authority",
            "Name the certificate of the authority that issued it: it does not change when the server's does.",
        ),
        (PEM * 2_001, "names a file with more than 2,000 certificates", FORM),
        *(
            (
                PEM + b"-----BEGIN " + kind + b"PRIVATE KEY-----\nAAAA\n-----END " + kind + b"PRIVATE KEY-----\n",
                "names a file with a private key",
                "Remove the key: only the certificates of authorities belong there.",
            )
            for kind in (b"", b"RSA ", b"EC ", b"ENCRYPTED ", b"OPENSSH ")
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_error(content: bytes, summary: str, detail: str) -> None:
    with pytest.raises(CaBundleError) as caught:
        parse(content)
    assert (caught.value.summary, caught.value.detail) == (f"RECONCILER_CA_BUNDLE {summary}", detail)


def test_authorities_that_have_all_expired_are_refused() -> None:
    end = parse(PEM).ends[0]
    with pytest.raises(CaBundleError) as caught:
        parse(PEM, end + timedelta(days=1))
    assert caught.value.summary == (
        f"RECONCILER_CA_BUNDLE names a file whose authorities have all expired, the last on {end:%Y-%m-%d}"
    )


def test_authorities_that_are_not_valid_yet_are_refused() -> None:
    with pytest.raises(CaBundleError, match="authorities are not valid yet"):
        parse(PEM, datetime(1990, 1, 1, tzinfo=UTC))
