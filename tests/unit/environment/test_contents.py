"""What made files hold: nginx and its libraries must be content with them."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from ansible_collections.sluice.nginx.plugins.module_utils.environment.authority import Authority
from ansible_collections.sluice.nginx.plugins.module_utils.environment.contents import content_of, page

AUTHORITY = Authority()


def _content(purpose: str, path: str = "/x") -> bytes:
    return content_of(path, purpose, AUTHORITY).encode("latin-1")


def test_what_is_signed_is_signed_by_the_authority() -> None:
    root = x509.load_pem_x509_certificate(_content("ca"))
    assert root.public_key() == x509.load_pem_x509_certificate(AUTHORITY.certificate.encode()).public_key()
    revoked = x509.load_pem_x509_crl(_content("crl"))
    assert (revoked.issuer, len(list(revoked))) == (root.subject, 0)
    answer = ocsp.load_der_ocsp_response(_content("ocsp"))
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD


def test_parameters_of_diffie_hellman_have_2048_bits() -> None:
    lines = _content("dhparam").decode().splitlines()
    assert (lines[0], lines[-1]) == ("-----BEGIN DH PARAMETERS-----", "-----END DH PARAMETERS-----")
    # A sequence of two integers, of which the first has 256 bytes and a zero before them.
    assert base64.b64decode("".join(lines[1:-1]))[:9].hex() == "308201080282010100"


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        ("htpasswd", b"staging:{PLAIN}staging\n"),
        ("passwords", b"staging\n"),
        ("include", b"# made by staging\n"),
        ("dtd", b""),
        ("anything", b""),
    ],
)
def test_plain_contents(purpose: str, expected: bytes) -> None:
    assert _content(purpose) == expected


def test_ticket_keys_have_one_of_the_two_lengths_that_nginx_takes() -> None:
    assert len(_content("ticket")) in (48, 80)


def test_a_geo_database_says_its_type() -> None:
    content = _content("mmdb", "/usr/share/GeoIP/GeoLite2-City.mmdb")
    assert content.count(b"\xab\xcd\xefMaxMind.com") == 1
    assert b"GeoLite2-City" in content


@pytest.mark.parametrize(
    "path", ["/srv/index.html", "/srv/index.php", "/srv/a.json", "/srv/a.css", "/srv/a.txt", "/srv/page"]
)
def test_a_page_says_its_own_path(path: str) -> None:
    assert path in page(path)
